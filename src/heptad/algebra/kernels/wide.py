"""Unsigned 128-bit integers as two uint64 (high, low): as much as an exact variance needs."""

from __future__ import annotations

import math

import numba
import numpy as np

_1, _32, _64 = np.uint64(1), np.uint64(32), np.uint64(64)
_MASK, _NONE = np.uint64(0xFFFF_FFFF), np.uint64(0)


@numba.njit(cache=True, nogil=True)
def times(x, y):  # type: ignore[no-untyped-def]
    """The product of two 64-bit numbers."""
    a, b, c, d = x >> _32, x & _MASK, y >> _32, y & _MASK
    middle = a * d + ((b * d) >> _32)  # below 2**64: (2**32 - 1)**2 + 2**32 - 1
    other = b * c + (middle & _MASK)
    return a * c + (middle >> _32) + (other >> _32), x * y


@numba.njit(cache=True, nogil=True)
def plus(high, low, other_high, other_low):  # type: ignore[no-untyped-def]
    """The sum modulo 2**128."""
    total = low + other_low
    return high + other_high + (_1 if total < low else _NONE), total


@numba.njit(cache=True, nogil=True)
def minus(high, low, other_high, other_low):  # type: ignore[no-untyped-def]
    """The difference to a number that is no greater."""
    return high - other_high - (_1 if low < other_low else _NONE), low - other_low


@numba.njit(cache=True, nogil=True)
def to_float(high, low):  # type: ignore[no-untyped-def]
    """The nearest float64, half to even.

    The top 64 bits hold all that rounding looks at once the bits cut off are gathered in the last of them.
    """
    if high == _NONE:
        return np.float64(low)
    shift, rest = _NONE, high
    while rest > _NONE:
        rest = rest >> _1
        shift = shift + _1
    if shift == _64:
        top, cut = high, low
    else:
        top, cut = (high << (_64 - shift)) | (low >> shift), low << (_64 - shift)
    if cut != _NONE:
        top = top | _1
    return math.ldexp(np.float64(top), int(shift))
