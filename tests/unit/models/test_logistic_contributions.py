"""What each column of a logistic regression adds: a row's sum is its log-odds."""

from __future__ import annotations

import numpy as np

from heptad.models.logistic import Logistic


def test_a_rows_contributions_add_up_to_its_log_odds():
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.normal(size=300), draw.normal(3, 2, 300), draw.integers(0, 4, 300)])
    x[::7, 1] = np.nan
    y = (x[:, 0] + (x[:, 2] == 1) + draw.normal(size=300) > 0).astype(float)
    model = Logistic(categorical=[2]).fit(x, y)
    x[0, 2] = 9  # a code that was not in training adds nothing
    parts = model.contributions(x)
    p = model.predict_proba(x)
    assert parts.shape == (300, 4)
    np.testing.assert_allclose(parts.sum(axis=1), np.log(p / (1 - p)), rtol=1e-9)
    assert parts[0, 2] == 0
    assert np.ptp(parts[:, 3]) == 0


def test_a_number_at_its_mean_adds_nothing():
    x = np.array([[1.0], [2.0], [3.0], [2.0]])
    model = Logistic().fit(x, np.array([0.0, 0.0, 1.0, 1.0]))
    assert model.contributions(x)[1, 0] == 0
