"""A training set is what the oracle says, row by row and bit by bit, whatever is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import batch_of, column_of
from heptad.testing import drawing
from heptad.testing.compare import differences
from heptad.testing.strategies import World, worlds


def accepted(world: World):
    """The accepted events of every stream, newest offset first: any order must do."""
    found = Oracle(world.plan, world.log).verdicts
    out = {}
    for stream in world.plan.streams:
        records = [
            r for r, v in zip(world.log, found, strict=True) if r.stream == stream.name and v == "accepted"
        ]
        records.reverse()
        out[stream.name] = batch_of(stream, [r.row for r in records], [r.offset for r in records])
    return out


def request_columns(world: World):
    return {f.name: column_of([r[f.name] for r in world.requests], f.kind) for f in world.plan.request}


def expected(world: World, o):
    oracle = Oracle(world.plan, world.log)
    reads = [oracle.read(r, t, last) for r, t, last in zip(world.requests, world.t, o, strict=True)]
    return {column.name: [read[column.name] for read in reads] for column in world.plan.columns}


def got(world: World, o, mode="as_known"):
    t = np.array(world.t, np.int64)
    o = None if o is None else np.array(o, np.int64)
    columns = training_set(world.plan, accepted(world), request_columns(world), t, o, mode)
    return {name: values.tolist() for name, values in columns.items()}


@pytest.mark.parametrize("name", drawing.names())
@given(data=st.data())
@settings(max_examples=40)
def test_every_aggregation_as_known(name, data):
    world = data.draw(worlds(aggregations=[name], size=2))
    assert differences(expected(world, world.o), got(world, world.o)) == []


@given(worlds())
@settings(max_examples=60)
def test_as_happened_sees_every_offset(world):
    want = expected(world, [len(world.log)] * len(world.t))
    assert differences(want, got(world, world.o, "as_happened")) == []
    assert differences(want, got(world, None)) == []
