"""The applier: what it counts, commits and reports, and how it goes on after a failure."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.errors import StateError
from heptad.oracle.admission import verdicts
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.admission import Verdict
from heptad.state.ids import unpacked
from heptad.state.store import Commit, Meta, Saved
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Posted
from heptad.streams.applier import Applied, Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.faults import FaultyFiles
from heptad.testing.strategies import plans, posts, settings
from heptad.times import SECOND


class Sale(hp.Event, lateness="10s", max_future="5s"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    item: str


def plan_of(*windows: str) -> Plan:
    return compile_features(hp.Data(dynamic={"n": Sale.per("user").last("item", *windows)}), hp.label(Sale))


PLAN = plan_of("1h")


def sale(id_: int, second: float, item: str = "x") -> dict[str, Any]:
    return {"sale": id_, "ts": int(second * SECOND), "user": "ann", "item": item}


class Deployment:
    def __init__(
        self, plan: Plan = PLAN, store: MemoryStore | None = None, files: FaultyFiles | None = None
    ) -> None:
        self.files = files or FaultyFiles()
        self.store = store or MemoryStore(plan.state_hash)
        self.clock = ReplayClock(0)
        self.log = Log.open("/log", files=self.files)
        self.letters = DeadLetters.open("/dead/letters.jsonl", self.files)
        self.appender, self.applier = Ingest.open(plan, self.log, self.store, self.clock, self.letters)

    def post(self, second: float, *rows: dict[str, Any]) -> None:
        self.clock.advance_to(int(second * SECOND))
        self.appender.append("Sale", rows)

    def reopened(self, store: MemoryStore | None = None) -> "Deployment":
        self.files.kill()
        return Deployment(store=store or self.store, files=self.files)


@pytest.fixture
def here() -> Iterator[Deployment]:
    deployment = Deployment()
    yield deployment
    deployment.log.close()


def comparable(saved: Saved) -> Saved:
    """What is saved, remembered ids as one block: how they are cut depends on the commits."""
    rows = sorted(tuple(row) for block in saved.ids.values() for row in unpacked(block).tolist())
    return Saved(saved.meta, {("Sale", 0): repr(rows).encode()}, saved.pending, saved.values)


def counts(applied: Applied) -> dict[str, int]:
    return {verdict.value: n for verdict, n in applied.counts.items()}


def test_every_record_is_decided_once_and_the_refused_are_reported(here: Deployment) -> None:
    here.post(
        100, sale(1, 100), sale(1, 100), sale(1, 99), sale(2, 89), sale(3, 106), sale(4, 104), sale(5, 90)
    )
    applied = here.applier.apply()
    assert counts(applied) == {"accepted": 3, "duplicate": 1, "conflict": 1, "late": 1, "future": 1}
    assert (applied.records, applied.events) == (7, 2)
    assert applied.meta == Meta(PLAN.state_hash, 100 * SECOND, {0: 7}, pending_from=104 * SECOND)
    assert [
        (letter.offset, letter.reason, letter.expected, letter.got) for letter in here.letters.letters()
    ] == [
        (2, "conflict", "the row that came first under this id", "another row"),
        (3, "late", "a time of at least 1970-01-01T00:01:30Z", "1970-01-01T00:01:29Z"),
        (4, "future", "a time of at most 1970-01-01T00:01:45Z", "1970-01-01T00:01:46Z"),
    ]
    assert here.applier.apply() == Applied({}, 0, applied.meta)
    assert here.applier.behind == 0


def test_a_pending_event_enters_once_the_clock_has_passed_it(here: Deployment) -> None:
    here.post(100, sale(1, 104))
    assert here.applier.apply().events == 0
    here.clock.advance_to(104 * SECOND)
    assert here.applier.tick().events == 0, "a read now is a read at 104 s, which does not see it"
    here.clock.advance_to(104 * SECOND + 1)
    applied = here.applier.tick()
    assert (applied.events, applied.records, applied.meta.frontier) == (1, 0, 104 * SECOND)
    assert (applied.meta.pending_from, applied.meta.offsets) == (None, {0: 1})
    assert here.store.saved().pending == {}
    assert here.applier.tick().events == 0


def test_a_tick_does_not_overtake_a_record_that_arrived_earlier(here: Deployment) -> None:
    here.post(100, sale(1, 104))
    here.applier.apply()
    here.post(101, sale(2, 92))  # in time: the frontier it meets is not 104 s
    here.clock.advance_to(200 * SECOND)
    assert here.applier.tick().events == 0
    assert counts(here.applier.apply(1)) == {"accepted": 1}
    assert here.applier.meta.frontier == 104 * SECOND


def test_a_limit_is_kept(here: Deployment) -> None:
    here.post(100, *(sale(i, 100) for i in range(5)))
    assert [here.applier.apply(2).records for _ in range(4)] == [2, 2, 1, 0]


class Failing(MemoryStore):
    """A store whose next commit is lost, or made and not answered."""

    fail = ""

    def commit(self, change: Commit) -> None:
        fail, self.fail = self.fail, ""
        if fail == "before":
            raise OSError("lost")
        super().commit(change)
        if fail == "after":
            raise OSError("no answer")


@pytest.mark.parametrize("fail", ["before", "after"])
def test_after_a_failed_commit_it_goes_on_from_what_the_store_has(fail: str) -> None:
    store = Failing(PLAN.state_hash)
    here = Deployment(store=store)
    here.post(100, sale(1, 100, "a"), sale(2, 103, "b"), sale(1, 50))
    store.fail = fail
    with pytest.raises(OSError, match="lost|no answer"):  # noqa: RUF043
        here.applier.apply()
    here.post(104, sale(3, 104, "c"), sale(1, 100, "a"))
    here.applier.batch = 1  # smaller than what the store may have, unknown to the applier
    here.applier.apply()
    straight = Deployment()
    straight.post(100, sale(1, 100, "a"), sale(2, 103, "b"), sale(1, 50))
    straight.post(104, sale(3, 104, "c"), sale(1, 100, "a"))
    straight.applier.apply()
    assert comparable(store.saved()) == comparable(straight.store.saved())
    assert [letter.offset for letter in here.letters.letters()] == [2]


def test_a_restart_goes_on_and_reports_nothing_twice(here: Deployment) -> None:
    here.post(100, sale(1, 100), sale(2, 103), sale(3, 50))
    here.applier.apply()
    again = here.reopened()
    assert again.applier.meta == here.applier.meta
    again.post(101, sale(1, 100), sale(4, 50))
    assert counts(again.applier.apply()) == {"duplicate": 1, "late": 1}
    rebuilt = again.reopened(MemoryStore(PLAN.state_hash))
    assert counts(rebuilt.applier.apply()) == {"accepted": 2, "duplicate": 1, "late": 2}
    assert [letter.offset for letter in rebuilt.letters.letters()] == [2, 4]


def test_a_clock_that_was_set_back_does_not_bring_arrivals_behind_the_frontier(here: Deployment) -> None:
    here.post(100, sale(1, 104))
    here.applier.apply()
    here.clock.advance_to(110 * SECOND)
    here.applier.tick()  # the frontier is 104 s, and no arrival in the log says so
    again = here.reopened()
    again.post(100, sale(2, 93))
    assert counts(again.applier.apply()) == {"late": 1}
    log = Codec(PLAN).logged(again.log.read_columns(0))
    assert (log[1].arrival, verdicts(PLAN, log)) == (104 * SECOND, ["accepted", "late"])


def test_a_store_of_another_plan_or_of_a_longer_log_is_refused(here: Deployment) -> None:
    here.post(100, sale(1, 100))
    here.applier.apply()
    with pytest.raises(StateError, match="the store's state: expected a state of the plan's state hash"):
        Applier(plan_of("1d"), here.log, here.store, here.clock)
    with (
        Log.open("/other", files=FaultyFiles()) as other,
        pytest.raises(StateError, match="one of at most 0 records, which log /other/p0 holds, got one of 1"),
    ):
        Applier(PLAN, other, here.store, here.clock)


@given(st.data())
def test_what_counts_is_what_the_oracle_counts_however_it_is_cut(data: st.DataObject) -> None:
    plan = data.draw(plans(size=1))
    streams = {s.name for s in plan.streams}
    here = Deployment(plan)
    found: list[dict[Verdict, int]] = []
    with here.log:
        for post in data.draw(posts(data.draw(settings()), streams)):
            here.appender.append_all([Posted(post.stream, post.row)], [post.arrival])
            if data.draw(st.booleans()):
                found.append(dict(here.applier.apply(data.draw(st.integers(0, 3))).counts))
        found.append(dict(here.applier.apply().counts))
        log = Codec(plan).logged(here.log.read_columns(0))
    expected = verdicts(plan, log)
    for verdict in Verdict:
        assert sum(counts.get(verdict, 0) for counts in found) == expected.count(verdict.value)
    letters = [letter.offset for letter in here.letters.letters()]
    assert letters == [i for i, v in enumerate(expected) if v in ("late", "future", "conflict")]
