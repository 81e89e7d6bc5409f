"""The nearest as they are served: an item is proposed from the moment its row is applied, and not after it is gone."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.online.reader import Reader
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.run.progress import Silent
from heptad.run.why.again import Failing, Models, again, made, request_of, rows_of
from heptad.run.why.compare import differences
from heptad.run.why.recall import Recall
from heptad.serving.answer import missing
from heptad.serving.pipeline import Pipeline
from heptad.state.open import open_store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing import looks, world
from heptad.testing.servers import RedisServer
from heptad.times import DAY

SYSTEM = looks.system()
PLAN = SYSTEM.plan
NOW = world.BEGIN + 101 * DAY
USER = 9_001


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    trained = train(looks.history(PLAN), SYSTEM, world.CUT, effort=Effort(200, 10))
    registry = Registry(tmp_path_factory.mktemp("registry"))
    found = scorer_of(looks.history(PLAN), trained)
    registry.register("w", found.save, metrics={}, lineage=Lineage("d", PLAN.hash, "c", 0), time=0)
    return Models(registry, "w", PLAN)


class Live:
    """A deployment of the world's films, their vectors, and one user who liked film 1."""

    def __init__(self, directory, scorer, url="memory:"):
        self.clock, self.log = ReplayClock(NOW), Log.open(directory / "log")
        self.store = open_store(url, PLAN.state_hash)
        self.appender = Appender(PLAN, self.log, self.clock)
        self.applier = Applier(PLAN, self.log, self.store, self.appender)
        self.pipeline = Pipeline(SYSTEM, PLAN, Reader(PLAN, self.store, self.clock), scorer)
        films = world.movies().to_pylist()
        self.post("Movie", films)
        self.post("Look", list(looks.rows()))
        self.post("Vote", [self.vote(1)])

    def vote(self, movie):
        return {
            "vote": movie,
            "ts": self.clock.now() - 1,
            "user": USER,
            "movie": movie,
            "stars": 5.0,
            "screen": None,
        }

    def post(self, stream, rows):
        parse = {"Movie": world.Movie, "Look": looks.Look, "Vote": world.Vote}[stream].parse
        self.appender.append(stream, [parse(row) for row in rows])
        self.clock.advance_to(self.clock.now() + 1_000)
        self.applier.apply()

    def rank(self):
        outcome = self.pipeline.rank(self.pipeline.ask(USER, None, {}, "r"))
        assert outcome.error is None
        return outcome

    def near(self):
        decision = self.rank().decision
        return dict(zip(decision.items, decision.sources["near"].tolist(), strict=True))


@pytest.fixture(params=["memory:", pytest.param("redis", marks=pytest.mark.slow)])
def live(request, tmp_path, scorer):
    with ExitStack() as stack:
        url = request.param
        if url == "redis":
            url = stack.enter_context(RedisServer(tmp_path)).url("looks")
        live = Live(tmp_path, scorer.get("v0001"), url)
        stack.callback(live.log.close)
        stack.callback(live.store.close)
        yield live


def test_an_item_comes_changes_and_goes_with_its_rows_and_needs_no_event(live):
    mine = next(row["look"] for row in reversed(looks.rows()) if row["movie"] == 1)
    assert 777 not in live.near()
    live.post("Look", [looks.row(777, live.clock.now(), mine)])
    assert live.near()[777] == pytest.approx(1.0, abs=1e-6)  # the only film of the history is film 1
    live.post("Look", [looks.row(777, live.clock.now(), [-one for one in mine])])
    assert 777 not in live.near()  # the farthest of all
    live.post("Look", [looks.row(777, live.clock.now(), mine)])
    live.post(
        "Look", [looks.row(777, live.clock.now() - DAY, [-one for one in mine])]
    )  # an older row changes nothing
    assert live.near()[777] == pytest.approx(1.0, abs=1e-6)
    live.post("Look", [looks.row(777, live.clock.now(), None, gone=True)])
    assert 777 not in live.near()


def test_a_row_of_tomorrow_is_not_known_today(live):
    mine = next(row["look"] for row in reversed(looks.rows()) if row["movie"] == 1)
    live.post("Look", [looks.row(777, live.clock.now() + DAY // 2, mine)])
    assert 777 not in live.near()
    live.clock.advance_to(live.clock.now() + DAY)
    live.applier.apply()
    assert 777 in live.near()


def test_decisions_before_and_after_rows_come_out_of_the_log_again(live, scorer):
    mine = next(row["look"] for row in reversed(looks.rows()) if row["movie"] == 1)
    decisions = [live.rank().decision]
    for movie, look in ((777, mine), (778, mine), (777, [0.0, 0, 0, 0, 0, 1]), (778, None)):
        live.post("Look", [looks.row(movie, live.clock.now(), look, look is None)])
        decisions.append(live.rank().decision)
    assert len({tuple(one.items) for one in decisions}) > 2
    model = scorer.get("v0001")
    asked = [row for one in decisions for row in rows_of(one, SYSTEM)]
    recall = Recall(PLAN, PLAN, live.log, live.log.end, asked, Silent())
    for decision in [*decisions, *reversed(decisions)]:  # whatever the order they are explained in
        assert not differences(decision, again(SYSTEM, recall, decision, model))


@pytest.mark.parametrize("after", [0, 1])
def test_a_store_that_failed_after_the_candidates_is_told_from_one_before(live, scorer, after):
    decision, model = live.rank().decision, scorer.get("v0001")
    recall = Recall(PLAN, PLAN, live.log, live.log.end, rows_of(decision, SYSTEM), Silent())
    moment = recall.at(decision.t, decision.offsets[0])
    asked = request_of(decision, SYSTEM.framing)
    failed = made(SYSTEM, PLAN, Failing(moment, after, "movie"), model, asked).decision
    assert failed.flags == {"fallback": "features unavailable"}
    assert not differences(failed, again(SYSTEM, recall, failed, model))


def test_another_process_on_the_same_states_sees_the_same(tmp_path, scorer):
    url = f"embedded:{tmp_path / 'state'}"
    first = Live(tmp_path, scorer.get("v0001"), url)
    held, one = first.rank().decision, scorer.get("v0001")
    sources = {
        name: quota._replace(
            source=type(quota.source).load(tmp_path, quota.source.save(tmp_path), one.sources.index)
        )
        if name == "near"
        else quota
        for name, quota in one.sources.sources.items()
    }
    retriever = type(one.sources)(sources, one.sources.index, one.sources.total)
    retriever.known = one.sources.known
    fresh = Pipeline(SYSTEM, PLAN, Reader(PLAN, first.store, first.clock), replace(one, retriever=retriever))
    again_ = fresh.rank(fresh.ask(USER, None, {}, "r")).decision
    assert not differences(held, again_)
    first.store.close()
    first.log.close()


def test_a_model_with_vectors_that_nothing_follows_is_served_without_them(live, scorer):
    model = scorer.get("v0001")
    plain = replace(PLAN, tallies=PLAN.tallies[:1])
    pipeline = Pipeline(SYSTEM, plain, Reader(plain, live.store, live.clock), model)
    outcome = pipeline.rank(pipeline.ask(USER, None, {}, "r"))
    assert missing(outcome.answer.flags) == ("near",)
    assert not np.any(outcome.decision.sources["near"])
