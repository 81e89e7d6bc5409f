"""Rows of a chunk put in the order (code, time, tie): counted by code, and sorted by time only where they are not yet."""

from __future__ import annotations

import numba
import numpy as np

_SHORT = 24  #: rows that are sorted by insertion


@numba.njit(cache=True, nogil=True)
def arrange(codes, first, n, times, ties):  # type: ignore[no-untyped-def]
    """(order, starts) of rows whose codes are first..first + n - 1, of none whose code is -1; rows alike in time and
    tie keep their order."""
    starts = np.zeros(n + 1, np.int64)
    for code in codes:
        if code >= 0:
            starts[code - first + 1] += 1
    for k in range(n):
        starts[k + 1] += starts[k]
    free = starts[:-1].copy()
    order = np.empty(starts[n], np.int64)
    for i in range(len(codes)):
        if codes[i] >= 0:
            k = codes[i] - first
            order[free[k]] = i
            free[k] += 1
    spare = np.empty(0, np.int64)
    for k in range(n):
        low, high = starts[k], starts[k + 1]
        for i in range(low + 1, high):
            if _less(times, ties, order[i], order[i - 1]):
                if high - low > _SHORT and len(spare) < high - low:
                    spare = np.empty(high - low, np.int64)
                _sort(times, ties, order, low, high, spare)
                break
    return order, starts


@numba.njit(cache=True, nogil=True, inline="always")
def _less(times, ties, a, b):  # type: ignore[no-untyped-def]
    return times[a] < times[b] or (times[a] == times[b] and ties[a] < ties[b])


@numba.njit(cache=True, nogil=True)
def _sort(times, ties, order, low, high, spare):  # type: ignore[no-untyped-def]
    """Merge sort, bottom up, stable; parts of two runs that are in place already are not moved."""
    for start in range(low, high, _SHORT):
        for i in range(start + 1, min(start + _SHORT, high)):
            row = order[i]
            j = i
            while j > start and _less(times, ties, row, order[j - 1]):
                order[j] = order[j - 1]
                j -= 1
            order[j] = row
    width = _SHORT
    while width < high - low:
        for start in range(low, high - width, 2 * width):
            _merge(times, ties, order, start, start + width, min(start + 2 * width, high), spare)
        width *= 2


@numba.njit(cache=True, nogil=True)
def _merge(times, ties, order, low, middle, high, spare):  # type: ignore[no-untyped-def]
    """Merge the sorted runs [low, middle) and [middle, high)."""
    a, b = low, middle
    while a < b:  # those of the left run that are not after the first of the right stay
        half = (a + b) // 2
        if _less(times, ties, order[middle], order[half]):
            b = half
        else:
            a = half + 1
    low = a
    if low == middle:
        return
    a, b = middle, high
    while a < b:  # and those of the right that are not before the last of the left
        half = (a + b) // 2
        if _less(times, ties, order[half], order[middle - 1]):
            a = half + 1
        else:
            b = half
    high = a
    count = middle - low
    for i in range(count):
        spare[i] = order[low + i]
    i, j, to = 0, middle, low
    while i < count and j < high:
        if _less(times, ties, order[j], spare[i]):
            order[to] = order[j]
            j += 1
        else:
            order[to] = spare[i]
            i += 1
        to += 1
    while i < count:
        order[to] = spare[i]
        to, i = to + 1, i + 1
