"""A thousand random decisions of a replay come out of the log again, to the last bit: a ranking's and a review's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.lifecycle.pairs import pairs_of
from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.task import split_at, task_of
from heptad.lifecycle.training import Effort
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.run.history import load_history
from heptad.run.profile import load_profile
from heptad.run.progress import Silent
from heptad.run.replay import deployment, on_time, with_late_ones
from heptad.run.served import context_names
from heptad.run.target import load_target
from heptad.run.why.again import Models, again, rows_of
from heptad.run.why.compare import differences
from heptad.run.why.recall import Recall
from heptad.run.why.why import why
from heptad.serving.decision import decode, encode
from heptad.serving.desk import Desk
from heptad.serving.kept import kept
from heptad.serving.prediction_log import PredictionLog
from heptad.streams.log import Log
from heptad.testing import looks, world

pytestmark = pytest.mark.slow
RANDOM = 1_000


def served(target, history, directory, cut, most):
    """Serve ``most`` requests after the cut in virtual time, beside the events that come in, some of them late."""
    system, task = target.system, task_of(target.system)
    trained = task.train(history, system, cut, effort=Effort(400, 10))
    registry, lineage = Registry(directory / "registry"), Lineage("d", system.plan.hash, "c", cut)
    found = scorer_of(history, trained)
    version = registry.register(target.name, found.save, metrics={}, lineage=lineage, time=cut)
    asked = task.requests(history, system, history.end)
    after = np.flatnonzero(asked.t >= cut)
    chosen = np.sort(np.random.default_rng(1).choice(after, min(most, len(after)), replace=False)).tolist()
    rows = with_late_ones(system.plan, on_time(history))
    scorer = replace(found, version=version.name)
    with deployment(target, system.plan, rows, scorer, directory / "live") as live:
        fields = context_names(system.plan, live.pipeline.shape)
        for number in chosen:
            live.replay.advance_to(int(asked.t[number]))
            context = {
                name: column.values[number].item()
                if isinstance(column.values[number], np.generic)
                else column.values[number]
                for name, column in asked.context.items()
                if name in fields and column.valid[number]
            }
            if isinstance(live.pipeline, Desk):
                one = live.pipeline.ask(context, f"r{number}", str)
            else:
                one = live.pipeline.ask(asked.user[number].item(), None, context, f"r{number}")
            live.predictions.append(live.pipeline.rank(one).decision, live.clock.now())
        live.replay.finish()
    return registry


def reproduced(target, registry, directory):
    """How many decisions come out again, from all their values and from digests; all of them, and flagged ones."""
    system = target.system
    with PredictionLog.open(directory / "predictions", readonly=True) as log:
        decisions = list(log.read())
    models, same = Models(registry, target.name, system.plan), 0
    with Log.open(directory / "log", readonly=True) as log:
        asked = [row for decision in decisions for row in rows_of(decision, system)]
        recall = Recall(system.plan, system.plan, log, log.end, asked, Silent())
        for decision in decisions:
            found = again(system, recall, decision, models.get(decision.model_version))
            served = decode(encode(kept(decision)))  # as a server logs it
            same += found is not None and not [*differences(decision, found), *differences(served, found)]
    return same, len(decisions), sum(bool(decision.flags) for decision in decisions)


def test_a_thousand_rankings(tmp_path):
    target = world.target(world.world())
    registry = served(target, world.history(target.system.plan), tmp_path, world.CUT, RANDOM)
    same, every, flagged = reproduced(target, registry, tmp_path / "live")
    assert (same, every) == (RANDOM, RANDOM)
    assert 0 < flagged < RANDOM / 5  # newcomers, whom popular items answered
    profile = replace(
        world.profile(target.system, tmp_path), log=tmp_path / "live" / "log", registry=registry.root
    )
    told = why(target, profile, None, progress=Silent())
    assert told["says"] == "reproduced: every bit"


def test_rankings_with_trending_items(tmp_path):
    """What trended is counted from the states when it is served, and from the log when it is explained."""
    sources = [hp.EASE(20, penalty=20.0), hp.Trending(10, over="3d"), hp.Trending(10, over="9h", name="now")]
    serving = replace(world.STEPS["serving"], candidates=[*sources, hp.Popular(20)])
    target = world.target(world.world(serving=serving))
    served(target, world.history(target.system.plan), tmp_path, world.CUT, 150)
    same, every, _ = reproduced(target, Registry(tmp_path / "registry"), tmp_path / "live")
    assert (same, every) == (150, 150)
    with PredictionLog.open(tmp_path / "live" / "predictions", readonly=True) as log:
        ranked = [decision.sources for decision in log.read() if not decision.flags]
    assert all((one["now"] <= one["trending"]).all() for one in ranked)
    assert all((one["trending"] <= one["popular"]).all() for one in ranked)
    for some, more in (("now", "trending"), ("trending", "popular")):
        assert any((one[some] < one[more]).any() and one[some].any() for one in ranked)


def test_rankings_with_the_nearest(tmp_path):
    """Vectors that come, change and go are followed from the states when served, and from the log when explained."""
    target = world.target(looks.system())
    history = looks.history(target.system.plan)
    served(target, history, tmp_path, world.CUT, 150)
    same, every, _ = reproduced(target, Registry(tmp_path / "registry"), tmp_path / "live")
    assert (same, every) == (150, 150)
    with PredictionLog.open(tmp_path / "live" / "predictions", readonly=True) as log:
        ranked = [decision for decision in log.read() if not decision.flags]
    assert len({int((one.sources["near"] != 0).sum()) for one in ranked}) > 2
    requests = task_of(target.system).requests(history, target.system, history.end)
    asked = {f"r{number}": number for number in range(len(requests))}
    chosen = np.isin(np.arange(len(requests)), [asked[one.request_id] for one in ranked])
    model = Models(Registry(tmp_path / "registry"), target.name, target.system.plan).get("v0001")
    pairs = pairs_of(history, target.system, model.sources, requests.select(chosen))
    agree = 0
    for place, one in enumerate(ranked):
        mine = pairs.request == place
        offline = dict(zip(pairs.item[mine].tolist(), pairs.scores["near"][mine].tolist(), strict=True))
        online = dict(zip(one.items, one.sources["near"].tolist(), strict=True))
        agree += all(offline[item] == online[item] for item in offline.keys() & online.keys())
    assert agree >= 0.95 * len(ranked)  # one event in a hundred came late, so some histories were others


def test_a_thousand_reviews(tmp_path):
    target = load_target("heptad.testing.tills.system:tills")
    history = load_history(target.system.plan, load_profile(target)).history
    registry = served(target, history, tmp_path, split_at(history, target.system), RANDOM)
    same, every, _ = reproduced(target, registry, tmp_path / "live")
    assert (same, every) == (RANDOM, RANDOM)
    profile = replace(load_profile(target), log=tmp_path / "live" / "log", registry=registry.root)
    told = why(target, profile, None, progress=Silent())
    assert told["decision"]["p"] == told["decision"]["p"]
    log_odds = next(iter(told["contributions"].values()))
    assert set(log_odds["columns"]) <= set(next(iter(told["features"].values())))
