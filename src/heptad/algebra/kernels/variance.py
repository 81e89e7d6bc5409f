"""variance: the sum's words, and three limbs of the sum of squares; all of it exact up to the last division.

A square of less than 2**124 is a high limb and two of 32 bits, each added up in its own int64 word. With
fewer than 2**31 events the low ones stay below 2**63, and with ``n * max|x| < 2**63`` the high one does too.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import sum as sums
from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.kernels.wide import minus, plus, times, to_float
from heptad.algebra.spec import Params

_MOST = np.int64(2**31)
_32, _MASK, _NONE = np.uint64(32), np.uint64(0xFFFF_FFFF), np.uint64(0)


def lift(events: Events, params: Params) -> Words:
    words = np.empty((len(events.time), 6), np.int64)
    words[:, :3] = sums.lift(events, params)
    _square(words)
    return words


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    found: NDArray[np.float64] = _variance(words, sums.trusted(words), float(10 ** (2 * params.decimals)))
    return found


@numba.njit(cache=True, nogil=True)
def _square(words):  # type: ignore[no-untyped-def]
    """Fill the limbs of the squares of the first word."""
    for i in range(len(words)):
        x = np.uint64(abs(words[i, 0]))
        high, low = times(x, x)
        words[i, 3], words[i, 4], words[i, 5] = np.int64(high), np.int64(low >> _32), np.int64(low & _MASK)


@numba.njit(cache=True, nogil=True)
def _variance(words, trusted, unit):  # type: ignore[no-untyped-def]
    """(n * sum of squares - square of the sum) / n**2, in units of ``unit``; NaN where it is not known."""
    out = np.full(len(words), np.nan)
    for i in range(len(words)):
        count = words[i, 1]
        if not trusted[i] or count <= 0 or count >= _MOST:
            continue
        n, total = np.uint64(count), np.uint64(abs(words[i, 0]))
        high, middle, low = np.uint64(words[i, 3]), np.uint64(words[i, 4]), np.uint64(words[i, 5])
        high, low = plus(high + (middle >> _32), middle << _32, _NONE, low)  # the sum of squares
        first, second = times(n, low)
        first = first + n * high
        sum_high, sum_low = times(total, total)
        first, second = minus(first, second, sum_high, sum_low)
        out[i] = to_float(first, second) / np.float64(n * n) / unit
    return out
