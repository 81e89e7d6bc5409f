"""The local engine: all events in memory, dealt into chunks of neighbouring keys, each sorted and swept in cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.offline.engines import kernels
from heptad.offline.engines.chunk import Events, Reads, Work, sweep
from heptad.offline.engines.deal import Dealt, deal
from heptad.offline.engines.keys import codes
from heptad.offline.engines.output import Output
from heptad.offline.engines.slot import Input, Longs
from heptad.offline.engines.threads import Crew, available
from heptad.offline.engines.touches import Touches
from heptad.plan.assemble import GroupRead
from heptad.plan.batch import Batch, batch_of
from heptad.plan.coding import Dictionary
from heptad.plan.finalize import Finalized
from heptad.plan.lift import counted, key_columns, lift_slot, memberships, touch_slot
from heptad.plan.nodes import GroupPlan, Plan, SlotPlan

_SIZE = 1 << 16  #: events and reads of a chunk: what its sweeps touch stays in a core's cache


class LocalEngine:
    """Fetches finalized values for n rows at times ``t`` and log offsets ``o`` (None: all events are known).

    ``threads``: None for all cores. The values do not depend on it, nor on ``size``, the rows of a chunk.
    """

    def __init__(
        self,
        plan: Plan,
        events: Mapping[str, Batch],
        t: Longs,
        o: Longs | None,
        dictionary: Dictionary,
        progress: Callable[[str], None] | None = None,
        *,
        threads: int | None = None,
        size: int = _SIZE,
    ) -> None:
        self._plan, self._events, self._t, self._o = plan, events, t, o
        self._dictionary, self._progress = dictionary, progress
        self._threads, self._size = available() if threads is None else threads, size

    def fetch(self, reads: Sequence[GroupRead]) -> list[list[Finalized]]:
        """The finalized values of each column of each group read, in the order asked."""
        with Crew(self._threads) as crew:
            return [out.values(dealt, crew) for out, dealt in (self._group(r, crew, False) for r in reads)]

    def words(self, reads: Sequence[GroupRead]) -> list[list[Longs]]:
        """The merged words of each column of each group read, int64 (n, words): states that may be merged further."""
        with Crew(self._threads) as crew:
            return [out.words(dealt) for out, dealt in (self._group(r, crew, True) for r in reads)]

    def _group(self, read: GroupRead, crew: Crew, states: bool) -> tuple[Output, Longs]:
        """What a group's reads give, and where each was dealt to."""
        group = self._plan.groups[read.group]
        if self._progress is not None:
            self._progress(group.name)
        row, asked = memberships(group, read.keys)
        out = Output(self._plan, group, read.columns, self._t, row, states)
        if len(row):
            batch = self._events.get(group.stream)
            if batch is None:
                batch = batch_of(self._plan.stream(group.stream), (), ())
            return out, self._sweep(group, batch, row, asked, out, crew)
        return out, row

    def _sweep(
        self,
        group: GroupPlan,
        batch: Batch,
        row: Longs,
        asked: tuple[NDArray[Any], ...],
        out: Output,
        crew: Crew,
    ) -> Longs:
        """Deal events and reads into chunks of keys, and let every chunk write its reads' values."""
        place, keys = memberships(group, key_columns(group, batch.columns, len(batch)))
        found = codes(asked, keys, crew)
        held = _Dealing(place, len(batch), found.held, crew)
        first, last = out.span
        held.forget(batch.time, first, last)
        if self._o is not None:
            held.forget(batch.offset, _LEAST, int(self._o.max()))
        chunks, (events, reads) = deal((found.held, found.asked), found.n, self._size, crew)
        held.dealt = events
        dealt = Events(
            events.move(found.held, crew), held.moved(batch.time), held.moved(batch.tie),
            None if self._o is None else held.moved(batch.offset),
            tuple(self._input(batch, slot).through(held.moved) for slot in out.slots),
        )  # fmt: skip
        asking = Reads(
            reads.move(found.asked, crew),
            reads.move(self._t[row], crew),
            None if self._o is None else reads.move(self._o[row], crew),
        )
        weight = np.diff(events.starts) + np.diff(reads.starts)
        work = [
            Work(
                slice(events.starts[c], events.starts[c + 1]), slice(reads.starts[c], reads.starts[c + 1]),
                int(chunks.first[c]), int(chunks.first[c + 1]),
            )
            for c in np.argsort(-weight, kind="stable").tolist()  # the longest first, so that all end together
        ]  # fmt: skip
        crew.each(partial(sweep, events=dealt, reads=asking, out=out), [(one,) for one in work])
        return reads.to

    def _input(self, batch: Batch, slot: SlotPlan) -> Input:
        """What the slot's events are lifted from, of the whole batch."""
        if slot.where is None and slot.column is None:
            return Input()
        row, values, lists = counted(batch, slot, self._dictionary)
        if lists and catalogue.get(slot.aggregation).sparse:
            return Input(touches=Touches.of(touch_slot(batch, slot, self._dictionary), len(batch)))
        if lists:
            return Input(words=lift_slot(batch, slot, self._dictionary))
        if len(row) == len(batch):
            return Input(None if slot.column is None else values, None)
        counts = np.zeros(len(batch), np.bool_)
        counts[row] = True
        if slot.column is None:
            return Input(None, counts)
        dense = np.zeros(len(batch), values.dtype)
        dense[row] = values
        return Input(dense, counts)


class _Dealing:
    """Moves columns of a batch to where the memberships of its events are dealt; each array once."""

    def __init__(self, place: Longs, n: int, codes: Longs, crew: Crew) -> None:
        alike = len(place) == n and (n == 0 or (place[0] == 0 and place[-1] == n - 1))
        self._place = None if alike and bool((np.diff(place) == 1).all()) else place
        self._codes, self._crew = codes, crew
        self._done: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.dealt: Dealt

    def forget(self, values: Longs, first: int, last: int) -> None:
        """Code -1 for the events whose value is not in [first, last): no read can see them."""
        held = self._of(values)
        parts = self._crew.parts(len(held))
        self._crew.each(kernels.forget, [(self._codes, held, first, last, low, high) for low, high in parts])

    def moved(self, values: NDArray[Any]) -> NDArray[Any]:
        if id(values) not in self._done:  # the array is kept too: an identity lasts as long as its object
            self._done[id(values)] = values, self.dealt.move(self._of(values), self._crew)
        return self._done[id(values)][1]

    def _of(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self._place is None else values[self._place]


_LEAST = -(2**63)
