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

_ADD, _MIN, _MAX, _LATEST = int(Merge.ADD), int(Merge.MIN), int(Merge.MAX), int(Merge.LATEST)
_ENTRY, _ABSENT = ENTRY, ABSENT

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


@numba.njit(cache=True, nogil=True, inline="never")
def _newer(a, i, b, j):  # type: ignore[no-untyped-def]
    """Whether entry i of a comes before entry j of b: by time, then tie, then value, newest first."""
    for k in range(3):
        if a[i + k] != b[j + k]:
            return a[i + k] > b[j + k]
    return True


@numba.njit(cache=True, nogil=True)
def merge_latest(into, first, other, start, count):  # type: ignore[no-untyped-def]
    """Merge ``count`` entries of ``other`` from ``start`` into those of ``into`` from ``first``."""
    if other[start] == _ABSENT:
        return
    if count == 1:
        if into[first] == _ABSENT or not _newer(into, first, other, start):
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
        take_other = there and (not here or not _newer(kept, a, other, b))
        for k in range(_ENTRY):
            into[first + out * _ENTRY + k] = other[b + k] if take_other else kept[a + k]
        if take_other:
            j += 1
        else:
            i += 1


@numba.njit(cache=True, nogil=True)
def merge(into, at, other, start, layout):  # type: ignore[no-untyped-def]
    """Merge the state at ``other[start:]`` into the one at ``into[at:]``, in place."""
    for s in range(layout.shape[0]):
        op, first, count = layout[s, 0], layout[s, 1], layout[s, 2]
        if op == _LATEST:
            merge_latest(into, at + first, other, start + first, count)
            continue
        for k in range(first, first + count):
            if op == _ADD:
                into[at + k] += other[start + k]
            elif op == _MIN:
                into[at + k] = min(into[at + k], other[start + k])
            else:
                into[at + k] = max(into[at + k], other[start + k])
