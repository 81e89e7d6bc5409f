"""Impressions and outcomes that clients post become the rows of the obvious join, also across restarts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DataError, DeclarationError
from heptad.lifecycle.feedback import difference, feedback, learned_from, recomputed, rows_to_learn
from heptad.lifecycle.retrain import challenge
from heptad.lifecycle.training import Effort
from heptad.models.encoder import Encoder
from heptad.models.logistic import Logistic
from heptad.registry.registry import Registry
from heptad.retrieval.fit import fit_retriever
from heptad.run.feedback import decisions_of, feedback_of
from heptad.run.profile import Profile
from heptad.serving.intake import LocalIntake
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.state.open import open_store
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing.tiny_service import tiny
from heptad.times import HOUR, MINUTE, instant

START = instant("2026-01-01T00:00:00Z")
ITEMS = [f"i{number}" for number in range(8)]


class View(hp.Event):
    view: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    request: hp.RequestId | None


class Buy(hp.Event):
    buy: hp.Key
    ts: hp.Time
    seen: hp.Ref[View]


bought = hp.label(View, followed_by=Buy, within="30m")

shop = hp.System(
    requirements=hp.Requirements(
        p99="50ms", candidates=6, qps=20, freshness="1s", shown=3, kpi=hp.KPI("buys", hp.count(where=bought))
    ),
    framing=hp.Ranking(item=View.item, user=View.user, objective=hp.LogLoss(bought)),
    data=hp.Data(
        dynamic=dict(
            had=View.per("user").last("item", n=20), views=View.per("item").count("1h", "all"),
            mine=View.per("user").count("all"),
        ),
        contextual=dict(popular=hp.source_score("popular")),
    ),
    model=hp.Logistic(),
    evaluation=hp.Evaluation(hp.TimeSplit(test="1h"), gate=[hp.ece < 0.5]),
    serving=hp.Serving(candidates=[hp.Popular(6)], history="had", fallback=hp.Popular(6)),
    monitoring=hp.Monitoring(),
)  # fmt: skip


def scorer():
    draw, kinds = np.random.default_rng(0), {c.name: c.holds for c in shop.plan.columns if c.name != "had"}
    columns = {name: draw.integers(0, 9, 60).astype(float) for name in kinds}
    encoder = Encoder.fit(columns, kinds, START)
    model = Logistic().fit(encoder.transform(columns), (columns["mine"] > 4).astype(float))
    sources = fit_retriever(shop.retrieval.candidates, [1], ["i0"], trained_through=START, total=6)
    return Scorer(encoder, model, sources, shop.plan.hash, version="v")


class Client:
    """Posts, asks and posts what was shown and bought; ``rows`` are what a join of its notes must give."""

    def __init__(self, home):
        self.home, self.numbers, self.now, self.rows = home, iter(range(10**6)), START, []
        self.scorer, self.asked = scorer(), []
        self.open()

    def open(self):
        """A service on what is on disk: the first, or after a restart."""
        clock, store = (
            ReplayClock(self.now),
            open_store(f"embedded:{self.home / 'state'}", shop.plan.state_hash),
        )
        self.service = Service(
            shop, shop.plan, intake=LocalIntake(shop.plan, Log.open(self.home / "log"), store, clock),
            store=store, clock=clock, scorer=self.scorer, deadline=HOUR,
            predictions=PredictionLog.open(self.home / "predictions"),
        )  # fmt: skip

    def view(self, user, item, request=None):
        number, self.now = next(self.numbers), self.now + MINUTE
        row = {"view": number, "ts": self.now, "user": user, "item": item, "request": request}
        self.service.post("View", [row]).result()
        return number

    def buy(self, view):
        self.now += MINUTE
        self.service.post("Buy", [{"buy": next(self.numbers), "ts": self.now, "seen": view}]).result()

    def ask(self, user, buys=()):
        """A request whose items are seen; those at places ``buys`` are bought."""
        answer = self.service.rank(self.service.ask(user, None, None))
        for place, item in enumerate(answer.items):
            view = self.view(user, item, answer.request_id)
            if place in buys:
                self.buy(view)
            if not answer.flags:
                self.rows.append((answer.t, answer.request_id, item, answer.offsets[0], float(place in buys)))
        self.asked.append(answer)
        return answer


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    one = Client(tmp_path_factory.mktemp("shop"))
    for number, item in enumerate(ITEMS * 2):
        one.view(number % 4, item)  # from a page without ranking: no request
    for number in range(6):
        one.ask(number % 4, buys=[number % 3])
    one.service.drain()
    one.open()
    for number in range(6):
        one.ask(number % 4, buys=[0, 2])
    one.ask(77)  # a newcomer, whom popular items answer
    one.view(1, "elsewhere", one.asked[0].request_id)
    one.view(1, "i1", "never-logged")
    again = one.view(1, one.asked[0].items[1], one.asked[0].request_id)  # seen twice, bought the second time
    one.buy(again)
    one.service.drain()
    return one


def found_by(client, now):
    profile = Profile("dev", client.home, "replay", client.home / "log", "memory:", client.home, {})
    return feedback_of(shop, profile, now)


def plain(found):
    rows = zip(
        found.t.tolist(), found.request, found.item, found.o.tolist(), found.label.tolist(), strict=True
    )
    return sorted(rows)


def test_rows_are_the_obvious_join_across_a_restart(client):
    _, found = found_by(client, client.now + HOUR)
    expected = list(client.rows)
    t, request, item, o, _ = expected[1]
    expected[1] = (t, request, item, o, 1.0)  # the item that was seen again
    assert plain(found) == sorted(expected)
    assert {row[4] for row in expected} == {0.0, 1.0}
    report = found.report
    assert (report.lost, report.not_shown, report.repeated, report.unsettled) == (1, 1, 1, 0)
    assert report.unmodelled == len(client.asked[-1].items)
    counted = report.rows + report.lost + report.not_shown + report.repeated + report.unmodelled
    assert counted == report.impressions


def test_asked_again_it_gives_the_same(client):
    (_, one), (_, two) = (found_by(client, client.now + HOUR) for _ in range(2))
    assert (plain(one), one.report) == (plain(two), two.report)


def test_rows_wait_for_their_attribution_window(client):
    last = max(row[0] for row in client.rows)
    _, found = found_by(client, last)
    assert 0 < len(found) < len(client.rows)
    assert found.report.unsettled > 0
    settled = set(plain(found))
    assert {row[:4] for row in settled} <= {row[:4] for row in client.rows}


def test_what_was_served_is_what_the_log_says(client):
    history, found = found_by(client, client.now + HOUR)
    said = difference(found, recomputed(history, shop, found))
    assert said.differ == {}
    assert said.compared == len(found) * len(found.logged)
    found.logged["mine"][3] += 1
    assert difference(found, recomputed(history, shop, found)).differ == {"mine": 1}


def test_a_row_is_as_of_its_request_and_not_of_its_impression(client):
    """Each impression comes a minute after the one before it: later ones would see the earlier."""
    history, found = found_by(client, client.now + HOUR)
    values = recomputed(history, shop, found)
    for request in set(found.request):
        own = np.array([one == request for one in found.request])
        assert len(set(values["mine"][own].tolist())) == 1


@pytest.mark.parametrize("logged", [False, True])
def test_a_model_learns_from_recomputed_or_logged_features(client, logged):
    history, found = found_by(client, client.now + HOUR)
    rows = rows_to_learn(history, shop, found, logged=logged)
    assert len(rows.pairs.requests) == len(set(found.request))
    np.testing.assert_array_equal(rows.pairs.t, found.t)
    assert 0 < rows.held_out.sum() < len(found)
    trained = learned_from(history, shop, found, client.now, logged=logged)
    assert np.isfinite(trained.predictor.predict(rows.columns)).all()


@pytest.mark.parametrize("logged", [False, True])
def test_a_challenger_learns_from_feedback_and_says_how_the_logged_features_differ(client, tmp_path, logged):
    profile = Profile("dev", client.home, "replay", client.home / "log", "memory:", client.home, {})
    history, found = feedback_of(shop, profile, client.now + HOUR)
    champion = learned_from(history, shop, found, client.now)
    attempt = challenge(
        Registry(tmp_path), "shop", shop, history, champion, now=client.now + HOUR, held_back=HOUR + 20 * MINUTE,
        effort=Effort(200, 10), reason="feedback", decisions=decisions_of(profile), logged=logged,
    )  # fmt: skip
    assert attempt.version.name == "v0001"
    assert attempt.report.rows == len(attempt.trained.rows.pairs) > 0
    assert attempt.difference.differ == {}


def test_a_damaged_order_of_decisions_does_not_matter(client):
    history, found = found_by(client, client.now + HOUR)
    profile = Profile("dev", client.home, "replay", client.home / "log", "memory:", client.home, {})
    backwards = list(decisions_of(profile))[::-1]
    assert plain(feedback(history, shop, backwards, client.now + HOUR)) == plain(found)


def test_an_impression_without_a_request_is_refused_by_name(client):
    history, _ = found_by(client, client.now)
    with pytest.raises(DataError, match=r"hp\.RequestId"):
        feedback(replace(history, batches={"Sale": replaced(history)}), tiny, [], 0)


def replaced(history):
    from heptad.plan.batch import batch_of

    return batch_of(tiny.plan.stream("Sale"), [], [])


def test_an_event_comes_from_one_request():
    with pytest.raises(DeclarationError, match=r"at most one column of hp\.RequestId"):

        class Twice(hp.Event):
            ts: hp.Time
            one: hp.RequestId
            two: hp.RequestId
