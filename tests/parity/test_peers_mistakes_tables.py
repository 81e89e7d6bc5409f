"""What feature stores were found to do wrong with tables, one test each, named after the mistake.

Each is asked of the oracle, of the offline engine and of a live read on both stores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heptad as hp
from heptad.offline.training_set import training_set
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged, batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.store import Store
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.state.stores.redis import RedisStore
from heptad.testing.compare import differences
from heptad.testing.servers import redis_url
from heptad.testing.tiny_applier import StandingClock, TinyApplier
from heptad.times import HOUR, MINUTE


class Merchant(hp.Table):
    merchant: hp.Id
    since: hp.Time
    city: str | None
    limit: float | None


class Terminal(hp.Table, lag="10m", ttl="2h"):
    merchant: hp.Id
    since: hp.Time
    rev: hp.Version
    gone: hp.Deleted
    level: int | None


class Payment(hp.Event, lateness="1h"):
    payment: hp.Key
    ts: hp.Time
    merchant: hp.Id | None
    amount: float


PLAN = compile_features(
    hp.Data(
        static=dict(city=Merchant.city, limit=Merchant.limit, level=Terminal.level),
        dynamic=dict(paid=Payment.per("merchant").count("1h")),
    ),
    hp.label(Payment),
)
NIGHT = 1_700_000_000_000_000
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda path: MemoryStore(PLAN.state_hash),
    "embedded": lambda path: EmbeddedStore(path, PLAN.state_hash, map_size=1 << 20),
    "redis": lambda path: RedisStore(redis_url(path), PLAN.state_hash),
}
Row = tuple[str, dict[str, Any]]


def merchant(name: Any, since: int, city: str | None, limit: float | None = None) -> Row:
    return "Merchant", {"merchant": name, "since": NIGHT + since, "city": city, "limit": limit}


def terminal(name: Any, since: int, level: int | None, rev: int = 0, gone: bool = False) -> Row:
    row = {"merchant": name, "since": NIGHT + since, "rev": rev, "gone": gone, "level": level}
    return "Terminal", row


def logged(rows: Sequence[Row], arrival: int) -> list[Logged]:
    return [Logged(offset, arrival, stream, row) for offset, (stream, row) in enumerate(rows)]


def offline(
    plan: Plan, log: Sequence[Logged], merchants: Sequence[Any], t: Sequence[int]
) -> dict[str, list[Any]]:
    streams = {s.name: [r for r in log if r.stream == s.name] for s in plan.streams}
    held = {
        name: batch_of(plan.stream(name), [r.row for r in rows], [r.offset for r in rows])
        for name, rows in streams.items()
    }
    asked = {"merchant": column_of(list(merchants), plan.stream("Payment").by_name["merchant"].kind)}
    got = training_set(plan, held, asked, np.array(t), np.full(len(t), len(log)))
    return {name: values.tolist() for name, values in got.items()}


def values(
    rows: Sequence[Row], merchants: Sequence[Any], at: int, column: str, batches: Sequence[int]
) -> list[Any]:
    """A column for these merchants at one moment: asked of everybody, who must agree."""
    t = NIGHT + at
    log = logged(rows, t - 1)
    oracle = Oracle(PLAN, log)
    reads = [oracle.read({"merchant": m}, t, len(log)) for m in merchants]
    want = {c.name: [read[c.name] for read in reads] for c in PLAN.columns}
    assert differences(want, offline(PLAN, log, merchants, [t] * len(merchants))) == []
    for opened in STORES.values():
        with tempfile.TemporaryDirectory() as folder:
            store = opened(Path(folder))
            try:
                applier = TinyApplier(PLAN, store, log)
                for size in batches:
                    applier.apply(size)
                applier.apply(len(log), clock=t - 1)
                kind = PLAN.stream("Payment").by_name["merchant"].kind
                asked = {"merchant": column_of(list(merchants), kind)}
                answer = Reader(PLAN, store, StandingClock(t)).read(asked, len(merchants))
                assert (answer.t, answer.offsets) == (t, {0: len(log)})
                online = {name: got.tolist() for name, got in answer.values.items()}
                assert differences(want, online) == []
            finally:
                store.close()
    return want[column]


@pytest.mark.parametrize("batches", [(1, 1, 1), (3,)], ids=["one by one", "also inside a batch"])
def test_an_older_row_overwrites_a_newer_one(batches: Sequence[int]) -> None:
    rows = [merchant("m", 5, "new"), merchant("m", 3, "old"), merchant("m", 4, "older than the first")]
    assert values(rows, ["m"], HOUR, "city", batches) == ["new"]


@pytest.mark.parametrize("batches", [(1, 1, 1), (3,)], ids=["one by one", "also inside a batch"])
def test_a_redelivered_older_row_overwrites_a_newer_one(batches: Sequence[int]) -> None:
    rows = [merchant("m", 3, "old"), merchant("m", 5, "new"), merchant("m", 3, "old")]
    assert values(rows, ["m"], HOUR, "city", batches) == ["new"]


@pytest.mark.parametrize("batches", [(1, 1), (2,)], ids=["one by one", "in one batch"])
def test_a_row_of_lesser_version_that_comes_later_overwrites_one_of_greater(batches: Sequence[int]) -> None:
    rows = [terminal("m", 0, 2, rev=7), terminal("m", 0, 1, rev=6)]
    assert values(rows, ["m"], HOUR, "level", batches) == [2.0]


def test_ttl_applies_offline_but_not_online() -> None:
    rows = [terminal("m", 0, 3)]
    last = 2 * HOUR + 10 * MINUTE
    assert values(rows, ["m"], last, "level", ()) == [3.0]
    assert np.isnan(values(rows, ["m"], last + 1, "level", ())[0])


def test_ttl_counts_from_the_request_and_not_from_the_lagged_time() -> None:
    rows = [terminal("m", 0, 3)]
    assert values(rows, ["m"], 2 * HOUR + 5 * MINUTE, "level", ()) == [3.0]


def test_an_expired_newest_row_lets_an_older_one_through() -> None:
    rows = [terminal("m", 0, 3), terminal("m", HOUR, 4)]
    assert np.isnan(values(rows, ["m"], 4 * HOUR, "level", ())[0])


def test_unknown_keys_drop_rows() -> None:
    rows = [merchant("m", 0, "a")]
    asked = ["nobody", "m", None, "m", "nobody"]
    assert values(rows, asked, HOUR, "city", ()) == [None, "a", None, "a", None]


def test_rows_whose_table_rows_all_lie_in_the_future_are_dropped_or_filled_from_the_future() -> None:
    rows = [merchant("m", 2 * HOUR, "later"), merchant("n", 0, "now")]
    assert values(rows, ["m", "n"], HOUR, "city", ()) == [None, "now"]


def test_a_row_at_exactly_t_is_included() -> None:
    rows = [merchant("m", 0, "before"), merchant("m", HOUR, "at t")]
    assert values(rows, ["m"], HOUR, "city", ()) == ["before"]
    assert values(rows, ["m"], HOUR + 1, "city", ()) == ["at t"]


def test_a_row_inside_the_lag_is_included_online_because_it_is_the_newest() -> None:
    rows = [terminal("m", 0, 1), terminal("m", 55 * MINUTE, 2)]
    assert values(rows, ["m"], HOUR, "level", (1, 1)) == [1.0]
    assert values(rows, ["m"], HOUR + 5 * MINUTE, "level", (1, 1)) == [1.0]
    assert values(rows, ["m"], HOUR + 5 * MINUTE + 1, "level", (1, 1)) == [2.0]


def test_a_null_is_filled_from_an_older_row() -> None:
    rows = [merchant("m", 0, "a", 5.0), merchant("m", 1, None, 6.0)]
    assert values(rows, ["m"], HOUR, "city", (1, 1)) == [None]
    assert values(rows, ["m"], HOUR, "limit", (1, 1)) == [6.0]


def test_a_deleted_entity_comes_back_with_an_older_row() -> None:
    rows = [terminal("m", 0, 1), terminal("m", 5, None, gone=True), terminal("m", 3, 2)]
    assert np.isnan(values(rows, ["m"], HOUR, "level", (1, 1, 1))[0])
    assert values([*rows, terminal("m", 6, 4)], ["m"], HOUR, "level", (1, 3)) == [4.0]


def test_a_training_row_sees_a_table_row_that_was_logged_later() -> None:
    rows = [merchant("m", 0, "known"), merchant("m", 5, "corrected later")]
    log = [Logged(i, NIGHT + HOUR * (1 + 2 * i), stream, row) for i, (stream, row) in enumerate(rows)]
    held = {"Merchant": batch_of(PLAN.stream("Merchant"), [r.row for r in log], [0, 1])}
    asked = {"merchant": column_of(["m", "m"], PLAN.stream("Payment").by_name["merchant"].kind)}
    t = np.full(2, NIGHT + 2 * HOUR)
    assert training_set(PLAN, held, asked, t, np.array([1, 2]))["city"].tolist() == [
        "known",
        "corrected later",
    ]
    assert Oracle(PLAN, log).read({"merchant": "m"}, int(t[0]), 1)["city"] == "known"
