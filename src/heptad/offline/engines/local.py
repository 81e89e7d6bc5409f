"""The local engine: all events in memory, sorted once per group by (key, time), swept once per window.

Reads that know every event of their window (all, where there is no log offset) take sweeps in time linear
in events and reads; the others take a tree of merged blocks, which is exact for any offset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.spec import ABSENT, ENTRY, Merge
from heptad.algebra.window import Window
from heptad.offline.engines import kernels, tree
from heptad.offline.engines.keys import codes
from heptad.plan.assemble import GroupRead
from heptad.plan.batch import Batch
from heptad.plan.coding import Dictionary
from heptad.plan.lift import lift_slot, memberships
from heptad.plan.nodes import Plan, SlotPlan, WindowColumn

Longs = NDArray[np.int64]

_CHUNK = 65_536  #: events lifted at a time: `last n` lifts 3 * n words per event, of which three are kept


class Reads(NamedTuple):
    """Reads of one record each, sorted by (key, time): the row they are for, key, t and o. All (m,)."""

    row: Longs
    key: Longs
    t: Longs
    o: Longs | None


class Held(NamedTuple):
    """The events that some read may need, sorted by (key, time, tie); key k at ``starts[k]:starts[k + 1]``."""

    batch: Batch
    starts: Longs
    newest: Longs | None  #: the greatest offset of the key before each place, where offsets matter


class Edges(NamedTuple):
    """The places [low, high) of a window's events, and the reads that do not know all of them."""

    low: Longs
    high: Longs
    unknown: Longs


