"""Confidence intervals of a share and of a count."""

from __future__ import annotations

import math
from statistics import NormalDist

from heptad.errors import DataError


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share from ``successes`` of ``n`` trials; (0, 1) where there were none.

    E. B. Wilson, Journal of the American Statistical Association 22, 1927.

    >>> low, high = wilson(0, 100)
    >>> (low, round(high, 3))
    (0.0, 0.037)
    """
    if not 0 <= successes <= max(n, 0):
        raise DataError(
            "wilson(successes)", f"between 0 and n = {n}", successes, "count successes among trials"
        )
    if n == 0:
        return 0.0, 1.0
    z = _two_sided(level)
    share, weight = successes / n, z * z / n
    middle = share + weight / 2.0
    half = z * math.sqrt(share * (1.0 - share) / n + weight / (4.0 * n))
    low, high = (middle - half) / (1.0 + weight), (middle + half) / (1.0 + weight)
    return (max(low, 0.0) if successes else 0.0), (min(high, 1.0) if successes < n else 1.0)


def poisson(count: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of a Poisson count: Byar's approximation to the exact (Garwood) interval.

    N. E. Breslow and N. E. Day, Statistical Methods in Cancer Research II, 1987, formula 2.13; within 1 % of
    the exact ends at level 0.95 from a count of 5 on.

    >>> tuple(round(end, 1) for end in poisson(10))  # exact: 4.8, 18.4
    (4.8, 18.4)
    """
    if count < 0:
        raise DataError("poisson(count)", "at least 0", count, "count events")
    z, above = _two_sided(level), count + 1
    low = count * (1.0 - 1.0 / (9.0 * count) - z / (3.0 * math.sqrt(count))) ** 3 if count else 0.0
    high = above * (1.0 - 1.0 / (9.0 * above) + z / (3.0 * math.sqrt(above))) ** 3
    return max(low, 0.0), high


def _two_sided(level: float) -> float:
    """The normal quantile that leaves ``(1 - level) / 2`` on either side."""
    if not 0.0 < level < 1.0:
        raise DataError("level", "a number between 0 and 1", level, "pass 0.95 for a 95 % interval")
    return NormalDist().inv_cdf(0.5 + level / 2.0)
