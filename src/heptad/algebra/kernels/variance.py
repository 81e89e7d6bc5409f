"""variance: the sum's words, and three limbs of the sum of squares; all of it exact up to the last division.

A square of less than 2**124 is a high limb and two of 32 bits, each added up in its own int64 word. With
fewer than 2**31 events the low ones stay below 2**63, and with ``n * max|x| < 2**63`` the high one does too.
"""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import sum as sums
from heptad.algebra.kernels import wide
from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.spec import Params

_MOST = 2**31
_32 = np.uint64(32)


def lift(events: Events, params: Params) -> Words:
    words = np.empty((len(events.time), 6), np.int64)
    words[:, :3] = sums.lift(events, params)
    words[:, 3], words[:, 4], words[:, 5] = wide.limbs_of_square(np.abs(words[:, 0]))
    return words


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    total, count = words[:, 0], words[:, 1]
    known = sums.trusted(words) & (count > 0) & (count < _MOST)
    n = np.where(known, count, 1).astype(np.uint64)
    high, middle, low = np.where(known, words[:, 3:].T, 0).astype(np.uint64)
    square = wide.plus((high + (middle >> _32), middle << _32), (np.zeros_like(low), low))
    of_low = wide.times(n, square[1])
    spread = wide.minus(
        (of_low[0] + n * square[0], of_low[1]),
        wide.square(np.where(known, np.abs(total), 0).astype(np.uint64)),
    )
    whole = wide.to_float(spread) / (n * n).astype(np.float64)
    return np.where(known, whole / float(10 ** (2 * params.decimals)), np.nan)
