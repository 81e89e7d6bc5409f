"""The bytes per key that explain prints bound the records that are written, and are reached."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heptad.plan.batch import Logged
from heptad.plan.explain import key_bytes, row_bytes
from heptad.state.store import Commit
from heptad.state.stores.memory import MemoryStore
from heptad.testing.examples import Example, at, example, per_user, sale
from heptad.testing.strategies import World, worlds
from heptad.testing.tiny_applier import TinyApplier
from heptad.times import MINUTE


class Watched(MemoryStore):
    """Remembers the size of the largest record of each group."""

    def __init__(self, state_hash: str) -> None:
        super().__init__(state_hash)
        self.largest: dict[int, int] = {}

    def commit(self, change: Commit) -> None:
        for (group, _), record in change.records.items():
            self.largest[group] = max(len(record), self.largest.get(group, 0))
        super().commit(change)


@given(worlds(), st.integers(1, 5))
def test_no_record_is_larger(world: World, step: int) -> None:
    store = Watched(world.plan.state_hash)
    applier = TinyApplier(world.plan, store, world.log)
    for _ in range(0, len(world.log), step):
        applier.apply(step)
    rows = len(world.log)  # a table with a lag keeps those of the lag
    bounds = {
        place: key_bytes(group) + (rows * row_bytes(group) if world.plan.stream(group.stream).lag else 0)
        for place, group in enumerate(world.plan.groups)
    }
    assert all(size <= bounds[group] for group, size in store.largest.items())


def dense(minutes: int) -> Example:
    """One sale a minute, counted over an hour of tiles of a minute and over all time."""
    count = per_user.count("1h", "all")
    entries = [sale(i, "00:00") for i in range(minutes)]
    moved = [
        (at("00:00") + i * MINUTE, stream, row | {"ts": at("00:00") + i * MINUTE})
        for i, (_, stream, row) in enumerate(entries)
    ]
    return example("bytes", "dense", count, moved, t="12:00", gives=None, column="value_1h")


def test_a_user_who_is_always_there_reaches_it() -> None:
    log: tuple[Logged, ...] = dense(200).log
    plan = dense(1).plan
    store = Watched(plan.state_hash)
    TinyApplier(plan, store, log).apply(len(log))
    (group,) = (i for i, g in enumerate(plan.groups) if g.stream == "Sale")
    assert store.largest == {group: key_bytes(plan.groups[group])}
