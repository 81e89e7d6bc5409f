"""Whatever was applied, in whatever batches: a read gives what the oracle says at the (t, o) it names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.errors import ReadError
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.state.stores.memory import MemoryStore
from heptad.testing import drawing
from heptad.testing.compare import differences
from heptad.testing.strategies import AGES, World, worlds
from heptad.testing.tiny_applier import StandingClock, TinyApplier, columns_of
from heptad.times import SECOND


def check_reads(data: st.DataObject, world: World) -> None:
    """Apply the log in drawn batches, with restarts in between, and read after each."""
    plan, log = world.plan, world.log
    store, oracle, clock = MemoryStore(plan.state_hash), Oracle(plan, log), StandingClock(-(10**12))
    applier, reader, done = TinyApplier(plan, store, log), Reader(plan, store, clock), 0
    asked = columns_of(plan, world.requests)
    while True:
        batch = log[done : done + data.draw(st.integers(0, 6))]
        done += len(batch)
        earliest = max([clock.time] + [r.arrival for r in batch])
        latest = log[done].arrival if done < len(log) else earliest + 60 * SECOND
        now = data.draw(st.sampled_from([earliest, min(earliest + 1, latest), latest]))
        if data.draw(st.integers(0, 5)) == 0:
            applier = TinyApplier(plan, store, log)
        applier.apply(len(batch), data.draw(st.sampled_from([None, earliest, now])))
        clock.time = now
        compare(oracle, world, reader.read(asked, len(world.requests)))
        check_single(oracle, world, reader)
        at, meta = now + data.draw(st.sampled_from(AGES)), store.snapshot().meta
        passed = meta.frontier is not None and at <= meta.frontier
        if passed or (meta.pending_from is not None and at > meta.pending_from):
            with pytest.raises(ReadError, match="offline"):
                reader.read(asked, len(world.requests), at=at)
        else:
            named = reader.read(asked, len(world.requests), at=at)
            assert named.t == at
            compare(oracle, world, named)
        if done == len(log):
            return


def compare(oracle, world, answer):
    for i, request in enumerate(world.requests):
        expected = oracle.read(request, answer.t, answer.offsets[0])
        assert differences(expected, {name: column[i] for name, column in answer.values.items()}) == []


def check_single(oracle, world, reader):
    """Windows read alone for one row, each under its own key: a shorter way, twice, since the first may be held."""
    with reader.open() as session:
        for request in world.requests:
            expected = oracle.read(request, session.t, session.meta.offsets[0])
            row = columns_of(world.plan, [request])
            for name in filter(reader.single, (column.name for column in world.plan.columns)):
                for _ in range(2):
                    ((found,),) = session.read(row, 1, (name,)).values()
                    assert differences({name: expected[name]}, {name: found}) == []


@given(st.data(), worlds())
@settings(max_examples=40)
def test_a_read_is_what_the_oracle_says(data, world):
    check_reads(data, world)


@pytest.mark.parametrize("name", drawing.names())
@given(data=st.data())
@settings(max_examples=20)
def test_a_read_of_each_aggregation_is_what_the_oracle_says(name, data):
    check_reads(data, data.draw(worlds([name], size=3)))
