"""The sweeps of the local engine: events and reads sorted by (key, time) become merged words.

Everything here knows only the four merges. Times, codes, places and words are int64. A sorted array of
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
def running_max(values, starts):  # type: ignore[no-untyped-def]
    """m (events + 1,): the greatest value among those of the key before each place, for places inside it."""
    found = np.empty(len(values) + 1, np.int64)
    found[:] = np.iinfo(np.int64).min
    for k in range(len(starts) - 1):
        most = np.iinfo(np.int64).min
        for i in range(starts[k], starts[k + 1]):
            most = max(most, values[i])
            found[i + 1] = most
    return found


@numba.njit(cache=True, nogil=True)
def prefixes(words, column):  # type: ignore[no-untyped-def]
    """(events + 1,): the sum modulo 2**64 of the words before each place."""
    sums = np.empty(len(words) + 1, np.int64)
    total = np.int64(0)
    for i in range(len(words)):
        sums[i] = total
        total += words[i, column]
    sums[len(words)] = total
    return sums


@numba.njit(cache=True, nogil=True)
def add(sums, low, high, row, out, at):  # type: ignore[no-untyped-def]
    """Sums modulo 2**64 of the words in [low, high): the difference of two prefixes."""
    for j in range(len(low)):
        out[row[j], at] = sums[high[j]] - sums[low[j]]


@numba.njit(cache=True, nogil=True)
def extreme(words, column, sign, low, high, row, out, at):  # type: ignore[no-untyped-def]
    """Greatest (sign 1) or least (sign -1) word in [low, high), by a queue of those not yet surpassed.

    No edge may move back, as none does where reads and events are sorted alike.
    """
    queue = np.empty(len(words), np.int64)
    head = tail = 0
    reached = np.int64(0)
    for j in range(len(low)):
        if low[j] >= high[j]:
            continue
        if low[j] >= reached:
            head = tail = 0
            reached = low[j]
        for i in range(reached, high[j]):
            value = words[i, column]
            while tail > head:
                last = words[queue[tail - 1], column]
                if (sign > 0 and last > value) or (sign < 0 and last < value):
                    break
                tail -= 1
            queue[tail] = i
            tail += 1
        reached = max(reached, high[j])
        while queue[head] < low[j]:
            head += 1
        out[row[j], at] = words[queue[head], column]


@numba.njit(cache=True, nogil=True)
def present(words, column):  # type: ignore[no-untyped-def]
    """(places, before): where an entry is present, and how many are before each place (events + 1,)."""
    before = np.empty(len(words) + 1, np.int64)
    count = 0
    for i in range(len(words)):
        before[i] = count
        count += words[i, column] != _ABSENT
    before[len(words)] = count
    places = np.empty(count, np.int64)
    for i in range(len(words)):
        if words[i, column] != _ABSENT:
            places[before[i]] = i
    return places, before


@numba.njit(cache=True, nogil=True)
def latest(words, column, places, before, low, high, row, out, at, n):  # type: ignore[no-untyped-def]
    """The n newest entries in [low, high), newest first: walk back from the head over those present."""
    for j in range(len(low)):
        first, last = before[low[j]], before[high[j]]
        for rank in range(min(n, last - first)):
            i = places[last - 1 - rank]
            for k in range(_ENTRY):
                out[row[j], at + rank * _ENTRY + k] = words[i, column + k]


@numba.njit(cache=True, nogil=True)
def earliest(words, column, places, before, low, high, row, out, at, n):  # type: ignore[no-untyped-def]
    """The n oldest entries in [low, high), oldest first: walk on from the tail over those present."""
    for j in range(len(low)):
        first, last = before[low[j]], before[high[j]]
        for rank in range(min(n, last - first)):
            i = places[first + rank]
            for k in range(_ENTRY):
                out[row[j], at + rank * _ENTRY + k] = words[i, column + k]


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
