"""AUC, log loss, NE and calibration against slow versions and known values."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.evaluation.calibration import ece, ratio, reliability
from heptad.evaluation.classification import auc, logloss, logloss_rows, ne, ne_rows

rows = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 1)), min_size=1)


def split(drawn):
    return np.array([p for p, _ in drawn]), np.array([y for _, y in drawn], dtype=float)


@given(rows)
def test_auc_counts_every_pair(drawn):
    positives, negatives = ([p for p, y in drawn if y == kind] for kind in (1, 0))
    pairs = [(a > b) + 0.5 * (a == b) for a in positives for b in negatives]
    expected = sum(pairs) / len(pairs) if pairs else math.nan
    assert auc(*split(drawn)) == pytest.approx(expected, nan_ok=True, abs=1e-15)


def test_auc_with_a_nan_prediction_is_nan():
    assert math.isnan(auc([0.1, math.nan], [0, 1]))


@given(rows)
def test_log_loss_of_every_row(drawn):
    p, y = split(drawn)
    expected = [-math.log(max(q if o else 1 - q, 1e-15)) for q, o in zip(p, y, strict=True)]
    np.testing.assert_allclose(
        logloss_rows(p, y), expected, rtol=1e-2 if {0.0, 1.0} & set(p) else 1e-12, atol=2e-15
    )
    assert logloss(p, y) == pytest.approx(logloss_rows(p, y).mean())


@given(rows)
def test_ne_of_the_base_rate_is_one(drawn):
    _, y = split(drawn)
    expected = 1.0 if 0 < y.mean() < 1 else math.nan
    assert ne(np.full(len(y), y.mean()), y) == pytest.approx(expected, nan_ok=True)


def test_ne_is_log_loss_over_entropy():
    p, y = np.array([0.9, 0.2, 0.4]), np.array([1.0, 0.0, 0.0])
    entropy = -(math.log(1 / 3) / 3 + 2 * math.log(2 / 3) / 3)
    assert ne(p, y) == pytest.approx(logloss(p, y) / entropy)
    assert ne_rows(p, y).mean() == pytest.approx(ne(p, y))


@given(rows, st.integers(1, 12))
def test_reliability_bins_cover_every_row_once_in_order(drawn, bins):
    p, y = split(drawn)
    table = reliability(p, y, bins)
    assert sum(b.n for b in table) == len(p)
    assert len(table) <= bins
    assert all(left.high < right.low for left, right in pairwise(table))
    assert sum(b.n * b.predicted for b in table) == pytest.approx(p.sum())
    assert sum(b.n * b.observed for b in table) == pytest.approx(y.sum())
    slow = sum(abs(sum(q - o for q, o in drawn if b.low <= q <= b.high)) for b in table) / len(p)
    assert ece(p, y, bins) == pytest.approx(slow)


def test_bins_have_equal_mass_without_ties():
    p = np.linspace(0, 1, 101) ** 3
    assert {b.n for b in reliability(p, np.zeros(101), 10)} == {10, 11}


def test_ece_and_ratio_of_a_model_that_predicts_twice_too_much():
    p, y = np.full(100, 0.4), np.repeat([0.0, 1.0], [80, 20])
    assert ece(p, y) == pytest.approx(0.2)
    assert ratio(p, y) == pytest.approx(2.0)
    assert math.isnan(ratio([0.5], [0]))
    assert math.isnan(ece([], []))


def test_wrong_rows_are_refused():
    for p, y in (([0.5], [0, 1]), ([0.5], [2]), ([[0.5]], [[1]])):
        with pytest.raises(DataError, match="one prediction and one outcome"):
            auc(p, y)
