"""Oracle = online = offline, to the last bit, whatever is appended, applied, read and crashed in whatever order.

Every aggregation of the table, on every store; windows, delays, conditions, keys, list keys, rates, facts and
lookups are drawn. CI draws 250 interleavings per aggregation and store, the fast suite a few, and
`make test-long` 2,000 that nobody has seen before.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle, enrich
from heptad.plan.batch import Batch, Logged, batch_of, column_of
from heptad.plan.explain import explain
from heptad.plan.nodes import Plan
from heptad.state.store import Store
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.state.stores.redis import RedisStore
from heptad.testing import drawing
from heptad.testing.compare import differences
from heptad.testing.deployment import Deployment, Seen
from heptad.testing.interleavings import Interleaving, interleavings, smallest
from heptad.testing.servers import redis_state

Opener = Callable[[], Store]


@contextmanager
def memory(plan: Plan) -> Iterator[Opener]:
    """A store that every crash empties."""
    yield lambda: MemoryStore(plan.state_hash)


@contextmanager
def embedded(plan: Plan) -> Iterator[Opener]:
    """A store that stays. Its syncs are left out: kill -9 does not need them, and the machine stays up."""
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as directory:
        yield lambda: EmbeddedStore(directory, plan.state_hash, map_size=1 << 20)


@contextmanager
def redis(plan: Plan) -> Iterator[Opener]:
    """A store at a real server, which stays."""
    with redis_state() as url:
        yield lambda: RedisStore(url, plan.state_hash)


STORES = {"memory": memory, "embedded": embedded, "redis": redis}


def accepted(plan: Plan, log: list[Logged], verdicts: list[str]) -> dict[str, Batch]:
    counted = [record for record, verdict in zip(log, verdicts, strict=True) if verdict == "accepted"]
    by_stream = {s: [r for r in counted if r.stream == s.name] for s in plan.streams}
    return {s.name: batch_of(s, [r.row for r in rs], [r.offset for r in rs]) for s, rs in by_stream.items()}


def offline(plan: Plan, events: dict[str, Batch], seen: list[Seen]) -> dict[str, list[object]]:
    rows = {f.name: column_of([s.request[f.name] for s in seen], f.kind) for f in plan.request}
    t, o = (np.array([getattr(s, name) for s in seen], np.int64) for name in ("t", "o"))
    return {name: values.tolist() for name, values in training_set(plan, events, rows, t, o).items()}


def wrong(drawn: Interleaving, store: str) -> list[str]:
    """Run it; what differs between the oracle's and what was logged, read, or computed offline."""
    plan = drawn.plan
    with STORES[store](plan) as open_store:
        deployment = Deployment(plan, drawn.start, open_store)
        try:
            deployment.run(drawn.steps)
            log, seen = deployment.records(), deployment.seen
        finally:
            deployment.close()
    oracle = Oracle(plan, log)
    reads = [oracle.read(s.request, s.t, s.o) for s in seen]
    expected = {column.name: [read[column.name] for read in reads] for column in plan.columns}
    online = {column.name: [s.values[column.name] for s in seen] for column in plan.columns}
    computed = offline(plan, accepted(plan, log, oracle.verdicts), seen)
    enriched = [enrich(plan, log[: r.offset], r.stream, r.row) for r in log]
    logged = [line for row, r in zip(enriched, log, strict=True) for line in differences(row, r.row)]
    said = {
        "logged": logged,
        "online": differences(expected, online),
        "offline": differences(expected, computed),
    }
    return [f"{engine}: {line}" for engine, lines in said.items() for line in lines]


def hold(drawn: Interleaving, store: str) -> None:
    """Nothing is wrong; else say so of the least that goes wrong."""
    if wrong(drawn, store):
        least = smallest(drawn, lambda less: bool(wrong(less, store)))
        story = "\n".join(map(str, least.steps))
        pytest.fail("\n".join([*wrong(least, store), explain(least.plan), f"from {least.start}", story]))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("name", drawing.names())
@given(data=st.data())
@settings(max_examples=25)
def test_a_few_interleavings(name: str, store: str, data: st.DataObject) -> None:
    hold(data.draw(interleavings([name])), store)


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("name", drawing.names())
@given(data=st.data())
@settings(max_examples=2_000 if os.environ.get("HEPTAD_LONG") else 250)
def test_many_interleavings(name: str, store: str, data: st.DataObject) -> None:
    hold(data.draw(interleavings([name])), store)
