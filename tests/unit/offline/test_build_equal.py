"""A build within any budget writes what the engine in memory gives, row for row and bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pyarrow import parquet

from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.offline.build.budget import Budget
from heptad.offline.build.build import build
from heptad.offline.build.files import rows_of
from heptad.offline.build.labels import Labels
from heptad.offline.build.memory import in_memory
from heptad.offline.build.shards import request_fields
from heptad.offline.build.types import feature_types
from heptad.testing.compare import differences
from heptad.testing.strategies import IDS, Setting, moments, plans, posts, requests

FREE = 10**9
MANY = 1_000 if "HEPTAD_LONG" in os.environ else 60
ARROW = {
    Kind.INT: pa.int64(), Kind.TIME: pa.int64(), Kind.BOOL: pa.bool_(), Kind.FLOAT: pa.float64(),
    Kind.TEXT: pa.string(), Kind.TEXTS: pa.list_(pa.string()),
}  # fmt: skip


def array(field, values, texts):
    """A column as a file has it: ids are all texts or all integers."""
    if field.kind is Kind.VECTOR:
        lists = [v if v is None or isinstance(v, list) else np.frombuffer(v, "<f4").tolist() for v in values]
        return pa.array(lists, pa.list_(pa.float32()))
    if field.kind is not Kind.ID:
        return pa.array(values, ARROW[field.kind])
    if field.role is Role.KEY:
        values = [str(v) if texts else v if type(v) is int else 900 for v in values]
    return pa.array(values, pa.string() if texts else pa.int64())


@st.composite
def histories(draw):
    """(plan, sources, labels as a table, times): ids of one type per column, as files have them."""
    ids = st.sampled_from((IDS[0], IDS[1], IDS[2]))
    setting = Setting(draw(ids), draw(ids), draw(st.sampled_from((0, 1_700_000_000_000_000))))
    plan = draw(plans(size=3))
    posted = draw(posts(setting, [stream.name for stream in plan.streams]))
    text_ids = draw(st.booleans())
    texts = {
        name: isinstance(own[0], str) for name, own in (("user", setting.users), ("item", setting.items))
    }
    sources = {}
    for stream in plan.streams:
        rows = [post.row for post in posted if post.stream == stream.name]
        sources[stream.name] = pa.table(
            {
                f.name: array(f, [row.get(f.name) for row in rows], texts.get(f.name, text_ids))
                for f in stream.fields
                if f.lookup is None
            }
        )
    asked = draw(st.lists(requests(setting), max_size=12))
    for request in asked:
        if request["user"] == "nobody":
            request["user"] = "nobody" if isinstance(setting.users[0], str) else 77
    t = [draw(moments(setting)) for _ in asked]
    labels = {
        f.name: array(f, [request.get(f.name) for request in asked], texts.get(f.name, False))
        for f in plan.request
    }
    return plan, sources, pa.table(labels | {"at": pa.array(t, pa.int64())})


def both(plan, sources, table, budget):
    events = {name: rows_of(name, source) for name, source in sources.items()}
    labels = Labels(rows_of("labels", table), "at", {f.name: f for f in request_fields(plan)})
    types = feature_types(plan, {n: r.schema for n, r in events.items()}, table.schema)
    try:
        want, _ = in_memory(plan, events, labels, types, "as_known")
    except DataError:  # an expression that gives integers and texts: no file has such a column
        reject()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out.parquet"
        report = build(plan, events, labels, out, budget)
        assert not report.in_memory
        got = parquet.read_table(out)
        assert [path.name for path in Path(folder).iterdir()] == ["out.parquet"]
    assert got.schema.remove_metadata() == want.schema.remove_metadata()
    return want.to_pydict(), got.to_pydict()


@given(
    histories(), st.integers(1, 4), st.integers(1, 7), st.integers(1, 7), st.integers(1, 9), st.integers(1, 2)
)
@settings(max_examples=MANY)
def test_any_budget_gives_what_memory_gives(history, partitions, block, load, chunk, workers):
    plan, sources, table = history
    budget = Budget(FREE, workers, chunk=chunk, block=block, partitions=partitions, load=load)
    want, got = both(plan, sources, table, budget)
    assert differences(want, got) == []
