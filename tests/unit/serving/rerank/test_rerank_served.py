"""Re-ranking in a running service: rules read what the request brings, exploration is logged and computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.online.reader import Reader
from heptad.serving.decision import decode, encode
from heptad.serving.pipeline import Pipeline
from heptad.serving.rerank.explore import explored
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.replay import Replay
from heptad.testing.tiny_service import START, Sale, past, tiny

USER = 3


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A reader that has seen the past."""
    plan, clock = tiny.plan, ReplayClock(START)
    with Log.open(tmp_path_factory.mktemp("live")) as log:
        store = MemoryStore(plan.state_hash)
        appender = Appender(plan, log, clock)
        Replay(appender, Applier(plan, log, store, appender), past(), clock).finish()
        yield Reader(plan, store, clock)


@pytest.fixture
def answers(deployed, scorer):
    """Ranks with these re-ranking steps."""

    def rank(*steps, user=USER, n=4, device=None, request_id="r1"):
        system = replace(tiny, serving=replace(tiny.serving, rerank=list(steps)))
        assert system.plan.hash == tiny.plan.hash  # rules are no features: a model stays what it is
        pipeline = Pipeline(system, system.plan, deployed, scorer)
        pipeline.warm()
        outcome = pipeline.rank(pipeline.ask(user, n, {"device": device}, request_id))
        assert outcome.error is None
        return outcome

    return rank


def column(decision, name):
    return decision.features[name][decision.shown].tolist()


def test_a_rule_reads_columns_of_the_request_and_of_the_candidates(answers):
    cheap = hp.Block((Sale.device == "web") & (hp.col("price") > 12))
    for device, blocked in (("web", True), ("app", False), (None, False)):
        outcome = answers(hp.Unseen(), cheap, n=12, device=device)
        assert (max(column(outcome.decision, "price")) <= 12) == blocked
        assert outcome.answer.propensities == []


def test_a_rule_reads_the_item_and_the_time_of_the_request(answers):
    plain = answers(hp.Unseen(), n=12).answer.items
    hour = hp.hour() >= 0
    assert (
        answers(hp.Unseen(), hp.Block((hp.col("product") == plain[0]) & hour), n=12).answer.items == plain[1:]
    )
    assert answers(hp.Unseen(), hp.Pin(plain[3], 1), n=12).answer.items[0] == plain[3]


def test_scores_are_those_before_re_ranking(answers):
    plain = answers(hp.Unseen(), n=12)
    boosted = answers(hp.Unseen(), hp.Boost(hp.col("maker") == "bolt", 100.0), n=12)
    makers = column(boosted.decision, "maker")
    assert makers == sorted(makers, key=lambda maker: maker != "bolt")
    of = dict(zip(plain.answer.items, plain.answer.scores, strict=True))
    assert boosted.answer.scores == [of[item] for item in boosted.answer.items]


def test_what_is_shown_is_logged_with_its_propensity_and_computed_again(answers):
    step = hp.Explore([1, 3], epsilon=0.7)
    plain = answers(hp.Unseen(), hp.Cap("maker", 3), n=12)
    others = set()
    for number in range(40):
        outcome = answers(hp.Unseen(), hp.Cap("maker", 3), step, request_id=f"r{number}")
        decision = decode(encode(outcome.decision))
        order = np.array(plain.decision.shown, np.int64)
        again, propensities = explored(step, order, decision.scores, np.empty(0, np.int64), 4, f"r{number}")
        assert decision.shown == again.tolist()
        assert decision.propensities.tobytes() == propensities.tobytes()
        assert outcome.answer.propensities == propensities.tolist()
        assert set(outcome.answer.items) <= set(plain.answer.items)  # all that is shown has passed the cap
        others |= set(outcome.answer.items) - set(plain.answer.items[:4])
    assert len(others) > 2


def test_exploration_shows_nothing_blocked_seen_or_in_place_of_a_pin(answers):
    blocked = hp.Block(hp.col("maker") == "acme")
    pinned = answers(hp.Unseen(), blocked, n=12).answer.items[-1]
    for number in range(30):
        outcome = answers(
            hp.Pin(pinned, 2),
            hp.Unseen(),
            blocked,
            hp.Explore([1, 2, 3, 4], epsilon=1.0),
            request_id=f"r{number}",
        )
        assert "acme" not in column(outcome.decision, "maker")
        assert not set(outcome.answer.items) & set(outcome.decision.history)
        assert outcome.answer.items[1] == pinned
        assert outcome.answer.propensities[1] == 1.0


def test_a_fallback_is_not_explored(answers):
    outcome = answers(hp.Explore([1], epsilon=1.0), user="nobody")
    assert outcome.answer.flags == {"fallback": "unknown user"}
    assert outcome.answer.propensities == []
    assert outcome.decision.propensities.tolist() == []
