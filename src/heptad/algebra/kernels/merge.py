"""The one merge every engine uses: two states of int64 words become one, segment by segment.

A layout is an int64 (segments, 3) table of (merge, first word, count), compiled from an aggregation's
segments by `layout`. Merging is associative, commutative, and has the identity that `fill` writes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.spec import ABSENT, ENTRY, IDENTITY, Merge, Segment

_ADD, _MIN, _MAX = int(Merge.ADD), int(Merge.MIN), int(Merge.MAX)
_LATEST, _EARLIEST = int(Merge.LATEST), int(Merge.EARLIEST)
_ENTRY, _ABSENT = ENTRY, ABSENT
_HIGH = np.int64(-0x7F7F_7F7F_7F7F_7F80)  #: the highest bit of every byte
_LOW = np.int64(0x0101_0101_0101_0101)  #: the lowest

Layout = NDArray[np.int64]


def layout(segments: Iterable[Segment]) -> Layout:
    """The table of ``segments`` laid one after the other."""
    rows, first = [], 0
    for segment in segments:
        rows.append((int(segment.merge), first, segment.size))
        first += segment.words
    return np.array(rows, np.int64).reshape(-1, 3)


def identity(segments: Iterable[Segment]) -> NDArray[np.int64]:
    """The state of no events: int64 (words,)."""
    words = [IDENTITY[segment.merge] for segment in segments for _ in range(segment.words)]
    return np.array(words, np.int64)


@numba.njit(cache=True, nogil=True)
def max_bytes(a, b):  # type: ignore[no-untyped-def]
    """The greater of each of the eight bytes, all of 0..127, so that no byte borrows from the next."""
    at_least = (((a | _HIGH) - b) & _HIGH) >> np.int64(7) & _LOW  # 1 in the bytes where a >= b
    mask = at_least * np.int64(255)
    return (a & mask) | (b & ~mask)


@numba.njit(cache=True, nogil=True, inline="never")
def _before(a, i, b, j, latest):  # type: ignore[no-untyped-def]
    """Whether entry i of a comes before entry j of b: by time, then tie, then value."""
    for k in range(3):
        if a[i + k] != b[j + k]:
            return (a[i + k] > b[j + k]) == latest
    return True


@numba.njit(cache=True, nogil=True)
def merge_entries(into, first, other, start, count, latest):  # type: ignore[no-untyped-def]
    """Merge ``count`` entries of ``other`` from ``start`` into those of ``into`` from ``first``.

    The newest come first where ``latest``, else the oldest.
    """
    if other[start] == _ABSENT:
        return
    if count == 1:
        if into[first] == _ABSENT or not _before(into, first, other, start, latest):
            for k in range(_ENTRY):
                into[first + k] = other[start + k]
        return
    kept = into[first : first + count * _ENTRY].copy()
    i = j = 0
    for out in range(count):
        a, b = i * _ENTRY, start + j * _ENTRY
        here, there = kept[a] != _ABSENT, other[b] != _ABSENT
        if not here and not there:
            break
        take_other = there and (not here or not _before(kept, a, other, b, latest))
        for k in range(_ENTRY):
            into[first + out * _ENTRY + k] = other[b + k] if take_other else kept[a + k]
        if take_other:
            j += 1
        else:
            i += 1


@numba.njit(cache=True, nogil=True)
def insert_entry(into, first, other, start, count, op):  # type: ignore[no-untyped-def]
    """Merge the one entry at ``other[start]`` into the ``count`` entries of ``into`` from ``first``."""
    latest = op == _LATEST
    if other[start] == _ABSENT:
        return
    place = count
    while place > 0:
        above = first + (place - 1) * _ENTRY
        if into[above] != _ABSENT and _before(into, above, other, start, latest):
            break
        if place < count:
            for k in range(_ENTRY):
                into[above + _ENTRY + k] = into[above + k]
        place -= 1
    if place < count:
        for k in range(_ENTRY):
            into[first + place * _ENTRY + k] = other[start + k]


@numba.njit(cache=True, nogil=True)
def merge_word(op, word, other):  # type: ignore[no-untyped-def]
    """Two words of one place in two states as one; ``op`` is no merge of entries."""
    if op == _ADD:
        return word + other
    if op == _MIN:
        return min(word, other)
    if op == _MAX:
        return max(word, other)
    return max_bytes(word, other)


@numba.njit(cache=True, nogil=True)
def merge(into, at, other, start, layout):  # type: ignore[no-untyped-def]
    """Merge the state at ``other[start:]`` into the one at ``into[at:]``, in place."""
    for s in range(layout.shape[0]):
        op, first, count = layout[s, 0], layout[s, 1], layout[s, 2]
        if op in (_LATEST, _EARLIEST):
            merge_entries(into, at + first, other, start + first, count, op == _LATEST)
            continue
        for k in range(first, first + count):
            into[at + k] = merge_word(op, into[at + k], other[start + k])


@numba.njit(cache=True, nogil=True)
def merge_touched(into, row, place, word, layout):  # type: ignore[no-untyped-def]
    """Merge each ``word[i]`` into ``into[row[i], place[i]]``; no place may be an entry's."""
    ops = np.zeros(into.shape[1], np.int64)
    for s in range(layout.shape[0]):
        ops[layout[s, 1] : layout[s, 1] + layout[s, 2]] = layout[s, 0]
    for i in range(len(row)):
        into[row[i], place[i]] = merge_word(ops[place[i]], into[row[i], place[i]], word[i])


@numba.njit(cache=True, nogil=True)
def merge_rows(words, row, into, layout):  # type: ignore[no-untyped-def]
    """Merge the state ``words[i]`` into ``into[row[i]]``."""
    for i in range(len(row)):
        merge(into[row[i]], 0, words[i], 0, layout)
