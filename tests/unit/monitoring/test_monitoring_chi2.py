"""The chi-square quantile against scipy, within the error its docstring states."""

from __future__ import annotations

import pytest

from heptad.errors import DataError
from heptad.monitoring.chi2 import chi2_quantile

stats = pytest.importorskip("scipy.stats")

TAIL = (0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)


@pytest.mark.parametrize("freedom", [2, 3, 4, 5, 7, 9, 12, 20, 50, 200])
@pytest.mark.parametrize("probability", TAIL)
def test_error_is_as_stated(freedom: int, probability: float) -> None:
    error = chi2_quantile(probability, freedom) / stats.chi2.ppf(probability, freedom) - 1.0
    assert -0.0101 < error < 0.05
    if freedom >= 9:
        assert -0.002 < error < 0.013
    if probability >= 0.99:
        assert error > 0.0


def test_one_degree_is_conservative_in_the_far_tail() -> None:
    assert -0.008 < chi2_quantile(0.99, 1) / stats.chi2.ppf(0.99, 1) - 1.0 < 0.0
    assert 0.0 < chi2_quantile(0.999, 1) / stats.chi2.ppf(0.999, 1) - 1.0 < 0.04


@pytest.mark.parametrize(("probability", "freedom"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_refuses_what_has_no_quantile(probability: float, freedom: int) -> None:
    with pytest.raises(DataError):
        chi2_quantile(probability, freedom)
