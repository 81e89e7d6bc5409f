"""Ten million events on one key: the peers' mistake is a window kept as a list of its events."""

from __future__ import annotations

import numpy as np
import pytest

import heptad as hp
from heptad.offline.training_set import training_set
from heptad.plan.batch import Batch, Column, column_of
from heptad.plan.compile import compile_features
from heptad.times import DAY, HOUR, SECOND

EVENTS, ROWS, START = 10_000_000, 2_000, 1_700_000_000 * SECOND


class Ping(hp.Event):
    ping: hp.Key
    ts: hp.Time
    host: hp.Id
    size: int


PLAN = compile_features(
    hp.Data(
        dynamic=dict(
            n=Ping.per("host").count("1h", "30d", "all"),
            total=Ping.per("host").sum("size", "1d"),
            biggest=Ping.per("host").max("size", "1h"),
            last=Ping.per("host").last("size", n=3),
        )
    ),
    hp.label(Ping),
)


@pytest.mark.slow
def test_ten_million_events_on_one_key() -> None:
    rng = np.random.default_rng(3)
    time = np.sort(rng.integers(START, START + 60 * DAY, EVENTS))
    size, ids, valid = rng.integers(0, 1_000_000, EVENTS), np.arange(EVENTS), np.ones(EVENTS, np.bool_)
    values = {"ping": ids, "ts": time, "host": np.full(EVENTS, 7), "size": size}
    batch = Batch(PLAN.stream("Ping"), time, ids, ids, {n: Column(v, valid) for n, v in values.items()})
    t = rng.integers(START, START + 61 * DAY, ROWS)
    rows = {f.name: column_of([7] * ROWS, f.kind) for f in PLAN.request}
    got = training_set(PLAN, {"Ping": batch}, rows, t)

    head, sums = np.searchsorted(time, t), np.concatenate([[0], np.cumsum(size)])
    for name, width, hop in (("n_1h", HOUR, 60 * SECOND), ("n_30d", 30 * DAY, DAY)):
        tail = np.searchsorted(time, (t - width) // hop * hop)
        assert got[name].tolist() == (head - tail).astype(float).tolist()
    assert got["n_all"].tolist() == head.astype(float).tolist()
    tail = np.searchsorted(time, (t - DAY) // HOUR * HOUR)
    assert got["total"].tolist() == (sums[head] - sums[tail]).astype(float).tolist()
    tail = np.searchsorted(time, (t - HOUR) // (60 * SECOND) * 60 * SECOND)
    for row in range(0, ROWS, 40):
        seen = size[tail[row] : head[row]]
        assert got["biggest"][row] == seen.max() if len(seen) else np.isnan(got["biggest"][row])
        assert got["last"][row] == tuple(size[max(0, head[row] - 3) : head[row]][::-1].tolist())
