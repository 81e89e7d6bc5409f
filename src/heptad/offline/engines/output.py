"""Where a group's values go: one array per column and part of it, rows in the order asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.merge import identity, layout
from heptad.offline.engines import kernels, tree
from heptad.offline.engines.threads import Crew
from heptad.plan.finalize import Finalized, finalized
from heptad.plan.nodes import GroupPlan, Plan, WindowColumn

Longs = NDArray[np.int64]
Part = NDArray[np.float64] | Longs
_ROWS = 1 << 16  #: rows finalized at a time where that is not done by chunk


class Output:
    """Values of ``columns`` for n rows read at ``t``; ``row`` (m,) are the rows that have a key, once per key of theirs.

    ``slots`` are the group's that the columns need; ``reading`` says which columns (by place)
    a slot (by place) and a window (by place in ``windows``) give. ``states``: words are wanted, not values.
    """

    def __init__(
        self,
        plan: Plan,
        group: GroupPlan,
        columns: Sequence[WindowColumn],
        t: Longs,
        row: Longs,
        states: bool,
    ) -> None:
        self._plan, self._columns, self._t, self._row = plan, tuple(columns), t, row
        self.by_membership = states or group.list_key is not None
        self.windows = tuple(dict.fromkeys(column.window for column in columns))
        places = list(dict.fromkeys(column.slot for column in columns))
        self.slots = [group.slots[place] for place in places]
        self.reading: dict[tuple[int, int], list[int]] = {}
        for place, column in enumerate(columns):
            name = places.index(column.slot), self.windows.index(column.window)
            self.reading.setdefault(name, []).append(place)
        self._states = {
            name: np.empty((len(row) if self.by_membership else 0, self.slots[name[0]].words), np.int64)
            for name in self.reading
        }
        self._parts = [] if self.by_membership else [self._dealt_room(column) for column in columns]

    @property
    def span(self) -> tuple[int, int]:
        """No read sees an event before the first of these times, nor one from the second on."""
        return min(window.start(int(self._t.min())) for window in self.windows), int(self._t.max())

    def write(self, slot: int, window: int, words: Longs, t: Longs, to: Longs) -> None:
        """Take the words (m, w) merged for a slot and a window: of reads at t (m,), that were dealt to ``to`` (m,)."""
        if self.by_membership:
            kernels.put_rows(words, to, self._states[slot, window])
            return
        for place in self.reading[slot, window]:
            found = _parts(finalized(self._columns[place], words, t))
            for part, whole in zip(found, self._parts[place], strict=True):
                (kernels.put if part.ndim == 1 else kernels.put_rows)(part, to, whole)

    def values(self, dealt: Longs, crew: Crew) -> list[Finalized]:
        """Everything written, in the order of the columns; read i of all was dealt to ``dealt[i]``.

        The values lie as they were dealt until here, where they go to their rows in one pass: chunk by chunk,
        every write would be far from the last.
        """
        if self.by_membership:
            whole = [self._room(column) for column in self._columns]
            for (slot, window), words in self._states.items():
                self._finalize(slot, window, kernels.taken_rows(words, dealt), whole)
            return [_joined(parts) for parts in whole]
        out = []
        for place, column in enumerate(self._columns):
            room, held = self._room(column), self._parts[place]
            self._parts[place] = ()  # its memory is free as soon as it is read
            for part, whole_part in zip(held, room, strict=True):
                put = kernels.spread if part.ndim == 1 else kernels.spread_rows
                crew.each(
                    put,
                    [(part, dealt, self._row, whole_part, low, high) for low, high in crew.parts(len(dealt))],
                )
            out.append(_joined(room))
        return out

    def words(self, dealt: Longs) -> list[Longs]:
        """The words written for each column, those of a row's keys merged."""
        out: list[Longs] = [np.empty((0, 0), np.int64)] * len(self._columns)
        for (slot, window), words in self._states.items():
            segments = self.slots[slot].segments
            merged = _tiled(identity(segments), len(self._t))
            tree.gather(kernels.taken_rows(words, dealt), self._row, merged, layout(segments))
            for place in self.reading[slot, window]:
                out[place] = merged
        return out

    def _finalize(self, slot: int, window: int, words: Longs, out: list[tuple[Part, ...]]) -> None:
        """Merge the states of each row's keys and finalize them, block by block of rows."""
        segments = self.slots[slot].segments
        for start in range(0, len(self._t), _ROWS):
            end = min(start + _ROWS, len(self._t))
            low, high = np.searchsorted(self._row, (start, end))
            merged = _tiled(identity(segments), end - start)
            tree.gather(words[low:high], self._row[low:high] - start, merged, layout(segments))
            for place in self.reading[slot, window]:
                found = _parts(finalized(self._columns[place], merged, self._t[start:end]))
                for part, whole in zip(found, out[place], strict=True):
                    whole[start:end] = part

    def _dealt_room(self, column: WindowColumn) -> tuple[Part, ...]:
        words = _tiled(identity(self._plan.slot_of(column).segments), 0)
        found = _parts(finalized(column, words, self._t[:0]))
        return tuple(np.empty((len(self._row), *part.shape[1:]), part.dtype) for part in found)

    def _room(self, column: WindowColumn) -> tuple[Part, ...]:
        """Arrays for a column's values, which hold that of no events where a row has no key."""
        without = np.ones(len(self._t), np.bool_)
        without[self._row] = False
        rows = np.flatnonzero(without)
        words = _tiled(identity(self._plan.slot_of(column).segments), len(rows))
        found = _parts(finalized(column, words, self._t[rows]))
        out = tuple(np.empty((len(self._t), *part.shape[1:]), part.dtype) for part in found)
        for part, whole in zip(found, out, strict=True):
            whole[rows] = part
        return out


def _joined(parts: tuple[Part, ...]) -> Finalized:
    return cast(Finalized, parts[0] if len(parts) == 1 else parts)


def _parts(found: Finalized) -> tuple[Part, ...]:
    return found if isinstance(found, tuple) else (found,)


def _tiled(state: Longs, n: int) -> Longs:
    out = np.empty((n, len(state)), np.int64)
    out[:] = state
    return out
