"""The service that a profile names: history posted once and whole, the champion served, restarts continued."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest

from heptad.errors import DataError
from heptad.lifecycle.retrain import lineage_of, scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.registry.registry import Registry
from heptad.run.replay import on_time
from heptad.run.serve import check_age, forget, forget_older, predictions_of, service
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.ingest import open_state
from heptad.streams.log import Log
from heptad.streams.replay import Replay
from heptad.testing import world as made
from heptad.times import DAY

CUT = made.BEGIN + 60 * DAY
ROWS = 60 + made.votes().num_rows
LAST = made.votes().column("ts")[-1].as_py()


@pytest.fixture(scope="module")
def system():
    return made.world()


@pytest.fixture(scope="module")
def history(system):
    return made.history(system.plan)


@pytest.fixture(scope="module")
def registered(history, system, tmp_path_factory):
    """A registry with one champion."""
    root = tmp_path_factory.mktemp("registry")
    trained = train(history, system, CUT, effort=Effort(200, 10))
    registry = Registry(root)
    version = registry.register(
        "world", scorer_of(history, trained).save, metrics={}, lineage=lineage_of(history, CUT), time=CUT
    )
    registry.promote("world", version.name, time=CUT, reason="test")
    return root


@pytest.fixture
def serving(system, registered, tmp_path):
    """Starts services on one deployment, one after the other; `said` collects what they say."""
    profile = replace(made.profile(system, tmp_path / "deployment"), registry=registered)
    said: list[str] = []

    @contextmanager
    def start(of=system, **options):
        said.clear()
        with service(
            made.target(of), replace(profile, **options.pop("profile", {})), say=said.append, **options
        ) as one:
            one.warm()
            yield one

    start.said, start.profile = said, profile
    return start


def vote(movie, number=10**9, ts=LAST + DAY, user=17):
    return {"vote": number, "ts": ts, "user": user, "movie": movie, "stars": 5.0, "screen": "tv"}


def test_an_empty_log_is_filled_once_and_the_champion_answers(serving):
    with serving() as one:
        assert serving.said[0] == "the log is empty: posting the history of world"
        assert serving.said[1].startswith(f"posted {ROWS:,} rows; ")
        health = one.health()
        assert (health.status, health.lag, health.offsets) == ("ok", 0, {0: ROWS})
        assert health.frontier_us == LAST
        answer = one.rank(one.ask(17, None, None))
        assert (answer.flags, answer.model_version, answer.t) == ({}, "v0001", LAST + 1)
        assert len(answer.items) == 5
    with serving() as one:
        assert serving.said == []
        assert one.health().offsets == {0: ROWS}


def test_a_restart_goes_on_from_what_was_posted(serving):
    with serving() as one:
        best = one.rank(one.ask(17, None, None)).items[0]
        assert one.post("Vote", [vote(best)]).result().verdicts == ["accepted"]
        answer = one.rank(one.ask(17, None, None))
        assert best not in answer.items
    with serving() as one:
        again = one.rank(one.ask(17, None, None))
        assert (again.items, again.scores, again.t) == (answer.items, answer.scores, answer.t)
        assert one.post("Vote", [vote(best)]).result().verdicts == ["duplicate"]


def test_a_history_half_posted_when_the_process_was_killed_is_posted_whole(serving, system, history):
    """What a kill leaves: a part of the log aside, and states that are ahead of the log there is (none)."""
    profile, rows = serving.profile, on_time(history)
    clock = ReplayClock(rows[0].at)
    with Log.open(profile.log.with_name("log.posting")) as log:
        store = open_state(profile.store, system.plan, log)
        appender = Appender(system.plan, log, clock)
        Replay(appender, Applier(system.plan, log, store, appender), rows[:3_000], clock).finish()
        store.close()
    with serving() as one:
        assert one.health().offsets == {0: ROWS}
        assert not profile.log.with_name("log.posting").exists()
        count = one.features({"user": 17, "movie": 3}).values["user_count_all"]
    fresh = train_count(made.votes(), 17)
    assert count.tolist() == [fresh]


def train_count(votes, user):
    return float(sum(one == user for one in votes.column("user").to_pylist()))


def test_fresh_forgets_what_was_posted_and_predicted(serving):
    with serving() as one:
        one.post("Vote", [vote(3)]).result()
        one.rank(one.ask(17, None, None))
    assert predictions_of(serving.profile).is_dir()
    forget(serving.profile)
    with serving() as one:
        assert one.health().offsets == {0: ROWS}
        assert one.health().decisions_logged == 0
        assert one.post("Vote", [vote(3)]).result().verdicts == ["accepted"]


def test_without_a_champion_popular_items_answer_and_it_is_said(serving, tmp_path):
    with serving(profile={"registry": tmp_path / "none"}) as one:
        assert serving.said[0].startswith("no model is champion yet")
        answer = one.rank(one.ask(17, None, None))
        assert (answer.flags, len(answer.items)) == ({"fallback": "model unavailable"}, 5)
        assert one.health().status == "degraded"


def test_a_damaged_champion_is_not_served(serving, registered, tmp_path):
    root = shutil.copytree(registered, tmp_path / "damaged")
    (file,) = root.glob("world/v0001/model/gbdt.txt")
    file.write_text(file.read_text() + "\n")
    with serving(profile={"registry": root}) as one:
        assert serving.said[0].startswith("no model is served: version v0001")
        assert one.rank(one.ask(17, None, None)).flags == {"fallback": "model unavailable"}


def test_a_changed_plan_is_served_from_the_same_log(serving):
    """Another window: the states are made anew from the log, and the champion of the old plan is not served."""
    with serving() as one:
        one.post("Vote", [vote(3)]).result()
    data = made.STEPS["data"]
    wider = dict(data.dynamic) | {"user_count": made.Vote.per("user").count("9d", "all")}
    changed = made.world(data=replace(data, dynamic=wider))
    with serving(changed) as one:
        assert serving.said[0].startswith("no model is served: scorer v0001")
        assert one.health().offsets == {0: ROWS + 1}
        assert "user_count_9d" in one.features({"user": 17, "movie": 3}).values


def test_states_in_memory_are_rebuilt_from_the_log(serving):
    with serving() as one:
        before = one.features({"user": 17, "movie": 3})
    with serving(profile={"store": "memory:"}) as one:
        assert serving.said == []
        after = one.features({"user": 17, "movie": 3})
    assert after.t == before.t
    assert {name: repr(values) for name, values in after.values.items()} == {
        name: repr(values) for name, values in before.values.items()
    }


def test_decisions_outlive_the_label_of_what_they_showed(system):
    window = system.label.matures_after
    with pytest.raises(DataError, match=r"--keep-decisions: expected more than .*Fix: keep them"):
        check_age(made.target(system), window)
    check_age(made.target(system), window + 1)


def test_old_decisions_of_processes_that_no_longer_run_are_forgotten(serving):
    profile = serving.profile
    for worker in (0, 7):
        with Log.open(predictions_of(profile, worker), segment_bytes=1) as log:
            for arrival in range(5):
                log.append([b"a decision"], arrival)
    forget_older(profile, 3)
    for worker in (0, 7):
        with Log.open(predictions_of(profile, worker), readonly=True) as log:
            assert (log.first, log.end) == (3, 5)
