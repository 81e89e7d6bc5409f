"""Counts at a server that stops in the middle of a read: as last read, and exact again once it answers."""

from __future__ import annotations

import pytest

from heptad.errors import StateError
from heptad.plan.nodes import TallyPlan, TrendPlan
from heptad.state.remembered import Remembered
from heptad.state.store import Commit, Meta
from heptad.state.stores.memory import MemoryStore
from heptad.state.tallies import reader_of, writer_of

PLANS = [TallyPlan("Sale", "product"), TrendPlan("Sale", "product", 100, 10)]


class Stops:
    """A store whose snapshots answer so many times more."""

    def __init__(self, store):
        self._store, self.left = store, 99

    def snapshot(self):
        return Stopping(self, self._store.snapshot())


class Stopping:
    def __init__(self, stops, live):
        self._stops, self._live = stops, live
        self.meta, self.generation, self.number = live.meta, live.generation, live.number

    def many(self, asked):
        self._stops.left -= 1
        if self._stops.left < 0:
            raise StateError("the store", "an answer", "none", "look at it")
        return self._live.many(asked)


def shown(found):
    return {value: n for value, n in zip(found.values, found.counts.tolist(), strict=True) if n}


@pytest.mark.parametrize("plan", PLANS, ids=["ever", "window"])
@pytest.mark.parametrize("answers", range(4))
def test_a_read_that_breaks_off_leaves_nothing_wrong(plan, answers):
    store = MemoryStore("hash")
    writer, reader, server = writer_of(plan, store.snapshot().records), reader_of(plan), Stops(store)
    remembered = Remembered(server)

    def commit(offset, values, time):
        changed = writer.add(values, [time] * len(values), time)
        store.commit(Commit(Meta("hash", time, {0: offset}), changed))

    commit(1, ["a", "a", "b"], 5)
    assert shown(reader.at(remembered.snapshot(), 6)) == {"a": 2.0, "b": 1.0}
    commit(2, ["b", "c", "c", "c"], 8)
    server.left = answers
    snapshot = remembered.snapshot()
    found = shown(reader.at(snapshot, 9))
    now = {"a": 2.0, "b": 2.0, "c": 3.0}
    assert snapshot.degraded == (answers < 3), "the head, the counts, the values"
    assert found == ({"a": 2.0, "b": 1.0} if snapshot.degraded else now)
    server.left = 99
    assert shown(reader.at(remembered.snapshot(), 9)) == now


@pytest.mark.parametrize("plan", PLANS, ids=["ever", "window"])
def test_an_older_read_that_breaks_off_may_be_told_of_newer_records(plan):
    store = MemoryStore("hash")
    writer, reader, server = writer_of(plan, store.snapshot().records), reader_of(plan), Stops(store)
    remembered = Remembered(server)
    store.commit(Commit(Meta("hash", 5, {0: 1}), writer.add(["a"], [5], 5)))
    older = remembered.snapshot()
    store.commit(Commit(Meta("hash", 6, {0: 2}), writer.add(["a", "b", "c"], [6] * 3, 6)))
    newest = reader.at(remembered.snapshot(), 7)
    server.left = 1
    assert shown(reader.at(older, 6)) == shown(newest)
    assert older.degraded


def test_a_window_empties_while_the_store_is_silent():
    store, plan = MemoryStore("hash"), PLANS[1]
    server = Stops(store)
    remembered, reader = Remembered(server), reader_of(plan)
    changed = writer_of(plan, store.snapshot().records).add(["a", "b"], [5, 25], 25)
    store.commit(Commit(Meta("hash", 25, {0: 1}), changed))
    assert shown(reader.at(remembered.snapshot(), 26)) == {"a": 1.0, "b": 1.0}
    server.left = 0
    assert shown(reader.at(remembered.snapshot(), 112)) == {"b": 1.0}
