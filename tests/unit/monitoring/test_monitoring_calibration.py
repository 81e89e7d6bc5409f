"""Calibration ratios and the intervals under them, against scipy and by coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.monitoring import CalibrationCount
from heptad.monitoring.intervals import poisson, wilson


@given(st.integers(0, 300), st.integers(0, 300))
def test_wilson_holds_the_share(successes: int, failures: int) -> None:
    n = successes + failures
    low, high = wilson(successes, n)
    assert 0.0 <= low <= (successes / n if n else 0.5) <= high <= 1.0
    mirrored = wilson(failures, n)
    assert (low, high) == pytest.approx((1.0 - mirrored[1], 1.0 - mirrored[0]), abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 20), (50, 100), (20, 20)])
def test_wilson_is_scipys(successes: int, n: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    exact = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize("count", [5, 10, 40, 1_000])
def test_poisson_is_near_the_exact_interval(count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    exact = (stats.chi2.ppf(0.025, 2 * count) / 2, stats.chi2.ppf(0.975, 2 * count + 2) / 2)
    assert poisson(count) == pytest.approx(exact, rel=0.01)
    assert poisson(0)[0] == 0.0


def test_interval_covers_a_perfect_model() -> None:
    """95 % of 1,000 seeded runs hold 1, give or take five standard deviations (34); wider is allowed."""
    rng = np.random.default_rng(2)
    for scale in (1.0, 0.01):
        inside = 0
        for _ in range(1_000):
            p = rng.beta(2, 8, size=500) * scale
            inside += not CalibrationCount().add(p, rng.random(500) < p).ratio().off
        assert inside >= 916


def test_a_model_that_promises_too_much_is_off() -> None:
    rng = np.random.default_rng(3)
    p = np.full(2_000, 0.3)
    ratio = CalibrationCount().add(p, rng.random(2_000) < 0.2).ratio()
    assert ratio.off
    assert 0.55 < ratio.low < ratio.ratio < ratio.high < 0.8


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.integers(0, 40))
def test_parts_merge_to_the_whole(rows: list[tuple[float, bool]], cut: int) -> None:
    p, y = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], bool)
    whole = CalibrationCount().add(p, y)
    merged = CalibrationCount().add(p[:cut], y[:cut]).merge(CalibrationCount().add(p[cut:], y[cut:]))
    assert (merged.n, merged.observed) == (whole.n, whole.observed)
    assert merged.predicted == pytest.approx(whole.predicted)


def test_nothing_predicted_has_no_ratio() -> None:
    ratio = CalibrationCount().ratio()
    assert math.isnan(ratio.ratio)
    assert not ratio.off
    assert ratio.to_json()["ratio"] is None


@pytest.mark.parametrize(
    ("p", "y", "match"),
    [
        ([0.5], [1, 0], "one outcome"),
        ([1.5], [1], "0 to 1"),
        ([math.nan], [1], "0 to 1"),
        ([0.5], [2], "0 or 1"),
    ],
)
def test_refuses_what_is_not_a_probability(p: list[float], y: list[int], match: str) -> None:
    with pytest.raises(DataError, match=match):
        CalibrationCount().add(np.array(p), np.array(y))
    with pytest.raises(DataError):
        wilson(3, 2)
    with pytest.raises(DataError):
        poisson(-1)
    with pytest.raises(DataError):
        wilson(1, 2, level=1.0)
