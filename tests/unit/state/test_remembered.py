"""Reads of a server that fails: as last known, flagged, never of another state's codes."""

from __future__ import annotations

import pytest

from heptad.errors import StateError
from heptad.state import remembered
from heptad.state.breaker import FAILURES, Breaker
from heptad.state.keys import encode
from heptad.state.remembered import Remembered
from heptad.state.store import Commit, Meta
from heptad.state.stores.memory import MemoryStore

ANN, BOB, EVE = (encode((name,)) for name in ("ann", "bob", "eve"))


class Failing:
    """A real store whose reads fail on demand: all of them, or those of a snapshot that is open."""

    def __init__(self):
        self.store, self.down, self.asked = MemoryStore("hash"), False, 0
        self.commit, self.saved, self.close = self.store.commit, self.store.saved, self.store.close

    def snapshot(self):
        self.asked += 1
        self._check()
        snapshot = self.store.snapshot()
        for name in ("many", "values"):
            setattr(snapshot, name, self._checked(getattr(snapshot, name)))
        return snapshot

    def _checked(self, read):
        def checked(asked):
            self._check()
            return read(asked)

        return checked

    def _check(self):
        if self.down:
            raise StateError("the store", "an answer", "none", "look at it")


@pytest.fixture
def failing():
    store = Failing()
    store.commit(
        Commit(
            Meta("hash", 5, {0: 1}), {(0, ANN): b"ann one.", (0, BOB): b"bob one."}, values_added=["a", "b"]
        )
    )
    return store


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def store(failing, now):
    return Remembered(failing, Breaker(timer=lambda: now[0]))


def test_while_all_is_well_it_is_the_store(failing, store):
    with store.snapshot() as snapshot:
        assert snapshot.many([(0, [ANN, EVE]), (1, [ANN])]) == [[b"ann one.", None], [None]]
        assert snapshot.values([1, 0]) == ["b", "a"]
        assert (snapshot.meta, snapshot.degraded) == (Meta("hash", 5, {0: 1}), False)


def test_a_store_that_is_down_is_answered_for_as_last_known(failing, store):
    with store.snapshot() as snapshot:
        snapshot.records(0, [ANN])
        snapshot.values([0])
    failing.commit(Commit(Meta("hash", 6, {0: 2}), {(0, ANN): b"ann two."}))
    failing.down = True
    with store.snapshot() as snapshot:
        assert snapshot.degraded
        assert snapshot.meta == Meta("hash", 5, {0: 1})
        assert snapshot.records(0, [ANN, BOB]) == [b"ann one.", None], "nobody has read bob"
        assert snapshot.values([0]) == ["a"]
        with pytest.raises(StateError, match="never read"):
            snapshot.values([1])
    failing.down = False
    with store.snapshot() as snapshot:
        assert not snapshot.degraded
        assert snapshot.records(0, [ANN, BOB]) == [b"ann two.", b"bob one."]


def test_a_store_that_goes_down_in_the_middle_is_answered_for_from_there_on(failing, store):
    with store.snapshot() as snapshot:
        snapshot.records(0, [ANN])
    with store.snapshot() as snapshot:
        assert snapshot.records(0, [BOB]) == [b"bob one."]
        failing.down = True
        assert snapshot.records(0, [ANN, BOB]) == [b"ann one.", b"bob one."]
        assert snapshot.degraded
        failing.down = False
        assert snapshot.records(0, [ANN]) == [b"ann one."], "no more looks at the store in this snapshot"
        assert snapshot.degraded


def test_before_the_first_answer_there_is_nothing_to_remember(failing, store):
    failing.down = True
    with pytest.raises(StateError, match="expected an answer"):
        store.snapshot()


def test_a_dead_store_is_not_asked_again_and_again(failing, store, now):
    store.snapshot()
    failing.down = True
    for _ in range(50):
        assert store.snapshot().degraded
    assert failing.asked == 1 + FAILURES
    failing.down = False
    assert store.snapshot().degraded, "the breaker is open"
    now[0] += 1.0
    with store.snapshot() as trial:
        assert not trial.degraded
        trial.records(0, [ANN])
    assert not store.snapshot().degraded


def test_a_state_that_was_lost_is_not_mixed_with_the_one_that_is_built_again(failing, store, now):
    with store.snapshot() as snapshot:
        snapshot.records(0, [ANN, BOB])
        snapshot.values([0, 1])
    failing.store.__init__("hash")  # it came back empty
    with store.snapshot() as snapshot:
        assert snapshot.degraded
        assert snapshot.records(0, [BOB]) == [b"bob one."]
    failing.commit(Commit(Meta("hash", 5, {0: 1}), {(0, ANN): b"ann anew"}, values_added=["b"]))
    now[0] += 1.0
    with store.snapshot() as snapshot:
        assert not snapshot.degraded
        assert snapshot.records(0, [ANN]) == [b"ann anew"]
        assert snapshot.values([0]) == ["b"]
    failing.down = True
    with store.snapshot() as snapshot:
        assert snapshot.records(0, [ANN, BOB]) == [b"ann anew", None]
        assert snapshot.values([0]) == ["b"]
        with pytest.raises(StateError, match="never read"):
            snapshot.values([1])


def test_memory_is_bounded_and_what_is_read_often_stays(failing, store, monkeypatch):
    monkeypatch.setattr(remembered, "GENERATION", 10)
    for number in range(100):
        with store.snapshot() as snapshot:
            snapshot.records(0, [ANN, encode((number,))])
    failing.down = True
    with store.snapshot() as snapshot:
        assert snapshot.records(0, [ANN, BOB]) == [b"ann one.", None]
    assert len(store._young) + len(store._old) <= 24
