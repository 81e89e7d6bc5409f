"""One slot of a group: its events lifted once, then merged for every read of every window.

Reads that know every event of their window take sweeps in time linear in events and reads. The others
look at each event if there are few, and at a tree of merged blocks if there are many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.spec import ABSENT, ENTRIES, ENTRY, Merge
from heptad.algebra.window import Window
from heptad.offline.engines import kernels, tree
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import Dictionary
from heptad.plan.lift import lift_slot
from heptad.plan.nodes import SlotPlan

Longs = NDArray[np.int64]

_WORDS = (
    1 << 20
)  #: words lifted at a time, 8 MB: `last n` lifts 3 * n of them per event, of which three are kept
_FEW = 128  #: events of a window that are looked at one by one rather than in merged blocks


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


class Lifted(NamedTuple):
    """The words of every event: ``words`` (n, w) as the ``compact`` layout has them.

    A LATEST segment usually holds one entry per event, its own; then only that one is kept, and the entries
    are as ``regular`` as their events: newest last. Otherwise (an aggregation may order them otherwise) all
    are kept and only the generic merge is right.
    """

    words: Longs
    compact: Longs
    regular: bool


def merged(
    slot: SlotPlan,
    held: Held,
    reads: Reads,
    windows: Mapping[Window, Edges],
    dictionary: Dictionary,
    n: int,
) -> dict[Window, Longs]:
    """The slot's merged words for each window, int64 (n, words): read j in row ``reads.row[j]``, no row twice."""
    lifted = lift(slot, held, dictionary)
    out = {window: _nothing(slot, n) for window in windows}
    if lifted.regular:
        _sweep(slot, lifted, reads, windows, out)
    _look_closer(slot, lifted, held, reads, windows, out)
    return out


def lift(slot: SlotPlan, held: Held, dictionary: Dictionary) -> Lifted:
    """Lift the events chunk by chunk."""
    full = layout(slot.segments)
    compact, kept, spare = full.copy(), list[int](), list[int]()
    for s, (merge, first, size) in enumerate(full.tolist()):
        count = ENTRY if merge in ENTRIES else size
        compact[s] = merge, len(kept), count
        kept += range(first, first + count)
        if merge in ENTRIES:
            spare += range(first + ENTRY, first + size * ENTRY, ENTRY)
    n = len(held.batch)
    words = np.empty((n, len(kept)), np.int64)
    step = max(1, _WORDS // slot.words)
    for start in range(0, n, step):
        piece = slice(start, start + step)
        chunk = lift_slot(_part(held.batch, slot, piece), slot, dictionary)
        if spare and (chunk[:, spare] != ABSENT).any():
            everything = lift_slot(_part(held.batch, slot, slice(0, n)), slot, dictionary)
            return Lifted(everything, _whole(full), False)
        words[piece] = chunk[:, kept] if spare else chunk
    regular = Merge.MAX_BYTES not in compact[:, 0] and all(
        kernels.ordered(words, int(column), held.batch.time, held.batch.tie, held.starts)
        for merge, column, _ in compact
        if merge in ENTRIES
    )
    return Lifted(words, compact, regular)


def _part(batch: Batch, slot: SlotPlan, piece: slice) -> Batch:
    columns = {name: batch.columns[name] for name in columns_of(slot)}
    cut = {name: Column(column.values[piece], column.valid[piece]) for name, column in columns.items()}
    return Batch(batch.stream, batch.time[piece], batch.tie[piece], batch.offset[piece], cut)


def columns_of(slot: SlotPlan) -> list[str]:
    """The columns a slot's events are lifted from."""
    names = (slot.column, slot.where.column if slot.where else None)
    return [name for name in names if name is not None]


def _whole(full: Longs) -> Longs:
    """The compact layout where nothing can be left out: all entries of every LATEST segment."""
    whole = full.copy()
    whole[np.isin(full[:, 0], list(ENTRIES)), 2] *= ENTRY
    return whole


def _nothing(slot: SlotPlan, n: int) -> Longs:
    """n states of no events."""
    state = identity(slot.segments)
    out = np.empty((n, len(state)), np.int64)
    out[:] = state
    return out


def _sweep(
    slot: SlotPlan,
    lifted: Lifted,
    reads: Reads,
    windows: Mapping[Window, Edges],
    out: Mapping[Window, Longs],
) -> None:
    """Every segment of every window, by the sweep that its merge allows."""
    words, row = lifted.words, reads.row
    for (code, first, size), (_, column, _) in zip(
        layout(slot.segments).tolist(), lifted.compact.tolist(), strict=True
    ):
        merge = Merge(code)
        if merge in ENTRIES:
            places, before = kernels.present(words, column)
            take = kernels.latest if merge is Merge.LATEST else kernels.earliest
            for window, (low, high, _) in windows.items():
                take(words, column, places, before, low, high, row, out[window], first, size)
            continue
        for k in range(size):
            sums = kernels.prefixes(words, column + k) if merge is Merge.ADD else None
            for window, (low, high, _) in windows.items():
                if sums is not None:
                    kernels.add(sums, low, high, row, out[window], first + k)
                else:
                    sign = 1 if merge is Merge.MAX else -1
                    kernels.extreme(words, column + k, sign, low, high, row, out[window], first + k)


def _look_closer(
    slot: SlotPlan,
    lifted: Lifted,
    held: Held,
    reads: Reads,
    windows: Mapping[Window, Edges],
    out: Mapping[Window, Longs],
) -> None:
    """The reads that do not know all events of their window, or all where the sweeps are not right."""
    full, state, offsets = layout(slot.segments), identity(slot.segments), held.batch.offset
    o = reads.o if reads.o is not None else np.full(len(reads.row), np.iinfo(np.int64).max)
    nodes = None
    for window, (low, high, unknown) in windows.items():
        rows = unknown if lifted.regular else np.arange(len(reads.row))
        few = high[rows] - low[rows] <= _FEW
        common = (lifted.words, offsets, state, full, lifted.compact, low, high, o)
        tree.scan(*common, rows[few], reads.row, out[window])
        if not few.all():
            if nodes is None:
                nodes = tree.build(lifted.words, offsets, state, full, lifted.compact)
            tree.query(nodes, *common, rows[~few], reads.row, out[window])
