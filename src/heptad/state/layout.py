"""Where every slot of a group lies inside a record: the plan's groups as tables of integers for the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import last_n
from heptad.algebra.kernels.base import kernel
from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.spec import ENTRIES
from heptad.declare.types import Kind
from heptad.plan.nodes import GroupPlan, Plan, SlotPlan, StreamPlan

Ints = NDArray[np.int64]


class Tables(NamedTuple):
    """A group as int64 arrays. Slots of ring r are ``ring_slot[ring_bounds[r]:ring_bounds[r + 1]]``.

    ``hops`` (rings,): 0 for the ring of all time. ``retention`` (rings,): 0 for all time.
    ``tile_words`` (rings,): words of one tile, its index included.
    ``ring_place``: for each entry of ``ring_slot``, the slot's first word counted from the tile's start.
    ``slot_first`` (slots,): the slot's first word among the group's words, as `plan.lift` lays them out.
    ``segments`` (s, 3): rows of (merge, first word within the slot, size), slot after slot;
    ``segment_bounds`` (slots + 1,). ``identity`` (words of the group,): the state of no events.
    """

    hops: Ints
    retention: Ints
    tile_words: Ints
    ring_bounds: Ints
    ring_slot: Ints
    ring_place: Ints
    slot_first: Ints
    slot_words: Ints
    segments: Ints
    segment_bounds: Ints
    identity: Ints


class EventTables(NamedTuple):
    """How a lifted event's words lie: the first word of each slot (slots,), and whether it has but one entry there."""

    first: Ints
    entry: NDArray[np.bool_]


@dataclass(frozen=True)
class GroupLayout:
    """The layout of one group's records; made once per plan and group.

    ``lifted``: the slots as events are lifted for it. A slot that keeps the newest or oldest n entries of events
    that have one each is lifted with n = 1. By default as the group has them.
    """

    group: GroupPlan
    narrow: tuple[SlotPlan, ...] | None = None

    @property
    def lifted(self) -> tuple[SlotPlan, ...]:
        return self.group.slots if self.narrow is None else self.narrow

    @cached_property
    def event_words(self) -> int:
        """Words of a lifted event."""
        return sum(slot.words for slot in self.lifted)

    @cached_property
    def event_tables(self) -> EventTables:
        pairs = zip(self.group.slots, self.lifted, strict=True)
        entry = np.array([slot != lifted for slot, lifted in pairs], np.bool_)
        return EventTables(_bounds(slot.words for slot in self.lifted)[:-1], entry)

    @cached_property
    def words(self) -> int:
        """Words of all slots: the width of a lifted event."""
        return sum(slot.words for slot in self.group.slots)

    @cached_property
    def places(self) -> dict[tuple[int, int], int]:
        """(ring, slot) -> the slot's first word counted from the start of a tile of the ring."""
        out: dict[tuple[int, int], int] = {}
        for r, ring in enumerate(self.group.rings):
            place = 1  # after the tile's index
            for slot in ring.slots:
                out[r, slot] = place
                place += self.group.slots[slot].words
        return out

    @cached_property
    def tables(self) -> Tables:
        group = self.group
        widths = [slot.words for slot in group.slots]
        layouts = [layout(slot.segments) for slot in group.slots]
        return Tables(
            hops=_ints(ring.hop or 0 for ring in group.rings),
            retention=_ints(ring.retention or 0 for ring in group.rings),
            tile_words=_ints(1 + sum(widths[slot] for slot in ring.slots) for ring in group.rings),
            ring_bounds=_bounds(len(ring.slots) for ring in group.rings),
            ring_slot=_ints(slot for ring in group.rings for slot in ring.slots),
            ring_place=_ints(self.places[r, s] for r, ring in enumerate(group.rings) for s in ring.slots),
            slot_first=_bounds(widths)[:-1],
            slot_words=_ints(widths),
            segments=np.concatenate(layouts),
            segment_bounds=_bounds(len(rows) for rows in layouts),
            identity=np.concatenate([identity(slot.segments) for slot in group.slots]),
        )

    def oldest(self, ring: int, frontier: int) -> int | None:
        """The least tile of the ring that a read after ``frontier`` can still need; None for all time."""
        hop, retention = self.group.rings[ring].hop, self.group.rings[ring].retention
        return None if hop is None or retention is None else (frontier + 1 - retention) // hop


def layouts_of(plan: Plan) -> tuple[GroupLayout, ...]:
    """One layout per group of the plan, in its order."""
    return tuple(
        GroupLayout(group, tuple(_narrow(slot, plan.stream(group.stream)) for slot in group.slots))
        for group in plan.groups
    )


def _narrow(slot: SlotPlan, stream: StreamPlan) -> SlotPlan:
    """The slot whose state of one event is the first entry of this one's, where all others are absent."""
    kept = [(segment.merge in ENTRIES, segment.size) for segment in slot.segments]
    has_lists = slot.column is not None and stream.by_name[slot.column].kind is Kind.TEXTS
    if kept != [(True, slot.params.n)] or has_lists or kernel(slot.aggregation).lift is not last_n.lift:
        return slot
    return replace(slot, params=replace(slot.params, n=1))


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


def _bounds(sizes: Iterable[int]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(_ints(sizes), dtype=np.int64)])