class LocalEngine:
    """Fetches merged words for n rows at times ``t`` and log offsets ``o`` (None: all events are known)."""

    def __init__(
        self,
        plan: Plan,
        events: Mapping[str, Batch],
        t: Longs,
        o: Longs | None,
        dictionary: Dictionary,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._plan, self._events, self._t, self._o = plan, events, t, o
        self._dictionary, self._progress = dictionary, progress
        self._orders: dict[str, Longs] = {}

    def fetch(self, reads: Sequence[GroupRead]) -> list[list[Longs]]:
        """The merged words of each column of each group read: int64 (n, words), in the order asked."""
        return [self._group(read) for read in reads]

    def _group(self, read: GroupRead) -> list[Longs]:
        group = self._plan.groups[read.group]
        if self._progress is not None:
            self._progress(group.name)
        slots = {column.slot: group.slots[column.slot] for column in read.columns}
        out = [self._identity(slots[column.slot], len(self._t)) for column in read.columns]
        batch = self._events.get(group.stream)
        row, asked = memberships(group, read.keys)
        if batch is None or len(batch) == 0 or len(row) == 0:
            return out
        needed = {*group.keys, *(name for slot in slots.values() for name in _columns(slot))}
        events = self._relevant(batch, read.columns, needed)
        place, keys = memberships(group, tuple(events.columns[key] for key in group.keys))
        found = codes(asked, keys)
        reads = self._sorted_reads(row, found.asked, found.n)
        held = self._by_key(events, place, found.held, found.n)
        windows = {column.window: self._edges(held, reads, column.window) for column in read.columns}
        for slot_place, slot in slots.items():
            columns = [(i, c.window) for i, c in enumerate(read.columns) if c.slot == slot_place]
            wanted = {window: windows[window] for _, window in columns}
            words = _slot(slot, held, reads, wanted, self._dictionary)
            for i, window in columns:
                if group.list_key is None:
                    out[i][reads.row] = words[window]
                else:
                    tree.gather(words[window], reads.row, out[i], layout(slot.segments))
        return out

    @staticmethod
    def _identity(slot: SlotPlan, n: int) -> Longs:
        return np.tile(identity(slot.segments), (n, 1))

    def _relevant(self, batch: Batch, columns: Sequence[WindowColumn], needed: set[str]) -> Batch:
        """The events that some read can see, by time and tie, with the columns that are needed."""
        name = batch.stream.name
        if name not in self._orders:
            self._orders[name] = np.lexsort((batch.tie, batch.time))
        order = self._orders[name]
        first = min(column.window.start(int(self._t.min())) for column in columns)
        seen = (batch.time >= first) & (batch.time < self._t.max())
        if self._o is not None:
            seen &= batch.offset < self._o.max()
        return _narrow(batch, needed).take(order[seen[order]])

    def _sorted_reads(self, row: Longs, key: Longs, n: int) -> Reads:
        by_time = np.argsort(self._t[row], kind="stable")
        order, _ = kernels.by_code(key[by_time], n)
        order = by_time[order]
        row = row[order]
        return Reads(row, key[order], self._t[row], None if self._o is None else self._o[row])

    def _by_key(self, events: Batch, place: Longs, key: Longs, n: int) -> Held:
        wanted = np.flatnonzero(key >= 0)
        order, starts = kernels.by_code(key[wanted], n)
        held = events.take(place[wanted][order])
        return Held(held, starts, None if self._o is None else kernels.running_max(held.offset, starts))

    @staticmethod
    def _edges(held: Held, reads: Reads, window: Window) -> Edges:
        time, starts = held.batch.time, held.starts
        high = kernels.edges(time, starts, reads.key, np.asarray(window.end(reads.t)))  # type: ignore[arg-type]
        if window.width is None:
            low = starts[reads.key]
        else:
            low = kernels.edges(time, starts, reads.key, np.asarray(window.start(reads.t)))  # type: ignore[arg-type]
        if held.newest is None or reads.o is None:
            return Edges(low, high, np.empty(0, np.int64))
        return Edges(low, high, np.flatnonzero((high > low) & (held.newest[high] >= reads.o)))


def _columns(slot: SlotPlan) -> list[str]:
    names = (slot.column, slot.where.column if slot.where else None)
    return [name for name in names if name is not None]


def _narrow(batch: Batch, names: set[str]) -> Batch:
    columns = {name: column for name, column in batch.columns.items() if name in names}
    return Batch(batch.stream, batch.time, batch.tie, batch.offset, columns)


def _slot(
    slot: SlotPlan, held: Held, reads: Reads, windows: Mapping[Window, Edges], dictionary: Dictionary
) -> dict[Window, Longs]:
    """The slot's merged words of every read, (m, words), for each window."""
    full = layout(slot.segments)
    words, compact, regular = _lift(slot, held, full, dictionary)
    nothing = identity(slot.segments)
    everyone = np.arange(len(reads.row))
    closer = {window: edge.unknown if regular else everyone for window, edge in windows.items()}
    out = {window: np.tile(nothing, (len(reads.row), 1)) for window in windows}
    if regular:
        for s in range(len(full)):
            _segment(words, full[s], compact[s], windows, out)
    if any(len(rows) for rows in closer.values()):
        offsets = held.batch.offset
        nodes = tree.build(words, offsets, nothing, full, compact)
        o = reads.o if reads.o is not None else np.full(len(reads.row), np.iinfo(np.int64).max)
        for window, rows in closer.items():
            low, high, _ = windows[window]
            tree.query(nodes, words, offsets, nothing, full, compact, low, high, o, rows, out[window])
    return out


def _lift(slot: SlotPlan, held: Held, full: Longs, dictionary: Dictionary) -> tuple[Longs, Longs, bool]:
    """(words, compact layout, regular): one entry per LATEST segment and event where that is all there is."""
    compact = full.copy()
    kept: list[int] = []
    for s, (merge, first, size) in enumerate(full.tolist()):
        count = ENTRY if merge == Merge.LATEST else size
        compact[s] = merge, len(kept), count
        kept += range(first, first + count)
    spare = [
        first + entry * ENTRY
        for merge, first, size in full.tolist()
        if merge == Merge.LATEST
        for entry in range(1, size)
    ]
    batch, n = held.batch, len(held.batch)
    words = np.empty((n, len(kept)), np.int64)
    for start in range(0, n, _CHUNK):
        piece = np.arange(start, min(start + _CHUNK, n))
        lifted = lift_slot(batch.take(piece), slot, dictionary)
        if (lifted[:, spare] != ABSENT).any():
            return lift_slot(batch, slot, dictionary), _whole(full), False
        words[piece] = lifted[:, kept]
    regular = all(
        kernels.ordered(words, int(column), batch.time, batch.tie, held.starts)
        for merge, column, _ in compact
        if merge == Merge.LATEST
    )
    return words, compact, regular


def _whole(full: Longs) -> Longs:
    """The compact layout where nothing can be left out: all entries of every LATEST segment."""
    whole = full.copy()
    whole[full[:, 0] == Merge.LATEST, 2] *= ENTRY
    return whole


def _segment(
    words: Longs, full: Longs, compact: Longs, windows: Mapping[Window, Edges], out: Mapping[Window, Longs]
) -> None:
    """One segment of the merged words of every window, by the sweep that its merge allows."""
    merge, first, size = Merge(int(full[0])), int(full[1]), int(full[2])
    column = int(compact[1])
    if merge is Merge.LATEST:
        places, before = kernels.present(words, column)
        for window, (low, high, _) in windows.items():
            kernels.latest(words, column, places, before, low, high, out[window], first, size)
        return
    for window, (low, high, _) in windows.items():
        for k in range(size):
            if merge is Merge.ADD:
                kernels.add(words, column + k, low, high, out[window], first + k)
            else:
                sign = 1 if merge is Merge.MAX else -1
                kernels.extreme(words, column + k, sign, low, high, out[window], first + k)
