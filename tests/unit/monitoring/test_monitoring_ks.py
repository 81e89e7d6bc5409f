"""The Kolmogorov-Smirnov test against scipy and against the slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.monitoring.ks import kolmogorov_survival, ks

samples = st.lists(st.floats(-5, 5, width=16), min_size=1, max_size=30)


@given(samples, samples)
def test_statistic_is_the_largest_gap(first: list[float], second: list[float]) -> None:
    gap = max(
        abs(sum(x <= point for x in first) / len(first) - sum(x <= point for x in second) / len(second))
        for point in first + second
    )
    result = ks(np.array(first), np.array(second))
    assert result.statistic == pytest.approx(gap, abs=1e-12)
    assert 0.0 <= result.p_value <= 1.0
    assert result == ks(np.array([*first[::-1], np.nan]), np.array(second))


@pytest.mark.parametrize("x", [0.05, 0.3, 0.5, 0.9, 1.17, 1.18, 1.36, 2.0, 3.0])
def test_distribution_is_scipys(x: float) -> None:
    special = pytest.importorskip("scipy.special")
    assert kolmogorov_survival(x) == pytest.approx(float(special.kolmogorov(x)), rel=1e-9)


def test_a_shift_is_seen_and_no_shift_is_not() -> None:
    rng = np.random.default_rng(0)
    same = ks(rng.normal(size=500), rng.normal(size=500))
    moved = ks(rng.normal(size=500), rng.normal(0.5, size=500))
    assert same.p_value > 0.01
    assert moved.p_value < 1e-4
    assert kolmogorov_survival(0.0) == 1.0


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(DataError, match="at least one number"):
        ks(np.array([np.nan]), np.array([1.0]))
