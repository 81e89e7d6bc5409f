"""A partition that is larger than its share of memory, such as one hot key: its events in slices of time.

Merging is associative and commutative, so the state a row reads is the merge of what every slice holds of its
window, whatever the slices are: exactness does not depend on how they were cut. A row's window covers most slices
whole or not at all; a whole one costs the merge of one state per key, carried from when the slice was first in
memory, and only the slices that hold an edge of the window are looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.merge import identity, layout
from heptad.algebra.window import Window
from heptad.offline.engines import tree
from heptad.offline.engines.keys import codes
from heptad.offline.engines.local import LocalEngine
from heptad.plan.assemble import GroupRead
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import LocalDictionary
from heptad.plan.finalize import Finalized, finalized
from heptad.plan.lift import memberships
from heptad.plan.nodes import Plan, WindowColumn

Longs = NDArray[np.int64]
_NONE, _PART, _WHOLE = 0, 1, 2


@dataclass(frozen=True)
class Slice:
    """Some events: their streams' batches when asked for, and the range of their times, both ends inside."""

    low: int
    high: int
    load: Callable[[], Mapping[str, Batch]]


@dataclass
class Seen:
    """What is remembered of a slice: per group the state of every key over all of it, and its last offset."""

    states: dict[int, dict[int, Longs]] = field(default_factory=dict)
    newest: int | None = None


class SlicedEngine:
    """Fetches for rows whose events are in slices.

    ``reads`` are of all rows that will be asked for, so that a state of a slice serves all of them; such states
    are remembered where they fit into ``carried_bytes``.
    """

    def __init__(
        self, plan: Plan, slices: Sequence[Slice], reads: Sequence[GroupRead], carried_bytes: int
    ) -> None:
        self._plan, self._slices = plan, slices
        self.dictionary = LocalDictionary()
        self._seen = [Seen() for _ in slices]
        self._loaded: tuple[int, Mapping[str, Batch]] | None = None
        self._all = {read.group: _Keys(plan, read) for read in reads}
        needed = sum(keys.state_bytes for keys in self._all.values()) * len(slices)
        self._carry = needed <= carried_bytes

    def fetch(
        self, reads: Sequence[GroupRead], place: Longs, t: Longs, o: Longs | None
    ) -> list[list[Finalized]]:
        """As `LocalEngine.fetch`, for rows that are those of the constructor's at ``place``."""
        states = {
            (read.group, column): np.tile(identity(self._plan.slot_of(column).segments), (len(t), 1))
            for read in reads
            for column in read.columns
        }
        for number in range(len(self._slices)):
            self._merge(number, reads, place, t, o, states)
        return [[finalized(c, states.pop((read.group, c)), t) for c in read.columns] for read in reads]

    def _merge(
        self,
        number: int,
        reads: Sequence[GroupRead],
        place: Longs,
        t: Longs,
        o: Longs | None,
        states: Mapping[tuple[int, WindowColumn], Longs],
    ) -> None:
        """Merge what slice ``number`` holds of every window into the rows' states."""
        parts: list[GroupRead] = []
        for read in reads:
            how = {c: self._cover(number, c, t, o) for c in read.columns}
            partly = tuple(c for c in read.columns if how[c] == _PART)
            whole = [c for c in read.columns if how[c] == _WHOLE]
            if partly:
                parts.append(replace_columns(read, partly))
            if whole:
                self._merge_whole(number, read, whole, place, states)
        if not parts:
            return
        engine = LocalEngine(self._plan, self._events(number), t, o, self.dictionary)
        for read, found in zip(parts, engine.words(parts), strict=True):
            for column, words in zip(read.columns, found, strict=True):
                into = states[read.group, column]
                tree.gather(words, np.arange(len(t)), into, layout(self._plan.slot_of(column).segments))

    def _cover(self, number: int, column: WindowColumn, t: Longs, o: Longs | None) -> int:
        """How much of a slice the windows of these rows cover: none, part of it for some row, or all for all."""
        one, window = self._slices[number], column.window
        first, last = int(t.min()), int(t.max())
        if one.low >= window.end(last) or one.high < window.start(first):
            return _NONE
        inside = window.start(last) <= one.low and one.high < window.end(first)
        if not (inside and self._carry):
            return _PART
        if o is not None:
            newest = self._newest(number)
            return _WHOLE if newest < int(o.min()) else _PART
        return _WHOLE

    def _merge_whole(
        self,
        number: int,
        read: GroupRead,
        columns: Sequence[WindowColumn],
        place: Longs,
        states: Mapping[tuple[int, WindowColumn], Longs],
    ) -> None:
        keys = self._all[read.group]
        held = self._seen[number].states
        if read.group not in held:
            held[read.group] = self._carried(number, read.group)
        row, code = keys.of(place)
        for column in columns:
            words = held[read.group][column.slot]
            segments = layout(self._plan.slot_of(column).segments)
            tree.gather(words[code], row, states[read.group, column], segments)

    def _carried(self, number: int, group: int) -> dict[int, Longs]:
        """The state of every key over the whole slice, by slot."""
        keys = self._all[group]
        by_slot = {column.slot: replace(column, window=Window(None)) for column in keys.read.columns}
        after = np.full(keys.n, self._slices[number].high + 1, np.int64)
        engine = LocalEngine(self._plan, self._events(number), after, None, self.dictionary)
        (found,) = engine.words([GroupRead(group, tuple(by_slot.values()), keys.columns)])
        return dict(zip(by_slot, found, strict=True))

    def _events(self, number: int) -> Mapping[str, Batch]:
        if self._loaded is None or self._loaded[0] != number:
            self._loaded = None  # before the next is loaded, not after
            self._loaded = number, self._slices[number].load()
        return self._loaded[1]

    def _newest(self, number: int) -> int:
        seen = self._seen[number]
        if seen.newest is None:
            seen.newest = max(int(b.offset.max(initial=-(2**62))) for b in self._events(number).values())
        return seen.newest


