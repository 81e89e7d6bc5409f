"""Records into states: for many records at once, the tiles of each asked window merged to words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from heptad.algebra.kernels.merge import max_bytes, merge
from heptad.algebra.spec import ABSENT, ENTRY, Merge
from heptad.algebra.window import Window
from heptad.plan.finalize import Together
from heptad.plan.nodes import WindowColumn
from heptad.state.layout import GroupLayout, Ints
from heptad.state.record import damaged, locate, packed
from heptad.state.sights import Sights

_ADD, _MIN, _MAX, _ENTRY, _ABSENT = int(Merge.ADD), int(Merge.MIN), int(Merge.MAX), ENTRY, ABSENT
_LATEST, _EARLIEST = int(Merge.LATEST), int(Merge.EARLIEST)


@dataclass(frozen=True)
class Query:
    """Windows of one group, read together: a row of a result holds their words side by side."""

    layout: GroupLayout
    columns: tuple[WindowColumn, ...]

    @cached_property
    def states(self) -> tuple[WindowColumn, ...]:
        """The columns whose words are read, one for each window of each slot, those of one window together."""
        seen = {_seen(column): column for column in self.columns}
        return tuple(seen[name] for name in sorted(seen, key=_order))

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Which words of a result's row belong to each column."""
        parts = {_seen(c): part for c, part in zip(self.states, self._parts, strict=True)}
        return tuple(parts[_seen(column)] for column in self.columns)

    @cached_property
    def _edges(self) -> Ints:
        """The distinct (how far behind a read, hop) of the windows' edges: (2, k)."""
        edges = self.table[self.table[:, 4] > 0][:, 2:5]  # all time has none
        pairs = {(edge, hop) for start, end, hop in edges.tolist() for edge in (start, end)}
        return np.array(sorted(pairs), np.int64).reshape(-1, 2).T

    @cached_property
    def _sights(self) -> Sights:
        return Sights(*self._edges)

    def place(self, t: int) -> bytes:
        """Which tiles a read at ``t`` can see: of one record, reads in one place have the same words."""
        return self._sights.place(t)

    @cached_property
    def together(self) -> Together:
        """Finalizes rows of a result."""
        return Together(self.columns, self.slices)

    @cached_property
    def _parts(self) -> tuple[slice, ...]:
        widths = [self.layout.group.slots[column.slot].words for column in self.states]
        ends = np.cumsum(widths).tolist()
        return tuple(slice(end - width, end) for end, width in zip(ends, widths, strict=True))

    @cached_property
    def blank(self) -> Ints:
        """The result of no record: every state's identity."""
        tables = self.layout.tables
        firsts = [int(tables.slot_first[column.slot]) for column in self.states]
        parts = [
            tables.identity[first : first + (s.stop - s.start)]
            for first, s in zip(firsts, self._parts, strict=True)
        ]
        return np.concatenate(parts)

    @cached_property
    def merging(self) -> Ints:
        """The segments of a result's row, so that two rows merge as states do."""
        tables, rows = self.layout.tables, []
        for column, part in zip(self.states, self._parts, strict=True):
            a, b = tables.segment_bounds[column.slot : column.slot + 2]
            rows.append(tables.segments[a:b] + np.array([0, part.start, 0], np.int64))
        return np.concatenate(rows)

    @cached_property
    def table(self) -> Ints:
        """A row per state: ring, place in the tile, how far behind a read its window starts and ends, hop,
        its segments from and to, and its first word in a result."""
        bounds, rows = self.layout.tables.segment_bounds, []
        for column, part in zip(self.states, self._parts, strict=True):
            window, place = column.window, self.layout.places[column.ring, column.slot]
            hop = 0 if window.width is None else window.hop  # 0: all time
            edges = window.delay + (window.width or 0), window.delay, hop
            segments = bounds[column.slot], bounds[column.slot + 1]
            rows.append((column.ring, place, *edges, *segments, part.start))
        return np.array(rows, np.int64)


_Seen = tuple[int, Window, int]


def _seen(column: WindowColumn) -> _Seen:
    return column.ring, column.window, column.slot


def _order(seen: _Seen) -> tuple[int, int, int, int]:
    ring, window, slot = seen
    return ring, window.width or 0, window.delay, slot


def read(query: Query, records: Sequence[bytes | None], t: int) -> Ints:
    """Words (k, words of the query) of k records of the group, each window taken at ``t``.

    ``t`` lies after every applied event. Raises StateError where a record is damaged.
    """
    buffer, bounds = packed(records)
    tables = query.layout.tables
    out, bad = _read_records(
        buffer, bounds, np.int64(t), query.table, tables.tile_words, tables.segments, query.blank
    )
    if bad >= 0:
        damaged(f"{len(records[bad] or b'')} other bytes")
    return out  # type: ignore[no-any-return]


