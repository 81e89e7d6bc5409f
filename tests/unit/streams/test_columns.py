"""Rows appended in bulk are the rows appended one by one; what does not fit is refused alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.plan.batch import batch_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.streams import appender as appenders
from heptad.streams.appender import Appender, Posted
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.dice import Dice
from heptad.testing.faults import FaultyFiles
from heptad.times import SECOND


def logged(plan: Plan, posts: list[Posted], arrivals: list[int], cuts: list[int]) -> tuple[list[Any], int]:
    """The records of a log these rows were appended to in so many calls, reopened once; how many lie in blocks."""
    with Log.open("/log", files=FaultyFiles()) as log:
        appender = Appender(plan, log, ReplayClock(arrivals[0]))
        for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, len(posts)], strict=True)):
            if number == 1:
                appender = Appender(plan, log, ReplayClock(arrivals[0]))  # learns the tables from the log
            appender.append_all(posts[low:high], arrivals[low:high])
        codec = Codec(plan)
        blocks = sum(run.end - run.first for run in log.read_runs(0).runs if run.block)
        return [(r.offset, r.arrival, codec.decode(r.payload)) for r in log.read(0)], blocks


def test_rows_in_bulk_are_the_rows_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = 0
    for seed in range(40):
        dice = Dice(seed)
        plan = dice.plan()
        streams = [stream.name for stream in plan.streams]
        posts, arrivals, clock = [], [], dice.setting.epoch
        while len(posts) < 30:
            stream = dice.random.choice(streams)
            for _ in range(dice.random.randint(1, 6)):
                post = dice.post(clock, [stream])
                clock = post.arrival
                posts.append(Posted(post.stream, post.row))
                arrivals.append(clock)
        cuts = sorted(dice.random.sample(range(len(posts)), 3))
        monkeypatch.setattr(appenders, "BULK", 1 << 60)
        one_by_one, none = logged(plan, posts, arrivals, cuts)
        monkeypatch.setattr(appenders, "BULK", 1)
        in_bulk, some = logged(plan, posts, arrivals, cuts)
        assert in_bulk == one_by_one
        assert none == 0
        inside += some
    assert inside > 300


class Ad(hp.Table):
    ad: hp.Id
    since: hp.Time
    price: float | None


class View(hp.Event):
    view: hp.Key
    ts: hp.Time
    ad: hp.Id
    user: hp.Id | None
    times: int
    shown: bool
    seen: float
    note: str | None
    tags: list[str]
    price: float | None = hp.lookup(Ad.price)


PLAN = compile_features(hp.Data(dynamic={"n": View.per("ad").count("1h")}), hp.label(View))
GOOD = {
    "view": 1, "ts": 5 * SECOND, "ad": 3, "user": "u", "times": 2, "shown": True, "seen": 1.5, "note": "x",
    "tags": ["a", "b"],
}  # fmt: skip


def append(rows: list[dict[str, Any]], *, bulk: bool, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The rows as logged, or what was said against them."""
    monkeypatch.setattr(appenders, "BULK", 1 if bulk else 1 << 60)
    with Log.open("/log", files=FaultyFiles()) as log:
        appender = Appender(PLAN, log, ReplayClock(0))
        appender.append("Ad", [{"ad": ad, "since": 1, "price": ad / 2} for ad in range(4)])
        try:
            appender.append("View", rows)
        except DataError as error:
            return str(error)
        codec = Codec(PLAN)
        return [codec.decode(record.payload) for record in log.read(4)]


@pytest.mark.parametrize(
    "change",
    [
        {}, {"seen": None}, {"seen": float("nan")}, {"seen": 7}, {"seen": "7"}, {"seen": 10**400}, {"note": None}, {"note": 5},
        {"note": "\ud800"}, {"times": None}, {"times": 2.0}, {"times": True}, {"times": 2**63}, {"times": -(2**63)},
        {"times": 2**63 - 1}, {"shown": 1}, {"shown": None}, {"view": None}, {"view": "id"}, {"view": -(2**63)},
        {"ts": None}, {"ts": 2**61}, {"ts": 2**61 + 1}, {"ts": 1.5}, {"ad": "three"}, {"ad": 1.5}, {"ad": 99}, {"user": None},
        {"user": 2**64}, {"tags": []}, {"tags": None}, {"tags": ["a", 1]}, {"tags": ("a",)}, {"tags": "a"},
        {"price": 7.0}, {"unknown": 1}, {"ts": 1}, {"ts": 2},
    ],
    ids=str,
)  # fmt: skip
def test_a_cell_is_judged_alike_in_bulk(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [GOOD, GOOD | change, GOOD | {"view": 3, "ad": 1}]
    alone = append(rows, bulk=False, monkeypatch=monkeypatch)
    assert append(rows, bulk=True, monkeypatch=monkeypatch) == alone
    short = [{k: v for k, v in row.items() if v is not None} for row in rows]
    assert append(short, bulk=True, monkeypatch=monkeypatch) == append(
        short, bulk=False, monkeypatch=monkeypatch
    )


def test_a_batch_is_appended_as_its_rows_are() -> None:
    stream = PLAN.stream("View")
    rows = [GOOD | {"view": i, "ad": i % 5, "note": None if i % 3 else "n"} for i in range(20)]
    with Log.open("/log", files=FaultyFiles()) as log:
        appender = Appender(PLAN, log, ReplayClock(0))
        ads = [{"ad": ad, "since": 1, "price": ad / 2} for ad in range(4)]
        appender.append_batch(batch_of(PLAN.stream("Ad"), ads, range(4)))
        assert appender.append_batch(batch_of(stream, rows, range(20)), np.arange(20)) == range(4, 24)
        found = [Codec(PLAN).decode(record.payload)[1] for record in log.read(4)]
        assert found == [row | {"price": row["ad"] / 2 if row["ad"] < 4 else None} for row in rows]
        again = Appender(PLAN, log, ReplayClock(0))
        again.append("View", [GOOD | {"view": 99, "ad": 2}])
        assert Codec(PLAN).decode(next(log.read(24)).payload)[1]["price"] == 1.0


def test_a_batch_that_does_not_fit_is_refused() -> None:
    stream = PLAN.stream("View")
    for change, said in (({"times": None}, "a value in every row"), ({"ts": 2**62}, "within")):
        with Log.open("/log", files=FaultyFiles()) as log:
            appender = Appender(PLAN, log, ReplayClock(0))
            with pytest.raises(DataError, match=said):
                appender.append_batch(batch_of(stream, [GOOD, GOOD | change], range(2)))
            assert log.end == 0