class _Keys:
    """The different keys of all rows of a group, each once, and which of them a row reads."""

    def __init__(self, plan: Plan, read: GroupRead) -> None:
        group = plan.groups[read.group]
        self.read = read
        self._rows = len(read.keys[0].values)
        row, values = memberships(group, read.keys)
        found = codes(values, values)
        _, first = np.unique(found.asked, return_index=True)
        dense = np.full(int(found.n) if len(row) else 0, -1, np.int64)
        dense[found.asked[first]] = np.arange(len(first))
        self._code = dense[found.asked] if len(row) else found.asked
        self._bounds = np.searchsorted(row, np.arange(self._rows + 1))
        self.n = len(first)
        columns = [Column(column[first], np.ones(self.n, np.bool_)) for column in values]
        if group.list_key is not None:
            columns[group.list_key] = _lists_of_one(columns[group.list_key])
        self.columns = tuple(columns)
        words = {column.slot: plan.slot_of(column).words for column in read.columns}
        self.state_bytes = 8 * self.n * sum(words.values())

    def of(self, place: Longs) -> tuple[Longs, Longs]:
        """(row, code) of every key that the rows at ``place`` read; rows are numbered as in ``place``."""
        counts = self._bounds[place + 1] - self._bounds[place]
        row = np.repeat(np.arange(len(place)), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return row, self._code[np.repeat(self._bounds[place], counts) + within]


def _lists_of_one(column: Column) -> Column:
    lists = np.empty(len(column.values), object)
    lists[:] = [(element,) for element in column.values.tolist()]
    return Column(lists, column.valid)


def replace_columns(read: GroupRead, columns: tuple[WindowColumn, ...]) -> GroupRead:
    """The same read of fewer columns."""
    return GroupRead(read.group, columns, read.keys)


__all__ = ["Slice", "SlicedEngine"]
