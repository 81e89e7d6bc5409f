"""A table is what the columns are, whatever the kinds; and no number depends on chunks or threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_training_set_oracle import accepted, request_columns

from heptad.declare.data import Data
from heptad.offline.engines.local import LocalEngine
from heptad.offline.facts import FactReader
from heptad.offline.frames import to_arrow
from heptad.offline.table import training_table
from heptad.offline.training_set import training_set
from heptad.plan.assemble import Assembly
from heptad.plan.batch import Batch, Column, batch_of, column_of
from heptad.plan.coding import LocalDictionary
from heptad.plan.compile import compile_features
from heptad.testing.compare import differences
from heptad.testing.strategies import BOUGHT, Buy, worlds
from heptad.times import DAY, SECOND


@given(worlds())
@settings(max_examples=40)
def test_a_table_holds_what_the_columns_do(world):
    given_ = world.plan, accepted(world), request_columns(world), np.array(world.t), np.array(world.o)
    want = to_arrow(training_set(*given_)).to_pydict()
    table = training_table(*given_).to_pydict()
    assert list(table) == list(want)
    assert differences(want, table) == []


@given(worlds(), st.integers(1, 3), st.sampled_from((1, 2, 7, 10**9)))
@settings(max_examples=40)
def test_values_depend_on_neither_chunks_nor_threads(world, threads, size):
    t, o = np.array(world.t, np.int64), np.array(world.o, np.int64)
    events, rows = accepted(world), request_columns(world)
    dictionary = LocalDictionary()
    engine = LocalEngine(world.plan, events, t, o, dictionary, threads=threads, size=size)
    facts = FactReader(world.plan, events, t, o)
    got = Assembly(world.plan)(rows, t, engine.fetch, facts, dictionary)
    want = training_set(world.plan, events, rows, t, o, threads=1)
    assert differences(
        {name: values.tolist() for name, values in want.items()},
        {name: values.tolist() for name, values in got.items()},
    ) == []  # fmt: skip


PLAN = compile_features(
    Data(
        dynamic={
            "n": Buy.per("user").count("1m", "30d", "all"),
            "mean": Buy.per("user").mean("paid", "1m", "30d"),
            "most": Buy.per("user").aggregate("max", "paid", "1m", "30d"),
            "recent": Buy.per("user").last("device", "30d", n=2),
        }
    ),
    BOUGHT,
)


@pytest.mark.parametrize("begin", [0, -(10**6) * DAY, 20_000 * DAY])
@pytest.mark.parametrize("known", [True, False])
def test_one_key_with_many_events_by_a_plain_loop(begin, known):
    rng = np.random.default_rng(5)
    n, m = 60_000, 40
    ages = np.arange(n) * SECOND + rng.integers(0, 3 * SECOND, n)  # neighbours change places
    stream = PLAN.stream("Buy")
    blank = batch_of(stream, [dict.fromkeys(Buy.fields) | {"buy_id": 0, "ts": 0, "user": 1, "item": 1}], [0])
    columns = {name: held.take(np.zeros(n, np.int64)) for name, held in blank.columns.items()}
    paid, device = np.round(rng.normal(0, 9, n), 2), np.array(["web", "app"], object)[rng.integers(0, 2, n)]
    columns["paid"] = Column(paid, np.ones(n, np.bool_))
    columns["device"] = Column(device, np.ones(n, np.bool_))
    batch = Batch(stream, begin + ages, np.arange(n), np.arange(n), columns)
    t = begin + rng.integers(0, n + 100, m) * SECOND
    o = np.minimum(n, np.maximum(0, (t - begin) // SECOND - rng.integers(0, 4, m)))
    rows = {f.name: column_of([1] * m if f.name == "user" else [None] * m, f.kind) for f in PLAN.request}
    got = training_set(PLAN, {"Buy": batch}, rows, t, o if known else None)
    order = np.lexsort((batch.tie, batch.time))
    for j in range(m):
        seen = order[(batch.time[order] < t[j]) & (batch.offset[order] < (o[j] if known else n))]
        for name, width in (("1m", 60 * SECOND), ("30d", 30 * DAY)):
            window = PLAN.column(f"n_{name}").source.window
            assert window.width == width
            held = seen[batch.time[seen] >= window.start(int(t[j]))]
            assert got[f"n_{name}"][j] == len(held)
            cents = int(np.rint(paid[held] * 1e6).astype(np.int64).sum())
            assert got[f"mean_{name}"][j] == pytest.approx(cents / 1e6 / len(held)) if len(held) else True
            assert (
                got[f"most_{name}"][j] == paid[held].max() if len(held) else np.isnan(got[f"most_{name}"][j])
            )
        assert got["n_all"][j] == len(seen)
        assert list(got["recent"][j]) == device[held[::-1][:2]].tolist()
