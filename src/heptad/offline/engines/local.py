"""The local engine: all events in memory, sorted once per group by (key, time), swept once per window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.window import Window
from heptad.offline.engines import kernels, tree
from heptad.offline.engines.keys import codes
from heptad.offline.engines.slot import Edges, Held, Longs, Reads, columns_of, merged
from heptad.plan.assemble import Finalized, GroupRead, finalized
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import Dictionary
from heptad.plan.lift import key_columns, memberships
from heptad.plan.nodes import GroupPlan, Plan, SlotPlan, WindowColumn


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

    def fetch(self, reads: Sequence[GroupRead]) -> list[list[Finalized]]:
        """The finalized values of each column of each group read, in the order asked."""
        return [
            [
                finalized(self._plan, column, words, self._t)
                for column, words in zip(read.columns, self._group(read), strict=True)
            ]
            for read in reads
        ]

    def words(self, reads: Sequence[GroupRead]) -> list[list[Longs]]:
        """The merged words of each column of each group read, int64 (n, words): states that may be merged further."""
        return [self._group(read) for read in reads]

    def _group(self, read: GroupRead) -> list[Longs]:
        group, n = self._plan.groups[read.group], len(self._t)
        if self._progress is not None:
            self._progress(group.name)
        batch = self._events.get(group.stream)
        row, asked = memberships(group, read.keys)
        if batch is None or len(batch) == 0 or len(row) == 0:
            return [np.tile(identity(group.slots[c.slot].segments), (n, 1)) for c in read.columns]
        held, key, keys = self._held(batch, group, read.columns, asked)
        reads = self._reads(row, key, keys)
        windows = {
            window: self._edges(held, reads, window) for window in {c.window: None for c in read.columns}
        }
        out: dict[tuple[int, Window], Longs] = {}
        for place in dict.fromkeys(column.slot for column in read.columns):
            wanted = {c.window: windows[c.window] for c in read.columns if c.slot == place}
            found = self._slot(group, group.slots[place], held, reads, wanted)
            out |= {(place, window): words for window, words in found.items()}
        return [out[column.slot, column.window] for column in read.columns]

    def _held(
        self, batch: Batch, group: GroupPlan, columns: Sequence[WindowColumn], asked: tuple[Longs, ...]
    ) -> tuple[Held, Longs, int]:
        """The events of the keys that are asked for; and the keys asked for, as codes below a number."""
        seen = self._visible(batch, columns)
        place, keys = memberships(group, _taken(key_columns(group, batch.columns, len(batch)), seen))
        found = codes(asked, keys)
        wanted = np.flatnonzero(found.held >= 0)
        order, starts = kernels.by_code(found.held[wanted], found.n)
        needed = {name for column in columns for name in columns_of(group.slots[column.slot])}
        narrow = {name: batch.columns[name] for name in needed}
        held = Batch(batch.stream, batch.time, batch.tie, batch.offset, narrow).take(
            seen[place[wanted[order]]]
        )
        newest = None if self._o is None else kernels.running_max(held.offset, starts)
        return Held(held, starts, newest), found.asked, found.n

    def _visible(self, batch: Batch, columns: Sequence[WindowColumn]) -> Longs:
        """The places of the events that some read can see, ordered by time and tie."""
        name = batch.stream.name
        if name not in self._orders:
            self._orders[name] = np.lexsort((batch.tie, batch.time))
        first = min(column.window.start(int(self._t.min())) for column in columns)
        seen = (batch.time >= first) & (batch.time < self._t.max())
        if self._o is not None:
            seen &= batch.offset < self._o.max()
        order = self._orders[name]
        return order if seen.all() else order[seen[order]]

    def _reads(self, row: Longs, key: Longs, keys: int) -> Reads:
        by_time = np.argsort(self._t[row], kind="stable")
        order, _ = kernels.by_code(key[by_time], keys)
        order = by_time[order]
        row = row[order]
        return Reads(row, key[order], self._t[row], None if self._o is None else self._o[row])

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

    def _slot(
        self, group: GroupPlan, slot: SlotPlan, held: Held, reads: Reads, windows: Mapping[Window, Edges]
    ) -> dict[Window, Longs]:
        """The slot's words of all n rows for each window; the reads of one row's list elements merged."""
        n = len(self._t)
        if group.list_key is None:
            return merged(slot, held, reads, windows, self._dictionary, n)
        apart = reads._replace(row=np.arange(len(reads.row)))
        out: dict[Window, Longs] = {}
        for window, words in merged(slot, held, apart, windows, self._dictionary, len(reads.row)).items():
            out[window] = np.tile(identity(slot.segments), (n, 1))
            tree.gather(words, reads.row, out[window], layout(slot.segments))
        return out


def _taken(columns: Sequence[Column], rows: Longs) -> tuple[Column, ...]:
    return tuple(column.take(rows) for column in columns)
