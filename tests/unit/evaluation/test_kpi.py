"""Sentences about models that the loss and the KPI put in opposite order."""

from __future__ import annotations

import math

from heptad.evaluation.kpi import LossAndKPI, disagreements


def test_agreement_ties_and_nan_say_nothing():
    assert disagreements({"a": LossAndKPI(0.1, 9), "b": LossAndKPI(0.2, 5)}) == []
    assert disagreements({"a": LossAndKPI(0.1, 5), "b": LossAndKPI(0.1, 9)}) == []
    assert disagreements({"a": LossAndKPI(math.nan, 5), "b": LossAndKPI(0.1, 9)}) == []


def test_the_largest_difference_comes_first_and_both_orders_read_alike():
    models = {"a": LossAndKPI(0.3, 10.0), "b": LossAndKPI(0.2, 9.0), "c": LossAndKPI(0.1, 2.0)}
    found = disagreements(models, loss="log loss", kpi="watches")
    assert len(found) == 3
    assert found[0] == "c has the better log loss (0.1 against 0.3), but a the better watches (10 against 2)."
    assert disagreements(dict(reversed(models.items())), loss="log loss", kpi="watches") == found


def test_directions_can_be_turned():
    models = {"a": LossAndKPI(0.1, 9), "b": LossAndKPI(0.2, 5)}
    assert len(disagreements(models, less_loss_is_better=False)) == 1
    assert disagreements(models, less_loss_is_better=False, more_kpi_is_better=False) == []
