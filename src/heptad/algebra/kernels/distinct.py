"""distinct: 2**precision registers of HyperLogLog, eight of them in a word."""

from functools import cache

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.hyperloglog import BITS, TWO_LN_2, sigma, tau
from heptad.algebra.kernels.base import Events, Touched, Words
from heptad.algebra.spec import Params

_32 = np.uint64(32)
_TWO_LN_2 = TWO_LN_2  # numba takes module globals without annotations


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
    found: NDArray[np.float64] = _estimates(np.ascontiguousarray(words), BITS - p + 1, *_series(p))
    return np.rint(found)


@cache
def _series(p: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """sigma(c / m) and tau(1 - c / m) for every count c of the m registers."""
    m = 1 << p
    shares = [count / m for count in range(m + 1)]
    return np.array([sigma(x) for x in shares]), np.array([tau(1.0 - x) for x in shares])


@numba.njit(cache=True, nogil=True)
def _estimates(words, top, sigmas, taus):  # type: ignore[no-untyped-def]
    """`hyperloglog.estimate` of the registers in each row, not rounded yet."""
    out = np.empty(words.shape[0], np.float64)
    counts = np.empty(top + 1, np.int64)
    m = float(8 * words.shape[1])
    for i in range(words.shape[0]):
        counts[:] = 0
        for k in range(words.shape[1]):
            word = words[i, k]
            for byte in range(8):
                counts[(word >> np.int64(8 * byte)) & np.int64(127)] += 1
        z = m * taus[counts[top]]
        for k in range(top - 1, 0, -1):
            z = 0.5 * (z + counts[k])
        z += m * sigmas[counts[0]]
        out[i] = m * m / _TWO_LN_2 / z
    return out
