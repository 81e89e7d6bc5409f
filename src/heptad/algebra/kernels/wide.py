"""Unsigned 128-bit integers as pairs of uint64 arrays (high, low): as much as an exact variance needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Halves = tuple[NDArray[np.uint64], NDArray[np.uint64]]
_32, _64 = np.uint64(32), np.uint64(64)
_MASK = np.uint64(0xFFFF_FFFF)


def limbs_of_square(magnitude: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """(x2, x1, x0) with ``magnitude**2 = x2 * 2**64 + x1 * 2**32 + x0`` and x1, x0 < 2**32, for 0 <= magnitude < 2**62."""
    high, low = square(magnitude.astype(np.uint64))
    return high.astype(np.int64), (low >> _32).astype(np.int64), (low & _MASK).astype(np.int64)


def square(x: NDArray[np.uint64]) -> Halves:
    """The square of each."""
    return times(x, x)


def times(x: NDArray[np.uint64], y: NDArray[np.uint64]) -> Halves:
    """The product of two 64-bit numbers."""
    a, b, c, d = x >> _32, x & _MASK, y >> _32, y & _MASK
    middle = a * d + (b * d >> _32)  # below 2**64: (2**32 - 1)**2 + 2**32 - 1
    other = b * c + (middle & _MASK)
    return a * c + (middle >> _32) + (other >> _32), x * y


def plus(x: Halves, y: Halves) -> Halves:
    """The sum modulo 2**128."""
    low = x[1] + y[1]
    return x[0] + y[0] + (low < x[1]).astype(np.uint64), low


def minus(x: Halves, y: Halves) -> Halves:
    """The difference of x and a y that is no greater."""
    return x[0] - y[0] - (x[1] < y[1]).astype(np.uint64), x[1] - y[1]


def to_float(x: Halves) -> NDArray[np.float64]:
    """The nearest float64, half to even, of numbers below 2**127.

    The top 64 bits hold all that rounding looks at once the bits cut off are gathered in the last of them.
    """
    high, low = x
    shift = np.frexp(high.astype(np.float64))[1].astype(np.uint64)  # bits of high, or one more
    some = shift > 0
    rest = np.where(some, _64 - shift, np.uint64(1))  # a shift by 64 means nothing
    top = np.where(some, (high << rest) | (low >> shift) | ((low << rest) != 0), low)
    scaled: NDArray[np.float64] = np.ldexp(top.astype(np.float64), shift.astype(np.int64))
    return scaled
