"""sum: three words, the fixed-point sum modulo 2**64, the count, and the greatest magnitude."""

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.spec import Params

_TOO_LARGE = np.int64(2**63 - 1)


def lift(events: Events, params: Params) -> Words:
    words = np.empty((len(events.time), 3), np.int64)
    unit = 10**params.decimals
    if events.values.dtype == np.int64:
        most = (2**62 - 1) // unit  # in integers: float64 would round 2**62 - 1 up
        _lift_integers(events.values, np.int64(unit), np.int64(most), words)
    else:
        _lift_floats(events.values, 10.0**params.decimals, words)
    return words


def trusted(words: Words) -> NDArray[np.bool_]:
    """Where count * max|x| < 2**63 - 1, so that the sum modulo 2**64 is the sum."""
    found: NDArray[np.bool_] = _trusted(words)
    return found


def settled(words: Words) -> bool:
    """Whether the sum of any of these events is trusted: then no sum or mean depends on the greatest magnitude."""
    return len(words) * int(words[:, 2].max(initial=0)) < int(_TOO_LARGE)


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    found: NDArray[np.float64] = _finalized(words, 10.0**params.decimals)
    return found


@numba.njit(cache=True, nogil=True)
def _lift_integers(values, unit, most, words):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        fits = -most <= values[i] <= most
        scaled = values[i] * unit if fits else np.int64(0)
        words[i, 0], words[i, 1], words[i, 2] = scaled, 1, abs(scaled) if fits else _TOO_LARGE


@numba.njit(cache=True, nogil=True)
def _lift_floats(values, unit, words):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        product = values[i] * unit
        fits = abs(product) < 2.0**62  # infinite is too large as well
        scaled = np.int64(np.rint(product)) if fits else np.int64(0)
        words[i, 0], words[i, 1], words[i, 2] = scaled, 1, abs(scaled) if fits else _TOO_LARGE


@numba.njit(cache=True, nogil=True, inline="always")
def is_trusted(count, largest):  # type: ignore[no-untyped-def]
    if 0 <= count < 2**31 and largest < 2**31:  # spares a division
        return True
    return count == 0 or largest <= (_TOO_LARGE - 1) // max(count, 1)


@numba.njit(cache=True, nogil=True)
def _trusted(words):  # type: ignore[no-untyped-def]
    out = np.empty(len(words), np.bool_)
    for i in range(len(words)):
        out[i] = is_trusted(words[i, 1], words[i, 2])
    return out


@numba.njit(cache=True, nogil=True)
def _finalized(words, unit):  # type: ignore[no-untyped-def]
    out = np.empty(len(words), np.float64)
    for i in range(len(words)):
        out[i] = np.float64(words[i, 0]) / unit if is_trusted(words[i, 1], words[i, 2]) else np.nan
    return out
