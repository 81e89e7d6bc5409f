"""Whether a number drifts over a long run: its slope, and the second half against the first, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from heptad.errors import DataError


class Slope(NamedTuple):
    """The least-squares slope per hour, and its standard error (of independent residuals)."""

    per_hour: float
    error: float


@dataclass(frozen=True)
class Halves:
    """The median of the second half's windows over their partners in the first half, as a ratio, and how many grew.

    Window k of one half is the partner of window k of the other. ``chance`` is how often a fair coin would give as uneven
    a split (two-sided sign test); windows that did not change are left out.
    """

    pairs: int
    grew: int
    median_ratio: float
    chance: float


def slope(seconds: ArrayLike, values: ArrayLike) -> Slope:
    """How fast ``values`` (n,), taken at ``seconds`` (n,), grow per hour. Raises DataError below three values."""
    x, y = np.asarray(seconds, np.float64) / 3600.0, np.asarray(values, np.float64)
    if len(x) != len(y) or len(x) < 3:
        raise DataError("trend", "three values or more, each with its time", len(y), "measure longer")
    x = x - x.mean()
    spread = float(x @ x)
    per_hour = float(x @ y) / spread
    rest = y - y.mean() - per_hour * x
    return Slope(per_hour, float(np.sqrt(rest @ rest / (len(x) - 2) / spread)))


def halves(values: Sequence[float]) -> Halves:
    """``values`` one per window, in order; the middle one of an odd number has no partner."""
    n = len(values) // 2
    if n < 1:
        raise DataError("trend", "two windows or more", len(values), "measure longer")
    first, second = np.asarray(values[:n], np.float64), np.asarray(values[len(values) - n :], np.float64)
    grew, shrank = int((second > first).sum()), int((second < first).sum())
    return Halves(n, grew, float(np.median(second / first)), _sign_test(grew, shrank))


def _sign_test(one: int, other: int) -> float:
    """Two-sided probability of a split at least as uneven by a fair coin."""
    n, least = one + other, min(one, other)
    return min(1.0, 2.0 * sum(comb(n, k) for k in range(least + 1)) / 2.0**n)