def combine(query: Query, words: Ints, members: Ints, bounds: Ints) -> Ints:
    """Rows (n, words) of states merged: row i is ``words[members[bounds[i]:bounds[i + 1]]]`` as one state."""
    out = np.tile(query.blank, (len(bounds) - 1, 1))
    _combine(out.reshape(-1), words.reshape(-1), members, bounds, query.merging, np.int64(len(query.blank)))
    return out


@numba.njit(cache=True, nogil=True)
def _seek(words, first, count, size, index):  # type: ignore[no-untyped-def]
    """How many of ``count`` tiles have an index below ``index``."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if words[first + middle * size] < index:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def _read_records(buffer, bounds, t, queries, tile_words, segments, blank):  # type: ignore[no-untyped-def]
    """Merged words (k, len(blank)), and the first damaged record (-1 for none).

    Without a delay a window needs no upper edge: no tile holds an event at or after ``t``.
    """
    k, rings = len(bounds) - 1, len(tile_words)
    out = np.empty((k, len(blank)), np.int64)
    firsts, counts = np.zeros(rings, np.int64), np.zeros(rings, np.int64)
    oldest, beyond = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
    anew = np.ones(len(queries), np.bool_)
    for q in range(len(queries)):
        hop = max(queries[q, 4], 1)
        oldest[q], beyond[q] = (t - queries[q, 2]) // hop, (t - queries[q, 3]) // hop
        if q > 0:
            before, asked = queries[q - 1], queries[q]
            anew[q] = before[0] != asked[0] or before[2] != asked[2] or before[3] != asked[3]
    for i in range(k):
        out[i] = blank
        if bounds[i] == bounds[i + 1]:
            continue
        if not locate(buffer, bounds[i], bounds[i + 1], tile_words, firsts, counts):
            return out, i
        start, stop = 0, 0
        for q in range(len(queries)):
            ring, place = queries[q, 0], queries[q, 1]
            size = tile_words[ring]
            if anew[q]:  # else the tiles of the window before
                start, stop = 0, counts[ring]
                if queries[q, 4] > 0:
                    start = _seek(buffer, firsts[ring], stop, size, oldest[q])
                if queries[q, 3] > 0:
                    stop = _seek(buffer, firsts[ring], stop, size, beyond[q])
            for s in range(queries[q, 5], queries[q, 6]):
                op, first, count = segments[s, 0], segments[s, 1], segments[s, 2]
                source, into = firsts[ring] + place + first, queries[q, 7] + first
                if op in (_LATEST, _EARLIEST):
                    _entries(buffer, source, size, start, stop, count, op == _LATEST, out, i, into)
                    continue
                _merged(buffer, source + start * size, size, stop - start, op, count, out, i, into)
    return out, -1


@numba.njit(cache=True, nogil=True)
def _merged(words, source, size, tiles, op, count, out, i, into):  # type: ignore[no-untyped-def]
    """Merge ``count`` words of so many tiles, one every ``size`` words, into row i of ``out``."""
    end = source + tiles * size
    for w in range(count):
        word = out[i, into + w]
        if op == _ADD:
            for at in range(source + w, end + w, size):
                word += words[at]
        elif op == _MIN:
            for at in range(source + w, end + w, size):
                word = min(word, words[at])
        elif op == _MAX:
            for at in range(source + w, end + w, size):
                word = max(word, words[at])
        else:
            for at in range(source + w, end + w, size):
                word = max_bytes(word, words[at])
        out[i, into + w] = word


@numba.njit(cache=True, nogil=True)
def _entries(words, source, size, start, stop, count, latest, out, i, into):  # type: ignore[no-untyped-def]
    """The ``count`` newest (or oldest) entries of tiles, in order.

    Every entry of a later tile is newer, so tiles one after the other need no merge.
    """
    filled = 0
    for step in range(stop - start):
        tile = stop - 1 - step if latest else start + step
        for entry in range(count):
            at = source + tile * size + entry * _ENTRY
            if words[at] == _ABSENT:
                break
            for w in range(_ENTRY):
                out[i, into + filled * _ENTRY + w] = words[at + w]
            filled += 1
            if filled == count:
                return


@numba.njit(cache=True, nogil=True)
def _combine(out, words, members, bounds, layout, width):  # type: ignore[no-untyped-def]
    for i in range(len(bounds) - 1):
        for j in range(bounds[i], bounds[i + 1]):
            merge(out, i * width, words, members[j] * width, layout)
