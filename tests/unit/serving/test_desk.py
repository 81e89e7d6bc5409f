"""A classification's service: the decision is made before the event counts, and says how it came about."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import httpx
import pytest

from heptad.errors import DataError, StateError
from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.task import task_of
from heptad.lifecycle.training import Effort
from heptad.oracle.oracle import Oracle
from heptad.run.history import admitted
from heptad.run.served import served_of
from heptad.serving.desk import Desk
from heptad.serving.http import app
from heptad.serving.intake import LocalIntake
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.tills import data
from heptad.testing.tills.system import tills
from heptad.times import DAY, HOUR

NOW = data.START + 60 * DAY
BODY = {"card": 3, "till": 5, "amount": 40.0}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    history = admitted(tills.plan, {"Payment": data.payments(), "Theft": data.thefts()}).history
    cut = data.START + 40 * DAY
    trained = task_of(tills).train(history.before(cut), tills, cut, effort=Effort(requests=50))
    return replace(scorer_of(history, trained), version="v1")


@pytest.fixture
def desk_of(tmp_path):
    """Opens services under the test's directory; they are drained at its end."""
    opened = []

    def open_one(scorer, name="one"):
        store, clock = MemoryStore(tills.plan.state_hash), ReplayClock(NOW)
        intake = LocalIntake(tills.plan, Log.open(tmp_path / name / "log"), store, clock)
        service = Service(
            tills, tills.plan, intake=intake, store=store, clock=clock,
            predictions=PredictionLog.open(tmp_path / name / "predictions"), scorer=scorer,
        )  # fmt: skip
        opened.append(service)
        return service

    yield open_one
    for service in opened:
        service.drain()


def payment(n, **changes):
    return {"payment_id": n, "ts": NOW + n, **BODY} | changes


def test_a_decision_is_made_before_its_own_event_counts(desk_of, scorer, tmp_path):
    service = desk_of(scorer)
    for n in range(3):
        row = payment(n)
        service.rank(service.ask_about(row))
        service.post("Payment", [row]).result()
    service.drain()
    with PredictionLog.open(tmp_path / "one" / "predictions", readonly=True) as log:
        decisions = list(log.read())
    assert [d.request_id for d in decisions] == ["0", "1", "2"]
    assert [d.features["count_1d"].tolist() for d in decisions] == [[0.0], [1.0], [2.0]]
    assert [d.items for d in decisions] == [[0], [1], [2]]


def test_what_was_logged_is_what_the_oracle_says_of_the_log(desk_of, scorer, tmp_path):
    service = desk_of(scorer)
    for n in range(4):
        service.post("Payment", [payment(n, ts=NOW + n * HOUR)]).result()
    theft = {"theft_id": 1, "payment": 1, "ts": NOW + HOUR, "known_at": NOW + 9 * HOUR, "card": 3, "till": 5}
    service.post("Theft", [theft]).result()
    answer = service.rank(service.ask_about(BODY))
    desk = service._pipeline
    service.drain()
    with PredictionLog.open(tmp_path / "one" / "predictions", readonly=True) as log:
        (decision,) = log.read()
    with Log.open(tmp_path / "one" / "log") as log:
        records = Codec(tills.plan).logged(log.read_columns(0, log.end))
    read = served_of(desk, decision)
    known = Oracle(tills.plan, records).read(
        {name: values[0] for name, values in read.request.items()}, read.t, read.o
    )
    assert decision.features["told"].tolist() == [1.0]
    assert "amount" not in read.values  # the request brought it: it would be compared with itself
    assert {name: values[0] for name, values in read.values.items()} == {
        name: known[name] for name in read.values
    }
    assert answer.p == decision.p[0]


def test_a_rule_sends_to_review_whatever_the_probability(desk_of, scorer):
    service = desk_of(replace(scorer, threshold=1.0))
    low, high = (service.rank(service.ask_about(BODY | {"amount": amount})) for amount in (190.0, 190.1))
    assert (low.decision, low.rules) == ("pass", [])
    assert (high.decision, high.rules) == ("review", ["amount > 190"])


def test_the_threshold_sends_to_review(desk_of, scorer):
    p = desk_of(scorer).rank(desk_of(scorer, "other").ask_about(BODY)).p
    for name, threshold, decision in (("a", p, "review"), ("b", math.nextafter(p, 1), "pass")):
        service = desk_of(replace(scorer, threshold=threshold), name)
        assert service.rank(service.ask_about(BODY)).decision == decision


def test_without_a_model_the_rules_decide_and_the_answer_says_so(desk_of):
    service = desk_of(None)
    answer = service.rank(service.ask_about(BODY | {"amount": 500.0}))
    assert (answer.decision, answer.flags) == ("review", {"fallback": "model unavailable"})
    assert math.isnan(answer.p)


def test_a_store_that_fails_gives_the_prior_flagged(scorer):
    class Broken:
        def open(self, at=None):
            raise StateError("store", "one that answers", "none", "mend it")

    desk = Desk(tills, tills.plan, Broken(), scorer)
    outcome = desk.rank(desk.ask(BODY, "r", str))
    assert outcome.answer.flags == {"fallback": "features unavailable"}
    assert (outcome.answer.p, outcome.answer.decision) == (scorer.prior, "pass")
    assert isinstance(outcome.error, StateError)


@pytest.mark.parametrize(
    ("row", "thing"),
    [
        (BODY | {"colour": "red"}, "colour"),
        ({"card": 3, "amount": 4.0}, "till"),
        (BODY | {"amount": "much"}, "amount"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_its_column(desk_of, scorer, row, thing):
    with pytest.raises(DataError) as raised:
        desk_of(scorer).ask_about(row)
    assert raised.value.thing == thing


def test_each_shape_of_system_answers_on_its_own_path(desk_of, scorer):
    async def ask() -> None:
        transport = httpx.ASGITransport(app(desk_of(scorer)))
        async with httpx.AsyncClient(transport=transport, base_url="http://heptad") as client:
            found = (await client.post("/predict", json=payment(7))).json()
            assert (found["request_id"], found["model_version"]) == ("7", "v1")
            assert 0.0 < found["p"] < 1.0
            assert (await client.post("/rank", json={"user": 1})).status_code == 404
            columns = (await client.post("/features", json=BODY)).json()["columns"]
            assert columns["count_1d"] == [0.0]
            page = (await client.get("/")).text
            assert "/predict" in page
            assert "/rank" not in page

    asyncio.run(ask())


def test_a_scorer_comes_back_from_disk_with_its_threshold(scorer, tmp_path):
    scorer.save(tmp_path)
    again = Scorer.load(tmp_path, tills.plan.hash)
    assert (again.threshold, again.prior, again.retriever) == (scorer.threshold, scorer.prior, None)
    with pytest.raises(StateError, match="one of a ranking"):
        _ = again.sources
