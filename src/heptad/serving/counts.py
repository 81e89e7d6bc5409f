"""How many events each item has had, as of the very state a read sees: popularity without a lag or a lead."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import numpy as np

from heptad.models.base import Vector
from heptad.plan.batch import Batch
from heptad.plan.nodes import Plan
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.state.store import Meta, Saved
from heptad.streams.applier import Step
from heptad.streams.decide import Decider
from heptad.streams.log import Log

#: States whose counts are kept: a read may still hold the snapshot of one while others are committed.
KEPT: Final = 16
_BATCH: Final = 65_536
_State = tuple[tuple[tuple[int, int], ...], int | None]


class EventCounts:
    """Counts of applied events per item of one stream. One thread applies (`watch`), any may ask (`at`).

    By the meaning of a state these are the accepted events with time < t and offset < o of any read of it,
    so a logged decision's popularity can be recomputed from the log.
    """

    def __init__(self, stream: str, item: str) -> None:
        self._stream, self._item = stream, item
        self.index = ItemIndex()
        self._newest: Vector = np.zeros(0)
        self._of: dict[_State, Vector] = {}

    def rebuild(self, plan: Plan, log: Log, saved: Saved) -> None:
        """Count what the saved state covers, from the log."""
        decider = Decider(plan)
        end = saved.meta.offsets.get(log.partition, 0)
        counts = self._newest
        for start in range(log.first, end, _BATCH):
            counts = self._plus(
                counts, decider.decide(log.read_runs(start, min(end, start + _BATCH))).entered
            )
        counts = self._plus(counts, decider.waiting(but=saved.pending))  # a tick has let them in since
        self._publish(saved.meta, counts)

    def watch(self, step: Step) -> None:
        """Count what enters the state; to be called before the step's commit."""
        before = self._of.setdefault(_state(step.before), self._newest)
        self._publish(step.after, self._plus(before, step.entered))

    def at(self, meta: Meta | None) -> Vector:
        """The counts of a committed state by place of ``index``; the newest for None, or for a state long gone."""
        return self._newest if meta is None else self._of.get(_state(meta), self._newest)

    def _plus(self, counts: Vector, events: Sequence[Batch]) -> Vector:
        columns = [batch.columns[self._item] for batch in events if batch.stream.name == self._stream]
        items = [item for column in columns for item in column.values[column.valid].tolist()]
        places = self.index.add(items)
        if not len(places):
            return counts
        total = np.bincount(places, minlength=max(len(counts), int(places.max()) + 1)).astype(np.float64)
        total[: len(counts)] += counts
        return total

    def _publish(self, meta: Meta, counts: Vector) -> None:
        self._of[_state(meta)] = self._newest = counts
        while len(self._of) > KEPT:
            self._of.pop(next(iter(self._of)), None)


class CountsFor:
    """The same counts by the places of another item index, such as a retriever's, which learns new items."""

    def __init__(self, events: EventCounts, index: ItemIndex) -> None:
        self._events, self._index = events, index
        self._places: Places = np.empty(0, np.int64)
        self._joining = threading.Lock()

    def at(self, meta: Meta | None) -> Vector:
        """(places of the index,): the number of events of each item, as of a state."""
        counts = self._events.at(meta)
        places = self._places
        if len(places) < len(counts):
            with self._joining:
                fresh = self._events.index.ids[len(self._places) : len(counts)]
                places = self._places = np.concatenate([self._places, self._index.add(fresh)])
        out = np.zeros(len(self._index))
        out[places[: len(counts)]] = counts
        return out


def _state(meta: Meta) -> _State:
    return tuple(sorted(meta.offsets.items())), meta.frontier
