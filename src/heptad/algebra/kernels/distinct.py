"""distinct: 2**precision registers of HyperLogLog, eight of them in a word."""

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.hyperloglog import BITS, TWO_LN_2, sigma, tau
from heptad.algebra.kernels.base import Events, Touched, Words
from heptad.algebra.spec import Params

_32 = np.uint64(32)


def touch(events: Events, params: Params) -> Touched:
    p = params.precision
    hashed = events.values.view(np.uint64)
    rest = hashed & np.uint64((1 << (BITS - p)) - 1)
    register = (hashed >> np.uint64(BITS - p)).astype(np.int64)
    value = BITS - p - _bit_length(rest) + 1
    return Touched(np.arange(len(hashed)), register >> 3, value << ((register & 7) << 3))


def _bit_length(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits each number takes; by halves, since float64 rounds above 2**53."""
    high = words >> _32
    half = np.where(high > 0, high, words).astype(np.float64)
    return np.frexp(half)[1].astype(np.int64) + np.where(high > 0, 32, 0)


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    p = params.precision
    m, top = float(1 << p), BITS - p + 1
    counts = _tally(np.ascontiguousarray(words), top + 1)
    z = m * _of_each(tau, 1.0 - counts[:, top] / m)
    for k in range(top - 1, 0, -1):
        z = 0.5 * (z + counts[:, k])
    z += m * _of_each(sigma, counts[:, 0] / m)
    return np.rint(m * m / TWO_LN_2 / z)


def _of_each(function, x: NDArray[np.float64]) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    """A function of each number; of few different ones, since they count registers."""
    different, which = np.unique(x, return_inverse=True)
    return np.array([function(float(one)) for one in different], np.float64)[which]


@numba.njit(cache=True, nogil=True)
def _tally(words, values):  # type: ignore[no-untyped-def]
    """How many registers of each row hold 0, 1, ..., values - 1."""
    counts = np.zeros((words.shape[0], values), np.int64)
    for i in range(words.shape[0]):
        for k in range(words.shape[1]):
            word = words[i, k]
            for byte in range(8):
                counts[i, (word >> np.int64(8 * byte)) & np.int64(127)] += 1
    return counts
