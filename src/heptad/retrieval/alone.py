"""The lists of a single request, by kernels: a batch gets the same from `top_columns` and `in_turn`."""

from __future__ import annotations

import numba
import numpy as np

_SIGN = np.int64(-(2**63))


@numba.njit(cache=True, nogil=True)
def best(scores, order, known, barred, k):  # type: ignore[no-untyped-def]
    """(k,): the places of the highest positive scores, and of any of the first ``known``, -1 where there are fewer.

    Ties go by ``order`` (all places). None of ``barred``, of which those below zero are no places.
    """
    places, found = np.empty(len(order), np.int64), np.empty(len(order))
    n = 0
    for place in order:  # without a branch: which items score is not to be guessed
        places[n], found[n] = place, scores[place]
        n += (scores[place] > 0) | (place < known)
    return opened(places[_descending(found[:n])], barred, len(order), k)


@numba.njit(cache=True, nogil=True)
def _descending(values):  # type: ignore[no-untyped-def]
    """The positions of the values, highest first, NaN last, ties by position: a radix sort, byte by byte."""
    keys, positions = np.empty(len(values), np.int64), np.arange(len(values))
    bits = (0.0 - values).view(np.int64)  # -0.0 is 0.0
    counts = np.zeros((8, 256), np.int64)
    for i in range(len(values)):
        key = bits[i] ^ ((bits[i] >> 63) | _SIGN)  # by its bytes in the order of the values
        keys[i] = key if values[i] == values[i] else -1
        for byte in range(8):
            counts[byte, (keys[i] >> 8 * byte) & 255] += 1
    other_keys, other_positions = np.empty_like(keys), np.empty_like(positions)
    for byte in range(8):
        if counts[byte].max() == len(values):
            continue
        at = np.cumsum(counts[byte]) - counts[byte]
        for i in range(len(values)):
            to = at[(keys[i] >> 8 * byte) & 255]
            other_keys[to], other_positions[to] = keys[i], positions[i]
            at[(keys[i] >> 8 * byte) & 255] += 1
        keys, positions, other_keys, other_positions = other_keys, other_positions, keys, positions
    return positions


@numba.njit(cache=True, nogil=True)
def opened(places, barred, size, k):  # type: ignore[no-untyped-def]
    """(k,): the first of ``places`` that are not ``barred``, -1 where there are fewer."""
    shut = np.zeros(size, np.bool_)
    for place in barred:
        if 0 <= place < size:
            shut[place] = True
    out = np.full(k, -1)
    n = 0
    for place in places:
        if n == k:
            break
        if not shut[place]:
            out[n] = place
            n += 1
    return out


@numba.njit(cache=True, nogil=True)
def taken(turns, total):  # type: ignore[no-untyped-def]
    """The first ``total`` places that are not -1, each once."""
    highest = -1
    for place in turns:
        highest = max(highest, place)
    seen = np.zeros(1 + highest, np.bool_)
    out = np.empty(min(total, len(turns)), np.int64)
    n = 0
    for place in turns:
        if n == len(out):
            break
        if place >= 0 and not seen[place]:
            seen[place] = True
            out[n] = place
            n += 1
    return out[:n]
