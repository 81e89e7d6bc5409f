"""A fallback shows nothing that a block rule keeps out, where the facts are known; else it goes by what was seen last."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.errors import StateError
from heptad.online.reader import Reader
from heptad.run.progress import Silent
from heptad.run.why.again import Dead, again, rows_of
from heptad.run.why.compare import differences
from heptad.run.why.recall import Recall
from heptad.serving.pipeline import Pipeline
from heptad.serving.rerank.blocked import Blocked
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.replay import Replay
from heptad.testing.tiny_service import START, Sale, past, request, tiny
from heptad.times import DAY, MINUTE

BOLT = hp.Block(hp.col("maker") == "bolt")
ON_THE_WEB = hp.Block((Sale.device == "web") & (hp.col("price") > 12))
LATE = {"fallback": "too slow", "stage": "model"}


class Later:
    """A reader whose every moment is a minute after the one before."""

    def __init__(self, reader):
        self._reader, self.tallies, self.warm = reader, reader.tallies, reader.warm
        self.t = START + 30 * DAY

    @contextmanager
    def open(self):
        self.t += MINUTE
        with self._reader.open(self.t) as session:
            yield session


class Cut:
    """A reader that can be made to answer no more."""

    def __init__(self, reader):
        self._reader, self.dead, self.tallies, self.warm = reader, False, reader.tallies, reader.warm

    @contextmanager
    def open(self):
        if self.dead:
            raise StateError("the store", "an answer", "none", "look at it")
        with self._reader.open() as session:
            yield session


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    with Log.open(tmp_path_factory.mktemp("live")) as log:
        yield log


@pytest.fixture(scope="module")
def reader(log):
    """It has seen the past."""
    plan, clock = tiny.plan, ReplayClock(START)
    store = MemoryStore(plan.state_hash)
    appender = Appender(plan, log, clock)
    Replay(appender, Applier(plan, log, store, appender), past(), clock).finish()
    return Reader(plan, store, clock)


def system(*steps):
    return replace(tiny, serving=replace(tiny.serving, rerank=list(steps)))


@pytest.fixture
def pipeline(reader, scorer):
    def made(*steps, scorer=scorer, reader=reader):
        return Pipeline(system(*steps), tiny.plan, reader, scorer)

    return made


def asked(pipeline, user="nobody", n=8, device=None):
    return pipeline.ask(user, n, {"device": device}, "r1")


def facts(reader, items):
    """The maker and the price of each item, by one read of the plan."""
    found = reader.read(request(tiny.plan, 1, items), len(items)).values
    return list(zip(found["maker"].tolist(), found["price"].tolist(), strict=True))


def test_of_an_unknown_user(pipeline, reader):
    every = pipeline().rank(asked(pipeline())).answer.items
    kept = [item for item, (maker, _) in zip(every, facts(reader, every), strict=True) if maker != "bolt"]
    outcome = pipeline(BOLT).rank(asked(pipeline(BOLT)))
    assert outcome.answer.items == kept
    assert 0 < len(kept) < len(every)
    assert outcome.answer.flags == {"fallback": "unknown user"}
    assert outcome.error is None


@pytest.mark.parametrize("device", ["web", "app"])
def test_a_rule_reads_what_the_request_brings(pipeline, reader, device):
    every = pipeline().rank(asked(pipeline())).answer.items
    cheap = [item for item, (_, price) in zip(every, facts(reader, every), strict=True) if not price > 12]
    items = pipeline(ON_THE_WEB).rank(asked(pipeline(ON_THE_WEB), device=device)).answer.items
    assert items == (cheap if device == "web" else every)
    assert len(cheap) < len(every)


def failing(scorer, part):
    if part == "model unavailable":
        return replace(scorer, classifier=Dead())
    retriever = scorer.retriever
    broken = type("Broken", (type(retriever),), {"propose": Dead().predict_proba})
    return replace(scorer, retriever=broken(retriever.sources, retriever.index, retriever.total))


@pytest.mark.parametrize("part", ["model unavailable", "candidates unavailable"])
def test_where_the_model_or_the_candidates_fail(pipeline, scorer, reader, part):
    later = Later(reader)
    broken = pipeline(BOLT, scorer=failing(scorer, part), reader=later)
    outcome = broken.rank(asked(broken, user=3))
    assert outcome.decision.t == outcome.answer.t == later.t == START + 30 * DAY + 2 * MINUTE
    assert outcome.answer.flags == {"fallback": part}
    assert outcome.answer.items
    assert "bolt" not in {maker for maker, _ in facts(reader, outcome.answer.items)}


@pytest.mark.parametrize(("user", "part"), [("nobody", None), (3, "model unavailable")])
def test_the_decision_is_made_again_from_the_log(pipeline, scorer, log, user, part):
    live = pipeline(BOLT, hp.Unseen(), scorer=scorer if part is None else failing(scorer, part))
    decision = live.rank(asked(live, user=user, device="web")).decision
    declared = system(BOLT, hp.Unseen())
    recall = Recall(tiny.plan, tiny.plan, log, log.end, rows_of(decision, declared), Silent())
    found = again(declared, recall, decision, scorer)
    assert found is not None
    assert differences(decision, found) == []


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("looked_for", [3, "nobody"], ids=["a ranking", "a fallback"])
def test_where_nothing_can_be_read_items_are_blocked_that_were_when_last_seen(
    pipeline, reader, late, looked_for
):
    cut = Cut(reader)
    made = pipeline(BOLT, ON_THE_WEB, reader=cut)
    first = made.fall_back(asked(made), LATE).answer
    assert first.flags == LATE | {"blocks": "as last known"}
    assert first.items == pipeline().fall_back(asked(made), LATE).answer.items, "nothing was looked at yet"
    made.rank(asked(made, user=looked_for))
    if late:
        answer = made.fall_back(asked(made, device="web"), LATE).answer
        assert answer.flags == LATE | {"blocks": "as last known"}
    else:
        cut.dead = True
        answer = made.rank(asked(made, device="web")).answer
        assert answer.flags == {"fallback": "features unavailable", "blocks": "as last known"}
    looked = facts(reader, answer.items)
    assert "bolt" not in {maker for maker, _ in looked}
    assert any(price > 12 for _, price in looked), "what depends on the request is not known"


def test_the_last_look_counts_and_only_rules_of_items_are_remembered():
    of_items, of_users = hp.col("price") > 12, hp.col("user_sales_1d") > hp.col("price")
    rules = [hp.Unseen(), hp.Block(of_users), hp.Block(of_items), hp.Block(hp.hour() > 3), ON_THE_WEB]
    blocked, items = Blocked(rules, tiny.plan, Sale, "product"), np.array(["p00", "p01"], object)

    def noted(price):
        others = np.ones(2)
        blocked.note(items, [None, others, np.array(price), others, others])
        return blocked.remembered(np.array(["p02", "p01", "p00"], object)).tolist()

    assert noted([0.0, 0.0]) == [False, False, False]
    assert noted([1.0, 0.0]) == [False, False, True]
    assert noted([0.0, np.nan]) == [False, False, False]
    assert noted([0.0, 1.0]) == [False, True, False]
    assert not Blocked([hp.Unseen()], tiny.plan, Sale, "product")


@pytest.mark.parametrize(
    ("rule", "alone"),
    [
        (hp.col("maker") == "bolt", True),
        (hp.col("product") == "p01", True),
        (hp.col("product_sales_1d") > 3, True),
        (hp.col("mean_amount") > 3, False),
        (hp.col("taste") > 3, False),
        (hp.col("dearness") > 3, False),
        (hp.col("ease") > 3, False),
        ((hp.col("price") > 3) & (hp.weekday() == 1), False),
    ],
    ids=str,
)
def test_which_rules_are_of_items_alone(rule, alone):
    blocked, items = Blocked([hp.Block(rule)], tiny.plan, Sale, "product"), np.array(["p00"], object)
    blocked.note(items, [np.ones(1)])
    assert blocked.remembered(items).tolist() == [alone]


def test_without_rules_nothing_is_read(pipeline):
    made = pipeline(hp.Unseen())
    assert made.fall_back(asked(made), LATE).answer.flags == LATE
