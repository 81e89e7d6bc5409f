"""One slot of a group in one chunk: its events lifted once, then merged for every read of every window.

Reads that know every event of their window, or lack few, take sweeps in time linear in events and reads. The
others look at each event if there are few, and at a tree of merged blocks if there are many.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.base import Events, Touched, guarded_kernel, kernel, sparse_kernel
from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.spec import ENTRIES, ENTRY, IDENTITY, Merge
from heptad.offline.engines import kernels, tree
from heptad.offline.engines.extremes import extremes
from heptad.offline.engines.touches import Touches, merges
from heptad.plan.nodes import SlotPlan

Longs = NDArray[np.int64]

_WORDS = (
    1 << 17
)  #: words lifted at a time, 1 MB: `last n` lifts 3 * n of them per event, of which three are kept
_FEW = 128  #: events of a window that are looked at one by one rather than in merged blocks


class Held(NamedTuple):
    """A chunk's events, sorted by (key, time, tie); key k at ``starts[k]:starts[k + 1]``."""

    time: Longs
    tie: Longs
    offset: Longs | None  #: where some read does not know all of them
    starts: Longs


class Edges(NamedTuple):
    """The places [low, high) of each read's window, both (windows, reads), and what the reads do not know of them.

    ``firsts`` (windows, reads + 1) and ``holes`` are as `unknown.holes` has them; no ``firsts`` where all is known.
    ``unknown``: for each window the reads that lack more. ``o`` (reads,): what a read knows, all of lower offset.
    """

    low: Longs
    high: Longs
    firsts: Longs
    holes: Longs
    unknown: list[Longs]
    o: Longs

    def of(self, first: int, end: int) -> Edges:
        """Those of the reads [first, end)."""
        if (first, end) == (0, len(self.o)):
            return self
        low, high = (np.ascontiguousarray(one[:, first:end]) for one in (self.low, self.high))
        firsts = np.ascontiguousarray(self.firsts[:, first : end + 1])
        unknown = [rows[(rows >= first) & (rows < end)] - first for rows in self.unknown]
        return Edges(low, high, firsts, self.holes, unknown, self.o[first:end])


class Input(NamedTuple):
    """What a slot's events are lifted from: values (n,), None if it needs none; and which count, None if all do.

    ``words`` (n, words) instead where the states were lifted before: an event with several values, a list; or
    ``touches``, of a sparse aggregation.
    """

    values: NDArray[np.float64] | Longs | None = None
    counts: NDArray[np.bool_] | None = None
    words: Longs | None = None
    touches: Touches | None = None

    def through(self, move: Callable[[NDArray[Any]], NDArray[Any]]) -> Input:
        """The same of events that were moved."""
        values, counts, words = (None if one is None else move(one) for one in self[:3])
        return Input(values, counts, words, None if self.touches is None else self.touches.through(move))


class Lifted(NamedTuple):
    """The words of every event: ``words`` (n, w) as the ``compact`` layout has them.

    A LATEST segment usually holds one entry per event, its own; then only that one is kept, and the entries
    are as ``regular`` as their events: newest last. Otherwise (an aggregation may order them otherwise) all
    are kept and only the generic merge is right.
    """

    words: Longs
    compact: Longs
    regular: bool


class Merging:
    """A slot's events of a chunk, lifted once, to be merged for any reads.

    ``states``: the words themselves are wanted; for values alone the last word of a guarded aggregation is left the
    identity where it decides nothing.
    """

    def __init__(self, slot: SlotPlan, held: Held, given: Input, states: bool) -> None:
        self._slot, self._held = slot, held
        self._full, self._state = layout(slot.segments), identity(slot.segments)
        self._offset = held.offset if held.offset is not None else np.zeros(len(held.time), np.int64)
        self._decided = False
        spec = catalogue.get(slot.aggregation)
        if spec.sparse:
            self._touches: Touches | None = touched(slot, held, given)
            op = merges(slot)
            self._swept = not (op != Merge.ADD).any()
            self._alone = tree.sparse(self._touches, op)
        else:
            self._touches = None
            lifted = lift(slot, held, given)
            self._swept = lifted.regular
            if spec.guarded and lifted.regular and not states:
                self._decided = guarded_kernel(spec.name).settled(lifted.words)
            self._alone = tree.dense(lifted.words, lifted.compact)

    def __call__(self, edges: Edges) -> Longs:
        """The merged words, int64 (windows, reads, words)."""
        out = np.empty((*edges.low.shape, len(self._state)), np.int64)
        if self._touches is not None:
            self._add(self._touches, edges, out)
        else:
            if not self._swept or any(segment.merge in ENTRIES for segment in self._slot.segments):
                kernels.fill(out, self._state, 0)
            elif self._decided:
                kernels.fill(out, self._state, len(self._state) - 1)
            if self._swept:
                _sweep(self._slot, self._alone, self._held.starts, edges, out, self._decided)
        self._look_closer(edges, out)
        return out

    def _add(self, touches: Touches, edges: Edges, out: Longs) -> None:
        """Sums of few words per event, word by word; of another merge nothing: every read looks closer."""
        if self._swept:
            for place, column in touches.by_place(len(self._state)):
                kernels.add(column, 0, edges.low, edges.high, edges.firsts, edges.holes, out, place)

    def _look_closer(self, edges: Edges, out: Longs) -> None:
        """The reads that do not know all events of their window, or all where no sweep was right."""
        row = np.arange(len(edges.o))
        for w, unknown in enumerate(edges.unknown):
            low, high = edges.low[w], edges.high[w]
            rows = unknown if self._swept else row
            if len(rows) == 0:
                continue
            few = high[rows] - low[rows] <= _FEW
            common = (self._alone, self._offset, self._state, self._full, low, high, edges.o)
            tree.scan(*common, rows[few], row, out[w])
            if not few.all():
                tree.query(self._nodes, *common, rows[~few], row, out[w])

    @cached_property
    def _nodes(self) -> tree.Nodes:
        nodes: tree.Nodes = tree.build(self._alone, self._offset, self._state, self._full)
        return nodes


