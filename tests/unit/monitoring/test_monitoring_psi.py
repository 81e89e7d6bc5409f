"""PSI: its laws, the naive formula, and how often it cries wolf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.monitoring import Histogram, psi, psi_by_chance, psi_threshold
from heptad.monitoring.bins import CategoryBins, NumericBins

BINS = CategoryBins(("a", "b", "c"))  # with other and null, five
counts = st.lists(st.integers(0, 10_000), min_size=5, max_size=5).map(lambda c: Histogram(BINS, tuple(c)))


def naive_psi(reference: Histogram, current: Histogram) -> float:
    """The formula as it is printed, for histograms without empty bins."""
    total = 0.0
    for a, b in zip(reference.counts, current.counts, strict=True):
        p, q = a / reference.n, b / current.n
        total += (p - q) * math.log(p / q)
    return total


@given(counts, counts)
def test_never_negative_and_symmetric(one: Histogram, other: Histogram) -> None:
    assert psi(one, other) >= 0.0
    assert psi(one, other) == psi(other, one)


@given(counts, st.integers(1, 50))
def test_zero_for_equal_shares(one: Histogram, times: int) -> None:
    assert psi(one, one) == 0.0
    if 0 not in one.counts:
        assert psi(one, Histogram(BINS, tuple(times * count for count in one.counts))) == 0.0


@given(
    st.lists(st.integers(1, 10_000), min_size=5, max_size=5),
    st.lists(st.integers(1, 10_000), min_size=5, max_size=5),
)
def test_naive_formula(left: list[int], right: list[int]) -> None:
    one, other = Histogram(BINS, tuple(left)), Histogram(BINS, tuple(right))
    assert psi(one, other) == pytest.approx(naive_psi(one, other), rel=1e-9, abs=1e-12)


def test_a_bin_empty_on_one_side_is_finite() -> None:
    one, other = Histogram(BINS, (10, 0, 0, 0, 0)), Histogram(BINS, (0, 10, 0, 0, 0))
    assert psi(one, other) == pytest.approx(2 * (9.5 / 10.5) * math.log(20.0))


def test_no_rows_is_no_drift() -> None:
    known, nothing = Histogram(BINS, (5, 5, 0, 0, 0)), Histogram.empty(BINS)
    assert psi(known, nothing) == 0.0
    assert psi_threshold(known, nothing) == math.inf


def test_threshold_takes_the_greater_and_grows_with_columns() -> None:
    small, large = (
        Histogram(BINS, (20, 20, 10, 5, 5)),
        Histogram(BINS, (20_000, 20_000, 10_000, 5_000, 5_000)),
    )
    assert psi_threshold(large, large) == 0.1
    assert psi_threshold(small, small) == psi_by_chance(small, small, 0.01) > 0.1
    assert psi_threshold(small, small, columns=40) > psi_threshold(small, small)
    assert psi_threshold(Histogram(BINS, (9, 0, 0, 0, 0)), Histogram(BINS, (9, 0, 0, 0, 0))) == 0.1


def test_false_alarms_without_a_shift_stay_near_alpha() -> None:
    """2,000 seeded draws at alpha = 0.05: the mean is 100 alarms, five standard deviations are 49."""
    rng = np.random.default_rng(20_240)
    alarms = 0
    for _ in range(2_000):
        before, now = rng.exponential(size=600), rng.exponential(size=400)
        empty = Histogram.empty(NumericBins.of(before))
        reference, current = empty.add(before), empty.add(now)
        alarms += psi(reference, current) > psi_by_chance(reference, current, 0.05)
    assert 51 <= alarms <= 149


def test_mean_without_a_shift_is_that_of_the_chi_square() -> None:
    """E = (1/n + 1/m)(B - 1); the mean of 1,000 draws is within 5 of its standard errors, sqrt(2/9/1000)."""
    rng = np.random.default_rng(7)
    scaled = []
    for _ in range(1_000):
        before, now = rng.normal(size=2_000), rng.normal(size=1_500)
        empty = Histogram.empty(NumericBins.of(before))
        scaled.append(psi(empty.add(before), empty.add(now)) / ((1 / 2_000 + 1 / 1_500) * 9))
    assert abs(np.mean(scaled) - 1.0) < 5 * math.sqrt(2 / 9 / 1_000)
