"""The sweeps of the local engine: events and reads sorted by (key, time) become merged words.

Everything here knows only how words merge. Times, codes, places and words are int64. A sorted array of
events holds key k at ``starts[k]:starts[k + 1]``; reads come sorted by (key, time), so the edges of
their windows never move back inside a key. Read j writes to ``out[row[j]]``, which holds the identity.
"""

from __future__ import annotations

import numba
import numpy as np

from heptad.algebra.spec import ABSENT, ENTRY

_ENTRY, _ABSENT = ENTRY, ABSENT


@numba.njit(cache=True, nogil=True)
def by_code(codes, n):  # type: ignore[no-untyped-def]
    """(order, starts): a stable counting sort of codes in 0..n-1."""
    starts = np.zeros(n + 1, np.int64)
    for code in codes:
        starts[code + 1] += 1
    for k in range(n):
        starts[k + 1] += starts[k]
    free = starts[:-1].copy()
    order = np.empty(len(codes), np.int64)
    for i in range(len(codes)):
        order[free[codes[i]]] = i
        free[codes[i]] += 1
    return order, starts


@numba.njit(cache=True, nogil=True)
def edges(times, starts, codes, bounds):  # type: ignore[no-untyped-def]
    """For each read the place of the first event of its key with time >= its bound; gallops from the last."""
    places = np.empty(len(codes), np.int64)
    key, at = np.int64(-1), np.int64(0)
    for i in range(len(codes)):
        if codes[i] != key:
            key = codes[i]
            at = starts[key]
        end, bound, step = starts[key + 1], bounds[i], np.int64(1)
        low = at  # every event before low is earlier than the bound
        while low + step <= end and times[low + step - 1] < bound:
            low += step
            step *= 2
        high = min(low + step - 1, end)  # the event at high, if any, is not earlier
        while low < high:
            middle = (low + high) // 2
            if times[middle] < bound:
                low = middle + 1
            else:
                high = middle
        at = low
        places[i] = at
    return places


@numba.njit(cache=True, nogil=True)
def add(words, column, low, high, firsts, places, out, at):  # type: ignore[no-untyped-def]
    """Sums modulo 2**64 of the words in [low, high), less those of the holes: the difference of two prefixes."""
    n = len(words)
    alike = n > 0
    for i in range(n):
        if words[i, column] != words[0, column]:
            alike = False
            break
    if alike:  # a count, most often
        one = words[0, column]
        for w in range(low.shape[0]):
            for j in range(low.shape[1]):
                out[w, j, at] = one * (high[w, j] - low[w, j])
        _less_holes(words, column, low, high, firsts, places, out, at)
        return
    sums = np.empty(n + 1, np.int64)
    total = np.int64(0)
    for i in range(n):
        sums[i] = total
        total += words[i, column]
    sums[n] = total
    for w in range(low.shape[0]):
        for j in range(low.shape[1]):
            out[w, j, at] = sums[high[w, j]] - sums[low[w, j]]
    _less_holes(words, column, low, high, firsts, places, out, at)


@numba.njit(cache=True, nogil=True)
def _less_holes(words, column, low, high, firsts, places, out, at):  # type: ignore[no-untyped-def]
    for w in range(len(firsts)):
        for j in range(low.shape[1]):
            for k in range(firsts[w, j], firsts[w, j + 1]):
                if low[w, j] <= places[k] < high[w, j]:
                    out[w, j, at] -= words[places[k], column]


@numba.njit(cache=True, nogil=True)
def entries(words, column, newest, low, high, firsts, holes, out, at, n):  # type: ignore[no-untyped-def]
    """The n newest entries in [low, high), newest first, else the n oldest, oldest first: of those present, no holes."""
    count = 0
    for i in range(len(words)):
        count += words[i, column] != _ABSENT
    some = count < len(words)
    before, places = (
        np.empty(len(words) + 1 if some else 0, np.int64),
        np.empty(count if some else 0, np.int64),
    )
    count = 0
    for i in range(len(words) if some else 0):
        before[i] = count
        if words[i, column] != _ABSENT:
            places[count] = i
            count += 1
    if some:
        before[len(words)] = count
    for w in range(low.shape[0]):
        for j in range(low.shape[1]):
            first, last = low[w, j], high[w, j]
            if some:
                first, last = before[first], before[last]
            hole, end = (firsts[w, j], firsts[w, j + 1]) if len(firsts) else (0, 0)
            if not newest:  # from the oldest hole on
                hole, end = end - 1, hole - 1
            rank, step = 0, (1 if newest else -1)
            for place in range(last - first):
                if rank == n:
                    break
                i = last - 1 - place if newest else first + place
                if some:
                    i = places[i]
                while hole != end and (holes[hole] > i if newest else holes[hole] < i):
                    hole += step
                if hole != end and holes[hole] == i:
                    continue
                for k in range(_ENTRY):
                    out[w, j, at + rank * _ENTRY + k] = words[i, column + k]
                rank += 1