def touched(slot: SlotPlan, held: Held, given: Input) -> Touches:
    """The words of every event that a sparse aggregation changes."""
    if given.touches is not None:
        return given.touches
    events, counts = _counting(held, given, slice(None))
    row, place, word = sparse_kernel(slot.aggregation).touch(events, slot.params)
    return Touches.of(Touched(np.flatnonzero(counts)[row], place, word), len(counts))


def lift(slot: SlotPlan, held: Held, given: Input) -> Lifted:
    """Lift the events piece by piece."""
    full = layout(slot.segments)
    compact, kept, spare = full.copy(), list[int](), list[int]()
    for s, (merge, first, size) in enumerate(full.tolist()):
        count = ENTRY if merge in ENTRIES else size
        compact[s] = merge, len(kept), count
        kept += range(first, first + count)
        if merge in ENTRIES:
            spare += range(first + ENTRY, first + size * ENTRY, ENTRY)
    n = len(held.time)
    step = max(1, _WORDS // slot.words) if spare else max(n, 1)
    if not spare:
        return _checked(_lifted(slot, held, given, slice(0, n)), compact, held)
    words = np.empty((n, len(kept)), np.int64)
    for start in range(0, n, step):
        piece = slice(start, start + step)
        chunk = _lifted(slot, held, given, piece)
        if not kernels.narrowed(chunk, np.array(kept), np.array(spare), words, start):
            return Lifted(_lifted(slot, held, given, slice(0, n)), _whole(full), False)
    return _checked(words, compact, held)


def _checked(words: Longs, compact: Longs, held: Held) -> Lifted:
    regular = Merge.MAX_BYTES not in compact[:, 0] and all(
        kernels.ordered(words, int(column), held.time, held.tie, held.starts)
        for merge, column, _ in compact
        if merge in ENTRIES
    )
    return Lifted(words, compact, regular)


def _lifted(slot: SlotPlan, held: Held, given: Input, piece: slice) -> Longs:
    """The states of some events alone: the identity where one does not count."""
    if given.words is not None:
        return given.words[piece]
    events, counts = _counting(held, given, piece)
    lifted = kernel(slot.aggregation).lift(events, slot.params)
    if len(lifted) == len(counts):
        return lifted
    words = _nothing(slot, len(counts))
    words[counts] = lifted
    return words


def _counting(held: Held, given: Input, piece: slice) -> tuple[Events, NDArray[np.bool_]]:
    """Those of some events that count, and which these are."""
    time, tie = held.time[piece], held.tie[piece]
    counts = np.ones(len(time), np.bool_) if given.counts is None else given.counts[piece]
    values = np.zeros(len(time), np.int64) if given.values is None else given.values[piece]
    if counts.all():
        return Events(time, tie, values), counts
    return Events(time[counts], tie[counts], values[counts]), counts


def columns_of(slot: SlotPlan) -> list[str]:
    """The columns a slot's events are lifted from."""
    names = (slot.column, slot.where.column if slot.where else None)
    return [name for name in names if name is not None]


def _nothing(slot: SlotPlan, n: int) -> Longs:
    """n states of no events."""
    state = identity(slot.segments)
    out = np.empty((n, len(state)), np.int64)
    out[:] = state
    return out


def _whole(full: Longs) -> Longs:
    """The compact layout where nothing can be left out: all entries of every LATEST segment."""
    whole = full.copy()
    whole[np.isin(full[:, 0], list(ENTRIES)), 2] *= ENTRY
    return whole


def _sweep(slot: SlotPlan, alone: tree.Alone, starts: Longs, edges: Edges, out: Longs, decided: bool) -> None:
    """Every segment of every window, by the sweep that its merge allows; ``decided``: but for the last word."""
    words = alone.words
    windows = edges.low, edges.high, edges.firsts, edges.holes
    for (code, first, size), (_, column, _) in zip(
        layout(slot.segments).tolist(), alone.compact.tolist(), strict=True
    ):
        merge = Merge(code)
        if merge in ENTRIES:
            kernels.entries(words, column, merge is Merge.LATEST, *windows, out, first, size)
            continue
        for k in range(size):
            if decided and first + k == out.shape[2] - 1:
                continue
            if merge is Merge.ADD:
                kernels.add(words, column + k, *windows, out, first + k)
            elif not _is_last(merge, words, column + k, starts, edges, out, first + k):
                extremes(words, column + k, merge is Merge.MAX, *windows, out, first + k)


def _is_last(
    merge: Merge, words: Longs, column: int, starts: Longs, edges: Edges, out: Longs, at: int
) -> bool:
    """Take the greatest where it is the last of every window, as of times; whether it is."""
    if merge is not Merge.MAX or len(edges.firsts) or not kernels.ascending(words, column, starts):
        return False
    kernels.last(words, column, edges.low, edges.high, out, at, IDENTITY[merge])
    return True
