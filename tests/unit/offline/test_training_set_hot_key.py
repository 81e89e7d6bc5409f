"""Keys with more events than are looked at one by one: blocks and sweeps against the oracle, late events in."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.declare.data import Data
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged, batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.testing.compare import differences
from heptad.testing.strategies import BOUGHT, Buy
from heptad.times import SECOND

PLAN = compile_features(
    Data(
        dynamic={
            "count": Buy.per("user").count("60s", "all"),
            "mean": Buy.per("user").where(Buy.fields["gift"] == True).mean("paid", "300s", delay="7s"),  # noqa: E712
            "least": Buy.per("user").aggregate("min", "paid", "60s", "900s"),
            "greatest": Buy.per("user").aggregate("max", "amount", "300s"),
            "recent": Buy.per("user", "gift").last("device", "900s", n=4),
            "since": Buy.per("user").where(Buy.fields["device"] == "web").since_last(),
        }
    ),
    BOUGHT,
)


def a_log(rng, n):
    """n accepted purchases of two users over 1000 s, a tenth logged up to 9 s late."""
    times = np.sort(rng.integers(0, 1000 * SECOND, n)) - (rng.random(n) < 0.1) * rng.integers(
        0, 9 * SECOND, n
    )
    choices = {
        "user": (1, 1, 1, 2),
        "item": (1,),
        "amount": (None, 1, 5),
        "paid": (None, 0.25, -3.5, 1e300),
        "gift": (True, False, None),
        "device": ("web", "app", None),
    }
    drawn = {name: rng.integers(0, len(values), n) for name, values in choices.items()}
    blank = dict.fromkeys(Buy.fields)
    return [
        Logged(i, 2000 * SECOND, "Buy", blank | {"buy_id": i, "ts": int(t)} | {
            name: values[drawn[name][i]] for name, values in choices.items()
        })
        for i, t in enumerate(times)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_hot_keys_are_exact_at_any_offset(seed):
    rng = np.random.default_rng(seed)
    log = a_log(rng, 900)
    oracle = Oracle(PLAN, log)
    assert oracle.verdicts == ["accepted"] * len(log)
    n = 60
    t = rng.integers(0, 1000, n) * SECOND + rng.integers(-1, 2, n)
    o = rng.integers(0, len(log) + 1, n)
    asked = [dict.fromkeys(Buy.fields) | {"user": int(u), "gift": True} for u in rng.integers(1, 4, n)]
    reads = [oracle.read(request, int(a), int(b)) for request, a, b in zip(asked, t, o, strict=True)]
    stream = PLAN.stream("Buy")
    held = {"Buy": batch_of(stream, [r.row for r in log], [r.offset for r in log])}
    rows = {f.name: column_of([request[f.name] for request in asked], f.kind) for f in PLAN.request}
    got = training_set(PLAN, held, rows, t, o)
    want = {column.name: [read[column.name] for read in reads] for column in PLAN.columns}
    assert differences(want, {name: values.tolist() for name, values in got.items()}) == []
