"""A replay in parts: late rows, context as a client sends it, faults planted where they change something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.training import Effort, settled_requests, train
from heptad.monitoring.audit import audit, same_bits
from heptad.oracle.oracle import Oracle
from heptad.run.planted import ROWS, leak, skew
from heptad.run.progress import Silent
from heptad.run.replay import LATE_BY, deployment, latency_section, on_time, replay_and_audit, with_late_ones
from heptad.run.requirements import kpi_and_best_baseline
from heptad.run.served import context_names, served_of
from heptad.streams.payload import Codec
from heptad.testing import world as made
from heptad.times import DAY, HOUR, MINUTE

CUT = made.BEGIN + 60 * DAY


@pytest.fixture(scope="module")
def system():
    return made.world()


@pytest.fixture(scope="module")
def history(system):
    return made.history(system.plan)


@pytest.fixture(scope="module")
def scorer(history, system):
    return scorer_of(history, train(history, system, CUT, effort=Effort(200, 10)))


def replayed(history, system, scorer, directory, chosen, **options):
    requests = settled_requests(history, system, CUT + 5 * DAY)
    some = np.isin(np.arange(len(requests)), np.flatnonzero(requests.t >= CUT)[chosen])
    asked = requests.select(some)
    return replay_and_audit(
        made.target(system), history, scorer, "v7", asked, directory, stage=Silent(), **options
    )


def test_rows_are_posted_in_time_without_what_is_looked_up(history):
    rows = on_time(history)
    assert [row.stream for row in rows[:60]] == ["Movie"] * 60
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    votes = [row for row in rows if row.stream == "Vote"]
    assert len(votes) == len(history.batches["Vote"])
    assert {row.row["genres"] for row in votes} == {None}  # the appender looks them up
    assert all(row.at == row.row["ts"] for row in votes)


def test_one_event_in_a_hundred_comes_late_and_within_the_lateness(history, system):
    rows = on_time(history)
    late = with_late_ones(system.plan, rows)
    moved = [row for row in late if row.stream == "Vote" and row.at != row.row["ts"]]
    assert {row.at - row.row["ts"] for row in moved} == {LATE_BY}
    assert 0.005 < len(moved) / len(rows) < 0.02
    assert [row.at for row in late] == sorted(row.at for row in late)
    key = lambda row: (row.stream, str(row.row))  # noqa: E731
    assert sorted(map(key, late)) == sorted(map(key, rows))
    narrow = replace(
        system.plan,
        streams=tuple(replace(s, lateness=None if s.is_table else 4 * MINUTE) for s in system.plan.streams),
    )
    assert {row.at - row.row["ts"] for row in with_late_ones(narrow, rows) if row.stream == "Vote"} == {
        0, 2 * MINUTE,
    }  # fmt: skip


def test_a_replay_is_audited_and_repeatable(history, system, scorer, tmp_path):
    one, two = (
        replayed(history, system, scorer, tmp_path / "replay", slice(0, 12), values=400) for _ in range(2)
    )
    assert one.audit == two.audit
    assert one.audit["mismatches"] == 0
    assert [fault["found"] for fault in one.audit["planted"]] == [True, True]
    assert len(one.freshness_ms) == one.latency["requests"] == 12
    assert {"history", "candidates", "features", "model", "rerank"} <= set(one.latency["stages"])


def test_a_replay_of_nothing_is_refused(history, system, scorer, tmp_path):
    with pytest.raises(DataError, match="requests with a settled label"):
        replayed(history, system, scorer, tmp_path, slice(0, 0), values=10)


def test_newcomers_alone_leave_nothing_to_plant_a_fault_in(history, system, scorer, tmp_path):
    """The first request of each of these users: popular items answer, and no feature was served."""
    requests = settled_requests(history, system, CUT + 20 * DAY)
    firsts = np.zeros(len(requests), np.bool_)
    firsts[np.unique(requests.user, return_index=True)[1]] = True
    asked = requests.select(firsts & (requests.t >= CUT))
    found = replay_and_audit(
        made.target(system), history, scorer, "v1", asked, tmp_path, values=100, stage=Silent()
    )
    assert len(asked) > 5
    assert found.audit["compared"] == 0
    for fault in found.audit["planted"]:
        assert (fault["found"], fault["detail"]) == (
            False,
            "nothing to plant it in: the model answered no request",
        )


def test_a_newcomer_at_the_end_does_not_hide_the_faults(history, system, scorer, tmp_path):
    requests = settled_requests(history, system, CUT + 20 * DAY)
    firsts = np.zeros(len(requests), np.bool_)
    firsts[np.unique(requests.user, return_index=True)[1]] = True
    late = np.flatnonzero(firsts & (requests.t >= CUT + DAY))[0]
    some = np.isin(np.arange(len(requests)), [*range(late - 12, late), late])
    found = replay_and_audit(
        made.target(system),
        history,
        scorer,
        "v1",
        requests.select(some),
        tmp_path,
        values=100,
        stage=Silent(),
    )
    assert [fault["found"] for fault in found.audit["planted"]] == [True, True]


class Live:
    """A deployment at a moment, and the decision of one user there."""

    def __init__(self, system, history, scorer, directory, t):
        self.scope = deployment(
            made.target(system),
            history.plan,
            with_late_ones(history.plan, on_time(history)),
            scorer,
            directory,
        )
        self.live = self.scope.__enter__()
        self.live.replay.advance_to(t)
        votes = history.batches["Vote"]
        before = np.flatnonzero(votes.time < t)
        user = int(votes.columns["user"].values[before[-1]])
        asked = self.live.pipeline.ask(user, None, {"screen": "tv"}, "r0")
        self.decision = self.live.pipeline.rank(asked).decision

    def check(self, wrong):
        self.live.replay.finish()
        log = self.live.log
        records = Codec(self.live.plan).logged(log.read_columns(0, log.end))
        found = audit(Oracle(self.live.plan, records), len(records), [wrong], values=10_000)
        self.scope.__exit__(None, None, None)
        return found


@pytest.fixture
def live_at(system, history, scorer, tmp_path: Path):
    return lambda t, of=system: Live(of, history, scorer, tmp_path / "live", t)


def test_the_leak_is_one_of_aggregates_and_is_found(live_at):
    here = live_at(CUT + 3 * DAY)
    live = here.live
    wrong = leak(live.pipeline, live.reader, live.replay, here.decision)
    assert wrong.t == CUT + 3 * DAY
    assert not {"hour", "screen", "ease", "popular", "pull"} & set(wrong.values)  # an hour differs by itself
    found = here.check(wrong)
    assert found.mismatches > 0
    assert found.compared <= ROWS * len(live.plan.columns)


def test_the_same_read_made_in_time_passes(live_at):
    here = live_at(CUT + 3 * DAY)
    found = here.check(served_of(here.live.pipeline, here.decision))
    assert (found.mismatches, found.compared > 0) == (0, True)


def test_the_skew_is_found_in_the_narrowed_windows_only(live_at):
    here = live_at(CUT + 3 * DAY)
    live = here.live
    found = here.check(skew(live.pipeline, live.store, live.clock, here.decision))
    assert {wrong.column for wrong in found.wrong} <= {"user_count_7d", "movie_count_7d", "movie_count_30d"}
    assert found.mismatches > 0


def test_where_narrow_windows_see_the_same_the_skew_is_one_bit(history, tmp_path):
    """Windows far wider than the history: halved, they still see all of it."""
    data = made.STEPS["data"]
    dynamic = {
        "had": data.dynamic["had"],
        "user_mean": made.Vote.per("user").mean("stars", "3000d"),
        "rate": hp.rate(
            made.Vote.per("movie").where(made.Vote.stars >= 4),
            made.Vote.per("movie"),
            per="movie",
            over="3000d",
        ),
    }
    system = made.world(
        data=hp.Data(static=dict(studio=made.Movie.studio), dynamic=dynamic),
        monitoring=hp.Monitoring(),
    )
    own = made.history(system.plan)
    scorer = scorer_of(own, train(own, system, CUT, effort=Effort(100, 10)))
    here = Live(system, own, scorer, tmp_path / "live", CUT + 3 * DAY)
    live = here.live
    (mismatch,) = here.check(skew(live.pipeline, live.store, live.clock, here.decision)).wrong
    assert mismatch.served == np.nextafter(mismatch.recomputed, np.inf)


def test_windows_of_rates_are_narrowed_too(history, tmp_path):
    data = made.STEPS["data"]
    rate = hp.rate(
        made.Vote.per("movie").where(made.Vote.stars >= 4), made.Vote.per("movie"), per="movie", over="4d"
    )
    system = made.world(
        data=hp.Data(dynamic={"had": data.dynamic["had"], "rate": rate}), monitoring=hp.Monitoring()
    )
    own = made.history(system.plan)
    scorer = scorer_of(own, train(own, system, CUT, effort=Effort(100, 10)))
    here = Live(system, own, scorer, tmp_path / "live", CUT + 3 * DAY)
    live = here.live
    found = here.check(skew(live.pipeline, live.store, live.clock, here.decision))
    assert found.mismatches > 0
    assert not same_bits(found.wrong[0].served, np.nextafter(found.wrong[0].recomputed, np.inf))


def test_a_client_sends_what_features_read_and_not_the_outcome(live_at):
    here = live_at(CUT + HOUR)
    assert context_names(here.live.plan, here.live.pipeline.shape) == {"screen"}  # and not the stars
    here.check(served_of(here.live.pipeline, here.decision))


def test_latencies_are_percentiles_of_every_request():
    took = [float(ms) for ms in range(1, 101)]
    section = latency_section(took, {"model": [2.0] * 100})
    assert (section["max"], section["requests"]) == (100.0, 100)
    assert section["p50"] == np.percentile(took, 50)
    assert section["stages"] == {"model": {"p50": 2.0, "p99": 2.0}}
    assert sum(section["histogram"]["counts"]) == 100
    assert sum(latency_section([0.0], {})["histogram"]["counts"]) == 1


def test_the_champion_is_no_baseline_and_nothing_measured_does_not_hold():
    by_model = {
        "heptad": {"kpi": 5.0},
        "champion": {"kpi": 9.0},
        "ease": {"kpi": 4.0},
        "popular": {"kpi": None},
    }
    ours, best = kpi_and_best_baseline({name: by_model[name] for name in ("heptad", "champion", "ease")})
    assert (ours, best) == (5.0, 4.0)
    ours, best = kpi_and_best_baseline({name: by_model[name] for name in ("heptad", "popular")})
    assert not ours > best


def test_events_that_came_after_a_read_are_told_apart_from_faults(
    history, system, scorer, tmp_path, monkeypatch
):
    """A quarter of the events comes eleven hours late: what they change later is lateness, not a fault."""
    from heptad.run import replay

    monkeypatch.setattr(replay, "LATE_SHARE", 4)
    monkeypatch.setattr(replay, "LATE_BY", 11 * HOUR)
    found = replayed(history, system, scorer, tmp_path, slice(0, 40), values=10_000).audit
    assert found["mismatches"] == 0
    assert 0 < found["late"] < found["equal"] / 2
    monkeypatch.setattr(replay, "LATE_BY", 0)
    assert replayed(history, system, scorer, tmp_path, slice(0, 40), values=2_000).audit["late"] == 0
