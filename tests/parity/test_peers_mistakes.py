"""Mistakes that feature stores have shipped, each a test of its own: the values here are worked out by hand.

Every scene runs three ways: online on both stores, offline, and by the oracle. Tables have their own file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import heptad as hp
from heptad.offline.conversion import Reading as How
from heptad.offline.sources import read
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.state.stores.redis import RedisStore
from heptad.testing.compare import differences
from heptad.testing.deployment import Deployment
from heptad.testing.interleavings import Append, Apply, Crash, Read, Wait
from heptad.testing.servers import redis_url
from heptad.testing.strategies import Post
from heptad.times import DAY, HOUR, MINUTE, SECOND, instant

NOON = instant("2026-01-02T12:00:00+00:00")


class Shown(hp.Event, lateness="1h", max_future="1d"):
    shown_id: hp.Key
    ts: hp.Time
    user: hp.Id | None
    amount: float


class Clicked(hp.Event, lateness="1h", max_future="1d"):
    click_id: hp.Key
    ts: hp.Time
    shown: hp.Ref[Shown]
    user: hp.Id | None


clicked = hp.label(Shown, followed_by=Clicked, within="30m")


def plan(**dynamic: Any) -> Plan:
    return compile_features(hp.Data(dynamic=dynamic), clicked)


COUNT = plan(n=Shown.per("user").count("1h"))


@pytest.fixture(params=["memory", "embedded", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """Opens a store for a plan, the same one again after a crash."""
    if request.param == "memory":
        return lambda plan: lambda: MemoryStore(plan.state_hash)
    if request.param == "redis":
        return lambda plan: lambda: RedisStore(redis_url(tmp_path), plan.state_hash)
    return lambda plan: lambda: EmbeddedStore(tmp_path, plan.state_hash, map_size=1 << 22)


def shown(i: int, ts: int, user: Any = "u", amount: float = 1.0, arrival: int | None = None) -> Post:
    row = {"shown_id": i, "ts": ts, "user": user, "amount": amount}
    return Post(ts if arrival is None else arrival, "Shown", row)


def ask(user: Any = "u") -> dict[str, Any]:
    return {"shown_id": 0, "user": user, "amount": None}


class Scene:
    """A deployment whose every read is held to the oracle and to the offline engine before it is returned."""

    def __init__(self, plan: Plan, store: Any, start: int) -> None:
        self.plan = plan
        self.deployment = Deployment(plan, start, store(plan))

    def post(self, posts: Sequence[Post], batch: int = 1_000) -> None:
        for post in sorted(posts, key=lambda post: post.arrival):
            self.deployment.run([Append((post,))])
        self.deployment.run([Apply(None, batch)])

    def read(self, *requests: dict[str, Any], wait: int = 0) -> list[dict[str, Any]]:
        done = len(self.deployment.seen)
        self.deployment.run([Wait(wait), Apply(None, 1_000), Read(requests)])
        seen = self.deployment.seen[done:]
        log = self.deployment.records()
        oracle = Oracle(self.plan, log)
        counted = [r for r, verdict in zip(log, oracle.verdicts, strict=True) if verdict == "accepted"]
        events = {
            s.name: batch_of(s, [r.row for r in counted if r.stream == s.name], [r.offset for r in counted if r.stream == s.name])
            for s in self.plan.streams
        }  # fmt: skip
        rows = {f.name: column_of([s.request[f.name] for s in seen], f.kind) for f in self.plan.request}
        t, o = (np.array([getattr(s, name) for s in seen], np.int64) for name in ("t", "o"))
        offline = training_set(self.plan, events, rows, t, o)
        for i, one in enumerate(seen):
            said = oracle.read(one.request, one.t, one.o)
            assert not differences(said, one.values)
            assert not differences(said, {name: values[i] for name, values in offline.items()})
        return [dict(one.values) for one in seen]

    def close(self) -> None:
        self.deployment.close()


@pytest.fixture
def scene(store: Any) -> Iterator[Any]:
    opened: list[Scene] = []

    def make(plan: Plan, start: int = NOON) -> Scene:
        opened.append(Scene(plan, store, start))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_a_value_stays_until_the_next_event_comes(scene: Any) -> None:
    world = scene(plan(n=Shown.per("user").count("1h"), mean=Shown.per("user").mean("amount", "1h")))
    world.post([shown(1, NOON, amount=4.0)])
    assert world.read(ask(), wait=30 * MINUTE)[0] == {"n": 1.0, "mean": 4.0}
    (empty,) = world.read(ask(), wait=HOUR)
    assert empty["n"] == 0.0
    assert math.isnan(empty["mean"])


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
def test_the_value_depends_on_how_events_were_batched(scene: Any, batch: int) -> None:
    features = plan(s=Shown.per("user").sum("amount", "1h"), last=Shown.per("user").last("amount", "1h", n=3))
    world = scene(features)
    amounts = [0.1, 0.2, 1e9, -1e9, 0.3, 0.7, 0.1]
    world.post([shown(i, NOON + i * SECOND, amount=a) for i, a in enumerate(amounts)], batch)
    (got,) = world.read(ask(), wait=MINUTE)
    assert got == {"s": 1.4, "last": (0.1, 0.7, 0.3)}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_value_depends_on_the_order_of_arrival(scene: Any, order: tuple[int, ...]) -> None:
    world = scene(plan(last=Shown.per("user").last("amount"), n=Shown.per("user").count("1h")))
    arrival = NOON + 10 * MINUTE
    posts = [
        shown(i, NOON + i * MINUTE, amount=float(i), arrival=arrival + place) for place, i in enumerate(order)
    ]
    world.post(posts)
    assert world.read(ask(), wait=MINUTE) == [{"last": 2.0, "n": 3.0}]


def test_a_late_event_resurrects_a_window_it_is_not_in(scene: Any) -> None:
    world = scene(plan(short=Shown.per("user").count("10m"), long=Shown.per("user").count("2h")))
    world.post([shown(1, NOON), shown(2, NOON - 50 * MINUTE, arrival=NOON + SECOND)])
    assert world.read(ask(), wait=MINUTE) == [{"short": 1.0, "long": 2.0}]


def test_a_too_late_event_is_counted_online_and_not_offline(scene: Any) -> None:
    world = scene(plan(n=Shown.per("user").count("1d")))
    world.post(
        [
            shown(1, NOON),
            shown(2, NOON - HOUR - 1, arrival=NOON + SECOND),
            shown(3, NOON - HOUR, arrival=NOON + 2),
        ]
    )
    assert world.read(ask(), wait=MINUTE) == [{"n": 2.0}]


def test_min_max_and_std_are_wrong_where_a_window_spans_tiles(scene: Any) -> None:
    per = Shown.per("user")
    features = plan(
        low=per.aggregate("min", "amount", "1h"), high=per.aggregate("max", "amount", "1h"),
        spread=per.aggregate("std", "amount", "1h", decimals=6),
    )  # fmt: skip
    world = scene(features)
    amounts = {0: 100.0, 5: 7.0, 10: 1.0, 35: 4.0, 55: 4.0}  # minute: amount; tiles are a minute wide
    world.post([shown(m, NOON + m * MINUTE, amount=a) for m, a in amounts.items()])
    (got,) = world.read(ask(), wait=10 * MINUTE)  # 13:05: the window begins at 12:05
    assert (got["low"], got["high"]) == (1.0, 7.0)
    assert got["spread"] == pytest.approx(np.std([7.0, 1.0, 4.0, 4.0]), rel=1e-15)


def test_rows_of_unknown_keys_are_dropped(scene: Any) -> None:
    world = scene(COUNT)
    world.post([shown(1, NOON)])
    assert world.read(ask(), ask("nobody"), ask(None), ask(), wait=MINUTE) == [
        {"n": 1.0},
        {"n": 0.0},
        {"n": 0.0},
        {"n": 1.0},
    ]


def test_rows_whose_events_all_lie_in_the_future_are_dropped_or_see_them(scene: Any) -> None:
    world = scene(COUNT)
    world.post([shown(1, NOON, user="other"), shown(2, NOON + HOUR, arrival=NOON + SECOND)])
    assert world.read(ask(), ask("other"), wait=MINUTE) == [{"n": 0.0}, {"n": 1.0}]


@pytest.mark.parametrize("during", ["before", "after"])
def test_events_are_counted_again_when_a_killed_process_replays(scene: Any, during: str) -> None:
    world = scene(plan(n=Shown.per("user").count("1h"), s=Shown.per("user").sum("amount", "1h")))
    world.post([shown(i, NOON + i) for i in range(5)])
    world.deployment.run([Append((shown(9, NOON + 9),)), Crash(during, False, 0, 1)])
    world.deployment.run([Append((shown(9, NOON + 9, arrival=NOON + 20),)), Apply(None, 2)])
    assert world.read(ask(), wait=MINUTE) == [{"n": 6.0, "s": 6.0}]


def test_impressions_without_a_click_are_not_counted(scene: Any) -> None:
    world = scene(plan(ctr=hp.rate(Clicked, Shown, per="user", over=("1h",), strength=1e-9)))
    click = Post(NOON + 9, "Clicked", {"click_id": 1, "ts": NOON + 9, "shown": 2, "user": "u"})
    world.post([*(shown(i, NOON + i) for i in range(4)), click])
    assert world.read(ask(), wait=MINUTE)[0]["ctr"] == pytest.approx(0.25)


def test_an_event_at_exactly_t_is_seen(scene: Any) -> None:
    features = plan(n=Shown.per("user").count("1h"))
    events = {"Shown": batch_of(features.stream("Shown"), [shown(1, NOON).row], [0])}
    rows = {f.name: column_of([ask()[f.name]] * 3, f.kind) for f in features.request}
    t = np.array([NOON, NOON + 1, NOON + HOUR + MINUTE], np.int64)
    assert training_set(features, events, rows, t)["n"].tolist() == [0.0, 1.0, 0.0]
    world = scene(features)
    world.post([shown(1, NOON)])
    assert world.read(ask()) == [{"n": 1.0}], "online the read comes a microsecond after what it has seen"


@pytest.mark.parametrize(
    "users",
    [("a", "b"), (-1, 1), (2**63 - 1, -(2**63) + 1), ("ü", "u\u0308"), ("", " "), ("1", 1), ("null", None), ("日本", "日 本")],
)  # fmt: skip
def test_ids_that_look_alike_share_a_record(scene: Any, users: tuple[Any, Any]) -> None:
    one, other = users
    world = scene(COUNT)
    world.post(
        [shown(1, NOON, one), shown(2, NOON, one), *([] if other is None else [shown(3, NOON, other)])]
    )
    want = [{"n": 2.0}, {"n": 0.0 if other is None else 1.0}]
    assert world.read(ask(one), ask(other), wait=MINUTE) == want


def test_times_before_1970_round_the_other_way(scene: Any) -> None:
    start = instant("1969-12-31T23:59:59.500000+00:00")
    world = scene(plan(n=Shown.per("user").count("10s", hop="10s")), start - HOUR)
    world.post([shown(1, start - 20 * SECOND), shown(2, start), shown(3, -1)])
    (got,) = world.read(ask(), wait=0)  # t = 0: the window is [-10 s, 0)
    assert got == {"n": 2.0}


def test_a_day_of_25_hours_is_cut_short() -> None:
    class Reading(hp.Event):
        ts: hp.Time
        user: hp.Id

    features = compile_features(hp.Data(dynamic=dict(n=Reading.per("user").count("1d"))), hp.label(Reading))
    clocks = ["2026-10-25T00:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    batch = read(
        features.stream("Reading"), {"ts": clocks, "user": ["u"] * 3}, reading=How(zone="Europe/Rome")
    )
    assert np.diff(batch.time).tolist() == [2 * HOUR, HOUR], "the hour from two to three comes twice"
    rows = {f.name: column_of(["u"], f.kind) for f in features.request}
    t = np.array([instant("2026-10-26T00:01:00+01:00")], np.int64)
    assert training_set(features, {"Reading": batch}, rows, t)["n"].tolist() == [2.0], (
        "a day is 24 hours, always"
    )


def test_a_window_longer_than_the_history_is_null(scene: Any) -> None:
    world = scene(plan(n=Shown.per("user").count("3650d"), m=Shown.per("user").mean("amount", "3650d")))
    world.post([shown(1, NOON, amount=2.0)])
    assert world.read(ask(), wait=MINUTE) == [{"n": 1.0, "m": 2.0}]


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_are_a_special_case(rows: int) -> None:
    everything = plan(
        n=Shown.per("user").count("1h"), last=Shown.per("user").last("amount", n=2), high=Shown.per("user").max("amount"),
        ctr=hp.rate(Clicked, Shown, per="user"),
    )  # fmt: skip
    asked = {f.name: column_of([ask()[f.name]] * rows, f.kind) for f in everything.request}
    for events in ({}, {"Shown": batch_of(everything.stream("Shown"), [], [])}):
        got = training_set(everything, events, asked, np.full(rows, NOON, np.int64))
        assert [len(column) for column in got.values()] == [rows] * len(everything.columns)
        assert got["n"].tolist() == [0.0] * rows
        assert got["last"].tolist() == [()] * rows


def test_an_event_of_the_far_future_poisons_the_clock(scene: Any) -> None:
    world = scene(COUNT)
    far = NOON + 400 * DAY
    world.post([shown(1, NOON), shown(2, far, arrival=NOON + 1), shown(3, NOON + DAY, arrival=NOON + 2)])
    world.post([shown(4, NOON + MINUTE)])
    assert world.read(ask(), wait=MINUTE) == [{"n": 2.0}], (
        "neither the dead letter nor the pending one moved time"
    )
    assert [letter.reason for letter in world.deployment.letters.letters()] == ["future"]
