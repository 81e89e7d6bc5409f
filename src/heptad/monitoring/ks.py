"""The two-sample Kolmogorov-Smirnov test: the largest gap between two empirical distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError


@dataclass(frozen=True, slots=True)
class KsResult:
    """The gap (0 to 1), the chance of one at least as large without a shift, and the sample sizes."""

    statistic: float
    p_value: float
    n: int
    m: int


def ks(first: NDArray[np.float64], second: NDArray[np.float64]) -> KsResult:
    """Compare two samples of numbers, shapes ``(n,)`` and ``(m,)``; NaN is left out (`quality` has nulls).

    The p-value is the asymptotic one, ``Q(sqrt(n m / (n + m)) * D)`` with Kolmogorov's distribution Q; it is
    conservative for small samples and for ties.
    """
    a, b = _known(first), _known(second)
    points = np.concatenate([a, b])
    below_a = np.searchsorted(a, points, side="right") / a.size
    below_b = np.searchsorted(b, points, side="right") / b.size
    gap = float(np.max(np.abs(below_a - below_b)))
    effective = a.size * b.size / (a.size + b.size)
    return KsResult(gap, kolmogorov_survival(math.sqrt(effective) * gap), a.size, b.size)


def kolmogorov_survival(x: float) -> float:
    """The probability that Kolmogorov's statistic exceeds ``x`` (A. Kolmogorov, 1933).

    Two series of the same function, each used where a few terms give all the digits (theta functions).

    >>> round(kolmogorov_survival(1.3581), 4)
    0.05
    """
    if x <= 0.0:
        return 1.0
    if x < 1.18:
        scale = math.pi * math.pi / (8.0 * x * x)
        below = (
            math.sqrt(2.0 * math.pi)
            / x
            * math.fsum(math.exp(-((2 * k - 1) ** 2) * scale) for k in range(1, 6))
        )
        return min(max(1.0 - below, 0.0), 1.0)
    above = 2.0 * math.fsum((-1) ** (k - 1) * math.exp(-2.0 * k * k * x * x) for k in range(1, 6))
    return min(max(above, 0.0), 1.0)


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sample sorted and without NaN; an empty one cannot be compared."""
    known = np.asarray(values, np.float64)
    known = np.sort(known[~np.isnan(known)])
    if known.size == 0:
        raise DataError("ks", "at least one number in each sample", "none", "wait for more rows")
    return known
