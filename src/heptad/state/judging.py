"""The loop of admission: records judged one after the other in log order, as decision record 4 says, in machine code.

`heptad.state.admission` holds the arrays and says what they mean; `heptad.oracle.admission` is the definition.
"""

from __future__ import annotations

import numba
import numpy as np

from heptad.algebra.kernels.alike import mixed

ACCEPTED, LATE, FUTURE, DUPLICATE, CONFLICT = range(5)
NEVER = -(2**63)  #: the frontier before the first event
EMPTY = -1  #: the stream of a free place among the ids


@numba.njit(cache=True, nogil=True)
def judge(  # type: ignore[no-untyped-def]
    first, stream, time, arrival, ids, marks, lateness, max_future, has_id, frontier, heap, waiting, known, used
):  # fmt: skip
    """Verdicts (n,) of records ``first``, ``first + 1``, ..; the frontier each met (n,); the offsets that entered,
    in order; the frontier after all; how many wait in ``heap``; how many places of ``known`` are used.

    ``heap`` (c, 2) holds (time, offset) of what waits for the clock and has room for n more; ``known`` (p, 5) the
    ids as (two words, stream, time, mark), p a power of two, at least half of it free after n more.
    ``lateness`` and ``max_future`` (streams,) are negative where there is none.
    """
    n = len(time)
    verdicts = np.empty(n, np.uint8)
    met, entered = np.empty(n, np.int64), np.empty(n + waiting, np.int64)
    count = 0
    for i in range(n):
        waiting, frontier, count = release(arrival[i], heap, waiting, frontier, entered, count)
        met[i] = frontier
        s, t = stream[i], time[i]
        if max_future[s] >= 0 and t > arrival[i] + max_future[s]:
            verdicts[i] = FUTURE
            continue
        oldest = frontier - lateness[s] if frontier != NEVER and lateness[s] >= 0 else NEVER
        if t < oldest:
            verdicts[i] = LATE
            continue
        if has_id[s]:
            at = place_of(known, ids[i, 0], ids[i, 1], s)
            if known[at, 2] != EMPTY and known[at, 3] >= oldest:
                verdicts[i] = DUPLICATE if known[at, 4] == marks[i] else CONFLICT
                continue
            if known[at, 2] == EMPTY:
                used += 1
            known[at, 0], known[at, 1], known[at, 2], known[at, 3] = ids[i, 0], ids[i, 1], s, t
            known[at, 4] = marks[i]
        verdicts[i] = ACCEPTED
        if t > arrival[i]:
            push(heap, waiting, t, first + i)
            waiting += 1
        else:
            entered[count] = first + i
            count += 1
            frontier = max(frontier, t)
    return verdicts, met, entered[:count], frontier, waiting, used


@numba.njit(cache=True, nogil=True)
def release(clock, heap, waiting, frontier, entered, count):  # type: ignore[no-untyped-def]
    """Let in what the clock has reached, by (time, offset)."""
    while waiting > 0 and heap[0, 0] <= clock:
        entered[count] = heap[0, 1]
        count += 1
        frontier = max(frontier, heap[0, 0])
        waiting -= 1
        pop(heap, waiting)
    return waiting, frontier, count


@numba.njit(cache=True, nogil=True)
def place_of(known, a, b, stream):  # type: ignore[no-untyped-def]
    """Where an id is among the known ones, or the free place where it belongs."""
    mask = np.uint64(len(known) - 1)
    at = mixed(mixed(np.uint64(a) + np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(b) ^ np.uint64(stream)) & mask
    while known[at, 2] != EMPTY and (known[at, 0] != a or known[at, 1] != b or known[at, 2] != stream):
        at = (at + np.uint64(1)) & mask
    return at


@numba.njit(cache=True, nogil=True)
def alive(known, oldest):  # type: ignore[no-untyped-def]
    """How many ids are not older than their stream's ``oldest``."""
    count = 0
    for i in range(len(known)):
        if known[i, 2] != EMPTY and known[i, 3] >= oldest[known[i, 2]]:
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def kept(known, into, oldest):  # type: ignore[no-untyped-def]
    """Take the ids that are not older than their stream's ``oldest`` over to an empty table; how many."""
    used = 0
    for i in range(len(known)):
        s = known[i, 2]
        if s != EMPTY and known[i, 3] >= oldest[s]:
            into[place_of(into, known[i, 0], known[i, 1], s)] = known[i]
            used += 1
    return used


@numba.njit(cache=True, nogil=True)
def before(heap, i, j):  # type: ignore[no-untyped-def]
    return heap[i, 0] < heap[j, 0] or (heap[i, 0] == heap[j, 0] and heap[i, 1] < heap[j, 1])


@numba.njit(cache=True, nogil=True)
def swap(heap, i, j):  # type: ignore[no-untyped-def]
    for k in range(2):
        heap[i, k], heap[j, k] = heap[j, k], heap[i, k]


@numba.njit(cache=True, nogil=True)
def push(heap, size, time, offset):  # type: ignore[no-untyped-def]
    """Put (time, offset) into a heap of so many."""
    heap[size, 0], heap[size, 1] = time, offset
    i = size
    while i > 0 and before(heap, i, (i - 1) // 2):
        swap(heap, i, (i - 1) // 2)
        i = (i - 1) // 2


@numba.njit(cache=True, nogil=True)
def pop(heap, size):  # type: ignore[no-untyped-def]
    """Take the least out of a heap of ``size + 1``."""
    heap[0, 0], heap[0, 1] = heap[size, 0], heap[size, 1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            return
        if child + 1 < size and before(heap, child + 1, child):
            child += 1
        if not before(heap, child, i):
            return
        swap(heap, i, child)
        i = child
