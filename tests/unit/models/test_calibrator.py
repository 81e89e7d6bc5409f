"""Calibration curves: never falling, right on average, equal to scikit-learn's where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from heptad.errors import DataError
from heptad.evaluation.calibration import ece
from heptad.models.calibrator import Calibrator


def drawn_rows(scores):
    return st.lists(st.tuples(scores, st.sampled_from([0.0, 1.0])), min_size=1, max_size=40)


rows = drawn_rows(st.floats(0, 1))
apart = drawn_rows(st.integers(0, 40).map(lambda n: n / 40))  # scikit-learn merges scores closer than 1e-10
methods = st.sampled_from(["isotonic", "platt"])


def miscalibrated(n=4000):
    generator = np.random.default_rng(0)
    truth = generator.beta(1, 4, n)
    return truth**0.5, (generator.random(n) < truth).astype(float)


@given(rows, methods)
def test_the_curve_never_falls_and_stays_inside_0_and_1(drawn, method):
    p, y = np.array(drawn).T
    calibrator = Calibrator.fit(p, y, 0, method=method)
    curve = calibrator.predict(np.linspace(0, 1, 101))
    assert (np.diff(curve) >= -1e-12).all()
    assert ((curve > 0) & (curve < 1)).all()


@given(apart)
def test_isotonic_blocks_are_the_least_squares_fit(drawn):
    p, y = np.array(drawn).T
    found = Calibrator.fit(p, y, 0, method="isotonic")
    theirs = IsotonicRegression().fit(p, y)
    fitted = np.unique(np.clip(theirs.predict(p), 1 / (len(p) + 2), 1 - 1 / (len(p) + 2)).round(9))
    np.testing.assert_allclose(np.unique(found.ys.round(9)), fitted, atol=1e-8)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_it_mends_a_miscalibrated_score_on_new_rows(method):
    p, y = miscalibrated()
    calibrator = Calibrator.fit(p[:2000], y[:2000], 5, method=method)
    after = calibrator.predict(p[2000:])
    assert ece(p[2000:], y[2000:]) > 0.2
    assert ece(after, y[2000:]) < 0.03


def test_platt_gives_back_the_curve_it_was_drawn_from():
    generator = np.random.default_rng(1)
    logit = generator.normal(size=20000)
    y = (generator.random(20000) < 1 / (1 + np.exp(-(0.5 * logit - 1)))).astype(float)
    found = Calibrator.fit(1 / (1 + np.exp(-logit)), y, 0, method="platt")
    assert found.ys == pytest.approx([0.5, -1.0], abs=0.06)


def test_platt_on_a_score_that_points_the_wrong_way_is_flat():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    found = Calibrator.fit(p, np.array([1.0, 1.0, 0.0, 0.0]), 0, method="platt")
    np.testing.assert_allclose(found.predict(p), 0.5)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_saving_and_loading_keeps_every_bit(method, tmp_path):
    p, y = miscalibrated(500)
    calibrator = Calibrator.fit(p, y, 42, method=method)
    calibrator.save(tmp_path)
    again = Calibrator.load(tmp_path)
    assert (again.method, again.trained_through) == (method, 42)
    np.testing.assert_array_equal(again.predict(p), calibrator.predict(p))


@pytest.mark.parametrize(("p", "y"), [([], []), ([0.5], [2.0]), ([np.nan], [1.0]), ([0.5, 0.5], [1.0])])
def test_wrong_rows_are_refused(p, y):
    with pytest.raises(DataError, match="hold out"):
        Calibrator.fit(np.array(p), np.array(y), 0, method="platt")
