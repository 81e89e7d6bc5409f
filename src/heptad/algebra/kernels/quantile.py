"""quantile: a counter for each rounded value of the range, in their order.

The IEEE 754 bits of a float without the low ones number the floats of so many significant bits in order;
adding half of the last bit kept rounds, and carries into the exponent where it must.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Touched, Words
from heptad.algebra.kernels.counters import counted
from heptad.algebra.rounding import span
from heptad.algebra.spec import Params


def touch(events: Events, params: Params) -> Touched:
    first, _, zero = span(params)
    values = np.clip(events.values.astype(np.float64), params.low, params.high)
    bits = np.abs(values).view(np.int64)
    place = np.maximum(((bits + (1 << (52 - params.bits))) >> (53 - params.bits)) - zero, 0)
    return counted(np.where(values < 0.0, -place, place) - first, np.arange(len(values)))


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    first, _, zero = span(params)
    found = _ranked(np.ascontiguousarray(words), np.int64(params.q))
    code = found + first
    bits = (np.abs(code) + zero) << (53 - params.bits)
    magnitude = np.where(code == 0, 0.0, bits.view(np.float64))
    return np.where(found < 0, np.nan, np.where(code < 0, -magnitude, magnitude))


@numba.njit(cache=True, nogil=True)
def _ranked(words, q):  # type: ignore[no-untyped-def]
    """The counter that the event of rank ceil(q / 10**6 * n), at least 1, is in; -1 without events."""
    out = np.full(words.shape[0], -1, np.int64)
    low = np.int64(0xFFFF_FFFF)
    for i in range(words.shape[0]):
        n = np.int64(0)
        for k in range(words.shape[1]):
            n += (words[i, k] & low) + ((words[i, k] >> np.int64(32)) & low)
        if n == 0:
            continue
        rank = max(np.int64(1), -((-q * n) // np.int64(1_000_000)))
        for c in range(2 * words.shape[1]):
            rank -= (words[i, c >> 1] >> np.int64((c & 1) << 5)) & low
            if rank <= 0:
                out[i] = c
                break
    return out
