"""The appender: what it acknowledges, in what order, and which time it is."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import heptad as hp
from heptad.errors import DataError, StateError
from heptad.plan.compile import compile_features
from heptad.streams.appender import CHUNK, Appender, Posted
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.faults import FaultyFiles


class Shop(hp.Table):
    shop: hp.Id
    town: str


class Sale(hp.Event):
    ts: hp.Time
    shop: hp.Id
    town: str = hp.lookup(Shop.town)


PLAN = compile_features(hp.Data(dynamic={"n": Sale.per("town").count("1h")}), hp.label(Sale))


def sale(ts: int, shop: str = "s") -> dict[str, object]:
    return {"ts": ts, "shop": shop, "town": None}


@pytest.fixture
def log() -> Iterator[Log]:
    with Log.open("/log", files=FaultyFiles()) as log:
        yield log


def test_offsets_and_arrivals_follow_the_calls(log: Log) -> None:
    clock = ReplayClock(100)
    appender = Appender(PLAN, log, clock)
    assert appender.append("Sale", [sale(1), sale(2)]) == range(2)
    clock.advance_to(150)
    assert appender.append("Sale", []) == range(2, 2)
    assert appender.submit("Sale", [sale(3)]).result() == range(2, 3)
    assert appender.append("Sale", [sale(4), sale(5)], [40, 170]) == range(3, 5)
    assert appender.append("Sale", [sale(6)]) == range(5, 6)
    assert log.read_columns(0).arrivals.tolist() == [100, 100, 150, 150, 170, 170]


def test_a_long_history_goes_in_one_call(tmp_path: Path) -> None:
    n = CHUNK + 17
    with Log.open(tmp_path) as log:
        appender = Appender(PLAN, log, ReplayClock(0))
        assert appender.append("Sale", [sale(i) for i in range(n)], range(n)) == range(n)
        records = log.read_columns(0)
    assert records.arrivals.tolist() == list(range(n))
    assert [r.row["ts"] for r in Codec(PLAN).logged(records)] == list(range(n))


def test_a_row_that_does_not_fit_keeps_its_whole_call_out(log: Log) -> None:
    appender = Appender(PLAN, log, ReplayClock(0))
    shop = Posted("Shop", {"shop": "s", "town": "Ulm"})
    for bad in ({"ts": 1}, {"ts": "now", "shop": "s"}, {"shop": "s"}, {"ts": 1, "shop": ["s"]}):
        with pytest.raises(DataError, match=r"Sale\.(ts|shop)"):
            appender.append_all([shop, Posted("Sale", bad)])
        with pytest.raises(DataError, match=r"Sale\.(ts|shop)"):
            appender.submit("Sale", [sale(0), bad])
    with pytest.raises(DataError, match="one for each of 1 rows"):
        appender.append("Sale", [sale(0)], [1, 2])
    assert log.end == 0
    appender.append_all(
        [Posted("Sale", sale(1)), shop, Posted("Sale", sale(2)), Posted("Sale", {**sale(3), "town": "x"})]
    )
    towns = [r.row["town"] for r in Codec(PLAN).logged(log.read_columns(0))]
    assert towns == [None, "Ulm", "Ulm", "Ulm"], (
        "the refused shop taught nobody, and no sender names the town"
    )


def test_the_deployments_time_never_goes_back(log: Log) -> None:
    appender = Appender(PLAN, log, ReplayClock(100), floor=500)
    assert appender.now() == 500
    appender.append("Sale", [sale(1)])
    assert log.read_columns(0).arrivals.tolist() == [500]


class SetBack:
    """A machine's clock that is set back."""

    def __init__(self, *times: int) -> None:
        self._times = list(times)

    def now(self) -> int:
        return self._times.pop(0)


def test_no_record_arrives_before_a_time_the_applier_was_told(log: Log) -> None:
    appender = Appender(PLAN, log, SetBack(100, 40, 60, 120))
    assert appender.now() == 100
    appender.append("Sale", [sale(1)])
    appender.append("Sale", [sale(1)], [50])
    assert appender.now() == 100
    assert appender.now() == 120
    assert log.read_columns(0).arrivals.tolist() == [100, 100]


class SlowDisk(FaultyFiles):
    """A disk whose syncs wait for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()

    def sync(self, path: Path, commit: object) -> None:
        self.go.wait()
        commit()  # type: ignore[operator]


def test_time_stands_still_for_the_applier_while_a_record_is_on_its_way() -> None:
    files, clock = SlowDisk(), ReplayClock(100)
    with Log.open("/log", files=files) as log:
        appender = Appender(PLAN, log, clock)
        files.go.clear()
        first, second = appender.submit("Sale", [sale(1)]), appender.submit("Sale", [sale(2)])
        clock.advance_to(900)
        assert (appender.now(), log.end) == (100, 0)
        files.go.set()
        assert (first.result(), second.result()) == (range(1), range(1, 2))
        assert (appender.now(), log.end) == (900, 2)


def test_many_tasks_can_wait_for_one_write(log: Log) -> None:
    appender = Appender(PLAN, log, ReplayClock(0))

    async def post(i: int) -> int:
        return (await asyncio.wrap_future(appender.submit("Sale", [sale(i)]))).start

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(post(i) for i in range(50))))

    assert sorted(asyncio.run(all_of_them())) == list(range(50))


def test_after_a_failed_sync_nothing_is_acknowledged() -> None:
    files = FaultyFiles()
    with Log.open("/log", files=files) as log:
        appender = Appender(PLAN, log, ReplayClock(0))
        files.fail_sync()
        for _ in range(2):
            with pytest.raises(StateError, match="every write and sync to succeed"):
                appender.append("Sale", [sale(1)])
