"""Words held from read to read: the same as without, whatever is committed meanwhile and whichever snapshot is read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.online.merged import Asked, Merged
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import windows_of
from heptad.state.keys import encode
from heptad.state.layout import layouts_of
from heptad.state.read import Query, read
from heptad.state.stores.memory import MemoryStore
from heptad.testing.examples import Sale
from heptad.testing.tiny_applier import TinyApplier
from heptad.times import MINUTE

PER = Sale.per("user")
PLAN = compile_features(
    Data(dynamic={"count": PER.count("1h", "1d"), "last": PER.last("shop", n=2)}), label(Sale)
)
WINDOWS = tuple(window for column in PLAN.columns for window in windows_of(column.source))
GROUP = WINDOWS[0].group
QUERY = Query(layouts_of(PLAN)[GROUP], WINDOWS)
USERS = ["ann", "bob", "eve", "joe"]


def fresh(snapshot, users, t):
    return read(QUERY, snapshot.records(GROUP, [encode((user,)) for user in users]), t)


def through(held, snapshot, users, t):
    """As a read goes: what is not held is read, and held from then on. Also how many were read."""
    (found,) = held.known(snapshot, [Asked(GROUP, QUERY, users)], t)
    lacking = [users[place] for place in found.lacking] if type(users) is list else users[found.lacking]
    if len(lacking):
        words = fresh(snapshot, lacking, t)
        found = found.with_those(words)
        held.keep(snapshot, QUERY, lacking, [encode((user,)) for user in lacking], words, t)
    return found, len(lacking)


class World:
    """A log of sales by the minute, applied one by one."""

    def __init__(self, users):
        rows = [
            {"sale": i, "ts": i * MINUTE, "user": user, "shop": f"s{i}", "amount": 1.0, "tags": None}
            for i, user in enumerate(users)
        ]
        self.log = [Logged(i, row["ts"], "Sale", row) for i, row in enumerate(rows)]
        self.store = MemoryStore(PLAN.state_hash)
        self.applier = TinyApplier(PLAN, self.store, self.log)
        self.done = 0

    def apply(self, count=1):
        self.applier.apply(count)
        self.done = min(self.done + count, len(self.log))

    @property
    def t(self):
        return self.done * MINUTE + 1


@given(
    st.lists(st.sampled_from(USERS), min_size=1, max_size=30),
    st.lists(
        st.one_of(
            st.tuples(st.just("apply"), st.integers(1, 3)),
            st.tuples(st.just("open"), st.just(0)),
            st.tuples(st.just("read"), st.tuples(st.lists(st.sampled_from(USERS), unique=True), st.integers(0, 99))),
        ),
        max_size=25,
    ),
    st.integers(1, 8),
)  # fmt: skip
def test_words_are_as_without(users, steps, most):
    world, held = World(users), Merged(most * len(QUERY.blank) * 8)  # few rows: it often begins anew
    snapshots = [(world.store.snapshot(), world.t)]
    founds = []
    for step, given_ in steps:
        if step == "apply":
            world.apply(given_)
        elif step == "open":
            snapshots.append((world.store.snapshot(), world.t))
        else:
            keys, back = given_
            snapshot, t = snapshots[-1 - back % len(snapshots)]
            for time in (t, t + MINUTE * (back % 7)):
                found, _ = through(held, snapshot, keys, time)
                founds.append((found, fresh(snapshot, keys, time)))
                assert np.array_equal(found.taken(), founds[-1][1])
    for (
        found,
        words,
    ) in founds:  # what was found is read without a lock: whatever is held later does not change it
        assert np.array_equal(found.taken(), words)


def test_only_what_was_written_is_read_again():
    world, held = World(["ann", "bob", "ann", "eve"]), Merged()
    world.apply(2)
    t = world.t
    assert through(held, world.store.snapshot(), USERS, t)[1] == 4
    assert through(held, world.store.snapshot(), USERS, t)[1] == 0
    world.apply(1)
    assert through(held, world.store.snapshot(), USERS, world.t)[1] == 4, "another minute has begun"
    old = world.store.snapshot()
    world.apply(1)
    assert through(held, world.store.snapshot(), USERS, world.t - MINUTE)[1] == 1, "eve's alone"
    assert through(held, old, USERS, world.t - MINUTE)[1] == 4, "an earlier commit has nothing held"
    assert through(held, world.store.snapshot(), USERS, world.t - MINUTE)[1] == 0


def test_what_is_not_of_the_moment_is_not_held():
    world, held = World(["ann"]), Merged()
    world.apply()
    snapshot = world.store.snapshot()
    snapshot.degraded = True
    assert through(held, snapshot, USERS, world.t)[1] == 4
    assert through(held, world.store.snapshot(), USERS, world.t)[1] == 4


def test_a_state_that_was_begun_anew_shares_nothing():
    world, held = World(["ann"]), Merged()
    world.apply()
    assert through(held, world.store.snapshot(), USERS, world.t)[1] == 4
    anew = world.store.snapshot()
    anew.generation = b"another"
    assert through(held, anew, USERS, world.t)[1] == 4


def test_integers_and_other_values_are_held_apart_and_both_forgotten():
    world, held = World([7, 8, "7"]), Merged()
    for _ in range(3):
        for users in (np.array([7, 8, 9]), [7, "7", 8]):
            found, _ = through(held, world.store.snapshot(), users, world.t)
            assert np.array_equal(found.taken(), fresh(world.store.snapshot(), list(users), world.t))
        assert through(held, world.store.snapshot(), np.array([8, 7]), world.t)[1] == 0
        world.apply()
