"""Loops of re-ranking, one machine's numbers being another's: sums in one order, powers by the C library."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def halved(ages, half_life, out):  # type: ignore[no-untyped-def]
    """2^(-age / half_life), ages below 0 being 0; 0 for a null (NaN): float64 (n,)."""
    for i in range(len(ages)):
        age = ages[i]
        out[i] = 0.0 if math.isnan(age) else math.pow(2.0, -max(age, 0.0) / half_life)


@numba.njit(cache=True, nogil=True)
def softmax(scores, temperature, out):  # type: ignore[no-untyped-def]
    """Weights exp((score - the greatest) / temperature): float64 (n,), the greatest of them 1."""
    top = -math.inf
    for i in range(len(scores)):
        top = max(top, scores[i])
    for i in range(len(scores)):
        out[i] = math.exp((scores[i] - top) / temperature)


@numba.njit(cache=True, nogil=True)
def unit(vectors, order, out):  # type: ignore[no-untyped-def]
    """Rows ``order`` of float32 vectors (m, d) as columns of length 1, float64 (d, n); 0 for a null or no length."""
    size = vectors.shape[1]
    for i in range(len(order)):
        squares = 0.0
        for k in range(size):
            value = np.float64(vectors[order[i], k])
            squares += value * value
        length = math.sqrt(squares) if squares > 0.0 else math.inf
        for k in range(size):
            out[k, i] = np.float64(vectors[order[i], k]) / length if squares > 0.0 else 0.0


@numba.njit(cache=True, nogil=True)
def by_vectors(worth, units, relevance, picks):  # type: ignore[no-untyped-def]
    """Greedy MMR: ``picks`` (k,) becomes places, by ``worth`` (n,) and cosines of ``units`` (d, n)."""
    n = len(worth)
    nearest, left = np.zeros(n), np.ones(n, np.bool_)
    like = np.empty(n)
    for pick in range(len(picks)):
        best = _best(worth, nearest, left, relevance)
        picks[pick] = best
        left[best] = False
        like[:] = 0.0
        for k in range(
            units.shape[0]
        ):  # candidates in the inner loop: it runs in vectors, each sum in one order
            own = units[k, best]
            for i in range(n):
                like[i] += units[k, i] * own
        _nearer(nearest, like, pick == 0)


@numba.njit(cache=True, nogil=True)
def once(starts, codes, distinct):  # type: ignore[no-untyped-def]
    """Leave of each item's codes ``codes[starts[i]:starts[i + 1]]`` each one only once; both arrays change."""
    seen_by = np.full(distinct, -1, np.int64)
    low, to = 0, 0
    for i in range(len(starts) - 1):
        high = starts[i + 1]
        for place in range(low, high):
            code = codes[place]
            if seen_by[code] != i:
                seen_by[code] = i
                codes[to] = code
                to += 1
        low = high
        starts[i + 1] = to


@numba.njit(cache=True, nogil=True)
def by_values(worth, starts, codes, distinct, relevance, picks):  # type: ignore[no-untyped-def]
    """Greedy MMR by shared values: item i has the codes ``codes[starts[i]:starts[i + 1]]``, none twice."""
    n = len(worth)
    nearest, left = np.zeros(n), np.ones(n, np.bool_)
    like, held = np.empty(n), np.zeros(distinct, np.bool_)
    for pick in range(len(picks)):
        best = _best(worth, nearest, left, relevance)
        picks[pick] = best
        left[best] = False
        mine = codes[starts[best] : starts[best + 1]]
        held[mine] = True
        for i in range(n):
            shared = 0
            for code in codes[starts[i] : starts[i + 1]]:
                shared += held[code]
            either = len(mine) + starts[i + 1] - starts[i] - shared
            like[i] = shared / either if shared > 0 else 0.0
        held[mine] = False
        _nearer(nearest, like, pick == 0)


@numba.njit(cache=True, nogil=True)
def _best(worth, nearest, left, relevance):  # type: ignore[no-untyped-def]
    """The first of the places left whose marginal relevance is the greatest."""
    best, most = -1, -math.inf
    for i in range(len(worth)):
        if left[i]:
            value = relevance * worth[i] - (1.0 - relevance) * nearest[i]
            if best < 0 or value > most:
                best, most = i, value
    return best


@numba.njit(cache=True, nogil=True)
def _nearer(nearest, like, first):  # type: ignore[no-untyped-def]
    for i in range(len(nearest)):
        if first or like[i] > nearest[i]:
            nearest[i] = like[i]
