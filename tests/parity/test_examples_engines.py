"""The offline engine and the online path, on both stores, reproduce the table of worked examples bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heptad.errors import ReadError
from heptad.offline.training_set import training_set
from heptad.online.reader import Answer, Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Column, batch_of, column_of
from heptad.plan.nodes import Plan
from heptad.state.store import Store
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.state.stores.redis import RedisStore
from heptad.streams.clock import ReplayClock
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.testing.compare import same
from heptad.testing.examples import Example, records_of
from heptad.testing.examples_table import EXAMPLES
from heptad.testing.faults import FaultyFiles
from heptad.testing.servers import redis_url

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}: {e.says}")
STORES: dict[str, Callable[[Plan, Path], Store]] = {
    "memory": lambda plan, path: MemoryStore(plan.state_hash),
    "embedded": lambda plan, path: EmbeddedStore(path, plan.state_hash, map_size=1 << 20),
    "redis": lambda plan, path: RedisStore(redis_url(path), plan.state_hash),
}


def asked(example: Example, plan: Plan) -> dict[str, Column]:
    """The example's read as the columns of one request."""
    return {f.name: column_of([example.ask.get(f.name)], f.kind) for f in plan.request}


def accepted(example: Example, plan: Plan) -> dict[str, Batch]:
    """The events that count, by stream, with their offsets: what a training set is given."""
    log = example.log
    counted = [r for r, v in zip(log, Oracle(plan, log).verdicts, strict=True) if v == "accepted"]
    rows = {s.name: [r for r in counted if r.stream == s.name] for s in plan.streams}
    return {
        name: batch_of(plan.stream(name), [r.row for r in some], [r.offset for r in some])
        for name, some in rows.items()
    }


def live(example: Example, plan: Plan, store: Store) -> Callable[[int | None], Answer]:
    """The example's records posted, logged and applied in virtual time; then it is t, and reads are answered."""
    records = records_of(example)[: example.offset]
    clock = ReplayClock(min([example.t, *(arrival for _, _, arrival in records)]))
    log = Log.open("/log", files=FaultyFiles())
    ingest = Ingest.open(plan, log, store, clock)
    for stream, row, arrival in records:
        clock.advance_to(arrival)
        ingest.appender.append(stream, [row])
        ingest.applier.apply()
    clock.advance_to(example.t)
    ingest.applier.tick()
    log.close()
    reader = Reader(plan, store, clock)
    return lambda at: reader.read(asked(example, plan), 1, at)


def value(columns: dict[str, Any], example: Example) -> object:
    return columns[example.column].tolist()[0]


@every_example
def test_a_training_row_has_the_value(example: Example) -> None:
    plan = example.plan
    t, o = np.array([example.t]), np.array([example.offset])
    columns = training_set(plan, accepted(example, plan), asked(example, plan), t, o)
    assert same(value(columns, example), example.value)


@pytest.mark.parametrize("kind", STORES)
@every_example
def test_a_live_read_gives_the_value(example: Example, kind: str, tmp_path: Path) -> None:
    plan = example.plan
    store = STORES[kind](plan, tmp_path)
    try:
        read = live(example, plan, store)
        if example.online:
            answer = read(None)
            assert (answer.t, answer.offsets) == (example.t, {0: example.offset})
            assert same(value(answer.values, example), example.value)
        else:
            with pytest.raises(ReadError, match="frontier"):
                read(example.t)
    finally:
        store.close()


def test_a_value_that_is_off_by_a_bit_would_be_noticed() -> None:
    example = next(e for e in EXAMPLES if e.says == "is exact: 0.1 + 0.2 is 0.3")
    assert same(example.value, 0.3)
    assert not same(example.value, 0.1 + 0.2)
