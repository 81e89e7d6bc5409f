"""Fixed-point numbers as the definitions use them: plain Python integers, slow and obvious."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

#: A value this large or larger cannot be held in fixed point: the sum it enters is null.
TOO_LARGE: Final = 2**63 - 1


def fixed(value: object, decimals: int) -> int:
    """``value * 10**decimals`` in float64, rounded half to even; `TOO_LARGE` where that leaves int64.

    >>> fixed(0.5, 0), fixed(1.5, 0), fixed(2.5, 0), fixed(-0.0, 2), fixed(1e300, 0) == TOO_LARGE
    (0, 2, 2, 0, True)
    """
    if isinstance(value, int):
        scaled = value * 10**decimals
    else:
        product = float(value) * 10.0**decimals  # type: ignore[arg-type]
        scaled = round(product) if math.isfinite(product) else TOO_LARGE
    return scaled if abs(scaled) < 2**62 else TOO_LARGE


def value_of(terms: Sequence[int], decimals: int) -> float:
    """The sum of fixed-point terms as float64; NaN where ``count * max|x|`` could exceed int64.

    >>> value_of([150, 250], 2), value_of([2**61] * 4, 0)
    (4.0, nan)
    """
    if terms and len(terms) * max(abs(term) for term in terms) >= 2**63 - 1:
        return float("nan")
    return float(sum(terms)) / 10.0**decimals