@numba.njit(cache=True, nogil=True)
def ascending(words, column, starts):  # type: ignore[no-untyped-def]
    """Whether a column of words never falls inside a key."""
    for k in range(len(starts) - 1):
        for i in range(starts[k] + 1, starts[k + 1]):
            if words[i, column] < words[i - 1, column]:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def last(words, column, low, high, out, at, nothing):  # type: ignore[no-untyped-def]
    """The last word of each window, ``nothing`` of an empty one."""
    for w in range(low.shape[0]):
        for j in range(low.shape[1]):
            some = low[w, j] < high[w, j]
            out[w, j, at] = words[high[w, j] - 1, column] if some else nothing


@numba.njit(cache=True, nogil=True)
def fill(out, state, first):  # type: ignore[no-untyped-def]
    """The state's words from ``first`` on in every read of every window."""
    for w in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(first, len(state)):
                out[w, j, k] = state[k]


@numba.njit(cache=True, nogil=True)
def taken(values, order):  # type: ignore[no-untyped-def]
    """``values[order]``."""
    out = np.empty(len(order), values.dtype)
    for i in range(len(order)):
        out[i] = values[order[i]]
    return out


@numba.njit(cache=True, nogil=True)
def taken_rows(values, order):  # type: ignore[no-untyped-def]
    """``values[order]`` of rows of several numbers."""
    out = np.empty((len(order), values.shape[1]), values.dtype)
    for i in range(len(order)):
        out[i] = values[order[i]]
    return out


@numba.njit(cache=True, nogil=True)
def put(values, to, out):  # type: ignore[no-untyped-def]
    """``out[to] = values`` of one number per row."""
    for j in range(len(to)):
        out[to[j]] = values[j]


@numba.njit(cache=True, nogil=True)
def put_rows(values, to, out):  # type: ignore[no-untyped-def]
    """``out[to] = values`` of several numbers per row."""
    for j in range(len(to)):
        for k in range(values.shape[1]):
            out[to[j], k] = values[j, k]


@numba.njit(cache=True, nogil=True)
def spread(values, dealt, rows, out, low, high):  # type: ignore[no-untyped-def]
    """``out[rows] = values[dealt]``, of one number per row, for low..high of the rows."""
    for i in range(low, high):
        out[rows[i]] = values[dealt[i]]


@numba.njit(cache=True, nogil=True)
def spread_rows(values, dealt, rows, out, low, high):  # type: ignore[no-untyped-def]
    """``out[rows] = values[dealt]``, of several numbers per row, for low..high of the rows."""
    for i in range(low, high):
        for k in range(values.shape[1]):
            out[rows[i], k] = values[dealt[i], k]


@numba.njit(cache=True, nogil=True)
def narrowed(words, kept, spare, out, first):  # type: ignore[no-untyped-def]
    """Copy the columns ``kept`` of words to ``out[first:]``; whether every word of the columns ``spare`` is absent."""
    for i in range(len(words)):
        for k in range(len(kept)):
            out[first + i, k] = words[i, kept[k]]
        for k in range(len(spare)):
            if words[i, spare[k]] != _ABSENT:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def ordered(words, column, times, ties, starts):  # type: ignore[no-untyped-def]
    """Whether every entry present is its own event's, and entries of one key ascend by (time, tie, value)."""
    for k in range(len(starts) - 1):
        last = np.int64(-1)
        for i in range(starts[k], starts[k + 1]):
            if words[i, column] == _ABSENT:
                continue
            if words[i, column] != times[i] or words[i, column + 1] != ties[i]:
                return False
            if (
                last >= 0
                and times[last] == times[i]
                and ties[last] == ties[i]
                and words[last, column + 2] > words[i, column + 2]
            ):
                return False
            last = np.int64(i)
    return True


@numba.njit(cache=True, nogil=True)
def forget(codes, values, first, last, low, high):  # type: ignore[no-untyped-def]
    """Code -1 for those of low..high whose value is not in [first, last)."""
    for i in range(low, high):
        if not first <= values[i] < last:
            codes[i] = -1
