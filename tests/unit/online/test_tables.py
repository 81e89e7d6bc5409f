"""Records of tables kept in the process: asked for once, and anew when a row of a table enters."""

from __future__ import annotations

import pytest

from heptad.online import tables
from heptad.online.tables import TableRecords
from heptad.state.keys import encode
from heptad.state.store import Commit, Meta
from heptad.state.stores.memory import MemoryStore

ANN, BOB, EVE = (encode((name,)) for name in ("ann", "bob", "eve"))


class World:
    """A store, and what was asked of it."""

    def __init__(self):
        self.store, self.number, self.asked = MemoryStore("hash"), 0, []

    def commit(self, tables, **records):
        self.number += 1
        named = {(3, encode((name,))): value for name, value in records.items()}
        self.store.commit(Commit(Meta("hash", self.number, {0: self.number}, None, tables), named))

    def snapshot(self, degraded=False):
        snapshot = self.store.snapshot()
        inner = snapshot.records
        snapshot.records = lambda group, keys: self.asked.extend(keys) or inner(group, keys)
        snapshot.degraded = degraded
        return snapshot


@pytest.fixture
def world():
    world = World()
    world.commit(7, ann=b"ann one.", bob=b"bob one.")
    return world


def test_a_record_is_asked_for_once_until_a_table_changes(world):
    rows = TableRecords()
    assert rows.records(world.snapshot(), 3, [ANN, EVE, ANN]) == [b"ann one.", None, b"ann one."]
    before = len(world.asked)
    assert rows.records(world.snapshot(), 3, [EVE, ANN]) == [None, b"ann one."]
    assert len(world.asked) == before
    assert rows.records(world.snapshot(), 3, [ANN, BOB]) == [b"ann one.", b"bob one."]
    assert world.asked[before:] == [BOB]
    old = world.snapshot()
    world.commit(8, ann=b"ann two.")
    assert rows.records(world.snapshot(), 3, [ANN, BOB]) == [b"ann two.", b"bob one."]
    assert rows.records(old, 3, [ANN]) == [b"ann one."], "an older snapshot is its own"
    assert rows.records(world.snapshot(), 3, [ANN]) == [b"ann two."]


def test_a_state_that_was_begun_anew_shares_nothing(world):
    """Its records hold codes of another dictionary, though it has as many rows."""
    rows, anew = TableRecords(), world.snapshot()
    assert rows.records(world.snapshot(), 3, [ANN]) == [b"ann one."]
    anew.generation = b"another"
    asked = len(world.asked)
    assert rows.records(anew, 3, [ANN]) == [b"ann one."]
    assert world.asked[asked:] == [ANN]


def test_what_is_not_named_or_not_of_the_moment_is_not_kept(world):
    rows = TableRecords()
    assert rows.records(world.snapshot(degraded=True), 3, [ANN]) == [b"ann one."]
    assert rows.records(world.snapshot(), 3, [ANN]) == [b"ann one."]
    assert world.asked == [ANN, ANN]
    world.commit(0, ann=b"ann two.")
    for _ in range(2):
        assert rows.records(world.snapshot(), 3, [ANN]) == [b"ann two."]
    assert world.asked == [ANN, ANN, ANN, ANN]


def test_groups_are_apart_and_memory_is_bounded(world, monkeypatch):
    monkeypatch.setattr(tables, "MOST", 10)
    rows = TableRecords()
    assert rows.records(world.snapshot(), 3, [ANN]) == [b"ann one."]
    assert rows.records(world.snapshot(), 4, [ANN]) == [None]
    for number in range(100):
        assert rows.records(world.snapshot(), 3, [encode((number,)), ANN]) == [None, b"ann one."]
    assert sum(map(len, rows._held[1].values())) <= 12
