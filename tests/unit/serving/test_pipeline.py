"""A ranking is retrieval, one read, the model and the rerank steps at one moment; or a flagged fallback."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heptad as hp
from heptad.declare.types import Kind
from heptad.errors import DataError, PlanError
from heptad.models.wrapped import Wrapped
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import column_of
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.fit import untrained
from heptad.run.why.compare import differences as of_decisions
from heptad.serving.answer import NO_FEATURES, NO_MODEL, UNKNOWN_USER, missing
from heptad.serving.decision import decode, encode
from heptad.serving.pipeline import Pipeline
from heptad.serving.values import joined
from heptad.state.open import open_store
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.streams.replay import Replay
from heptad.testing.compare import differences
from heptad.testing.tiny_service import PRODUCTS, START, USERS, Sale, past, request, tiny
from heptad.times import HOUR, default_hop

USER = 3


class Live:
    """A deployment that has seen the past, in memory."""

    def __init__(self, directory, declaration=tiny, store=None):
        self.declaration, self.plan = declaration, declaration.plan
        self.clock, self.log = ReplayClock(START), Log.open(directory / "log")
        self.store = store or MemoryStore(self.plan.state_hash)
        appender = Appender(self.plan, self.log, self.clock)
        applier = Applier(self.plan, self.log, self.store, appender)
        self.replay = Replay(appender, applier, past(), self.clock)
        self.reader = Reader(self.plan, self.store, self.clock)

    def pipeline(self, scorer):
        fitting = None if scorer is None else replace(scorer, plan_hash=self.plan.hash)
        return Pipeline(self.declaration, self.plan, self.reader, fitting)

    def counts(self):
        with self.reader.open() as session:
            known = session.counts()
        return dict(zip(known.values, known.counts.tolist(), strict=True))

    def logged(self):
        return Codec(self.plan).logged(self.log.read_columns(0, self.log.end))


@pytest.fixture
def live(tmp_path):
    live = Live(tmp_path)
    live.replay.finish()
    yield live
    live.log.close()


def rank(pipeline, user=USER, n=None, context=None):
    return pipeline.rank(pipeline.ask(user, n, context, "r1"))


def with_trending(scorer, over):
    """The scorer with a source that counts events in a window."""
    found, retriever = hp.Trending(3, over), scorer.retriever
    sources = {**retriever.sources, "trending": Quota(untrained(found, retriever.index), found.n)}
    return replace(scorer, retriever=Retriever(sources, retriever.index, retriever.total))


def trending_in(over):
    """The tiny system with a trending source."""
    candidates = [*tiny.serving.candidates, hp.Trending(3, over)]
    names = ("requirements", "framing", "data", "model", "evaluation", "monitoring")
    steps = {name: getattr(tiny, name) for name in names}
    return hp.System(**steps, serving=replace(tiny.serving, candidates=candidates))


def test_what_trends_is_counted_in_its_window_as_of_the_moment(tmp_path, scorer):
    live = Live(tmp_path, trending_in("3h"))
    pipeline = live.pipeline(with_trending(scorer, "3h"))
    seen = set()
    for _ in range(60):
        live.clock.advance_to(live.clock.now() + HOUR // 3)
        live.replay.advance_to(live.clock.now())
        outcome = rank(pipeline)
        decision, hop = outcome.decision, default_hop(3 * HOUR)
        if outcome.answer.flags:
            continue
        begin = (decision.t - 3 * HOUR) // hop * hop
        sold = [r.row["product"] for r in live.logged() if begin <= r.row.get("ts", 0) < decision.t]
        scores = dict(zip(decision.items, decision.sources["trending"].tolist(), strict=True))
        assert scores == {item: float(sold.count(item)) for item in decision.items}
        seen |= set(scores.values())
    live.log.close()
    assert len(seen) > 2


def test_a_model_of_another_window_is_served_without_what_trended(live, scorer):
    pipeline = live.pipeline(with_trending(scorer, "3h"))  # the declaration has no trending source
    pipeline.warm()
    outcome = rank(pipeline)
    assert missing(outcome.answer.flags) == ("trending",)
    assert not outcome.decision.sources["trending"].any()
    assert len(outcome.answer.items) == tiny.requirements.shown


def test_the_answer_is_the_obvious_composition_of_its_parts(live, scorer):
    outcome = rank(live.pipeline(scorer), context={"device": "web"})
    had = live.reader.read(request(live.plan, USER, ["p00"]), 1).values["had"][0]
    counts = live.counts()
    aligned = np.zeros(len(scorer.retriever.index))
    aligned[scorer.retriever.index.places(list(counts))] = list(counts.values())
    found = scorer.retriever.retrieve([had], [had], aligned)
    asked = request(live.plan, USER, found.items.tolist())
    asked["device"] = asked["device"]._replace(
        values=np.full(len(found.items), "web", object), valid=np.ones(len(found.items), bool)
    )
    for name, scores in found.columns().items():
        asked[name] = asked["amount"]._replace(values=scores, valid=np.ones(len(scores), bool))
    columns = live.reader.read(asked, len(found.items)).values
    p = scorer.probability(scorer.encode(columns))
    best, taken = [], {}
    for place in np.argsort(-p, kind="stable").tolist():
        maker = columns["maker"][place]
        taken[maker] = taken.get(maker, 0) + 1
        if taken[maker] <= 2 and len(best) < 4:
            best.append(place)
    assert outcome.error is None
    assert outcome.answer.items == found.items[best].tolist()
    assert outcome.answer.p == outcome.answer.scores == p[best].tolist()
    assert not set(outcome.answer.items) & set(had)
    assert outcome.answer.flags == {}
    assert (outcome.answer.model_version, outcome.answer.plan_hash) == ("tiny", tiny.plan.hash)
    assert set(outcome.answer.took_us) == {"history", "candidates", "features", "model", "rerank"}


def test_every_logged_value_is_what_the_oracle_says_at_its_t_and_o(live, scorer):
    pipeline = live.pipeline(scorer)
    decisions = []
    for t in range(START, START + 4 * 3_600_000_000, 1_777_000_000):  # in between, events come in
        live.replay.advance_to(t)
        decisions.append(decode(encode(rank(pipeline, context={"device": "web"}).decision)))
    oracle = Oracle(live.plan, live.logged())
    compared = 0
    for decision in decisions:
        for place, product in enumerate(decision.items if decision.columns else ()):
            asked = {"user": USER, "product": product, "device": "web"}
            asked |= {f"score:{name}": scores[place] for name, scores in decision.sources.items()}
            expected = oracle.read(asked, decision.t, decision.offsets[0])
            assert list(expected.pop("had")) == decision.history
            assert differences(expected, {n: c[place] for n, c in decision.features.items()}) == []
            events = zip(live.logged(), oracle.verdicts, strict=True)
            counted = sum(
                r.stream == "Sale" and v == "accepted" and r.row["product"] == product
                and r.row["ts"] < decision.t and r.offset < decision.offsets[0]
                for r, v in events
            )  # fmt: skip
            assert decision.sources["popular"][place] == counted
            compared += 1
    assert compared > 20


def test_an_unknown_user_gets_popular_items_flagged(live, scorer):
    outcome = rank(live.pipeline(scorer), user="nobody", n=5)
    counts = live.counts()
    expected = sorted(PRODUCTS, key=lambda product: (-counts.get(product, 0), product))[:5]
    assert outcome.answer.flags == {"fallback": UNKNOWN_USER}
    assert outcome.answer.items == expected
    assert outcome.answer.scores == [counts[product] for product in expected]
    assert np.isnan(outcome.answer.p).all()
    assert outcome.answer.t == live.clock.now()
    assert outcome.decision.columns == []


def test_before_any_event_the_fallback_proposes_the_trained_items(tmp_path, scorer):
    live = Live(tmp_path)
    answer = rank(live.pipeline(scorer)).answer
    live.log.close()
    assert answer.items == list(PRODUCTS[:4])
    assert answer.scores == [0.0] * 4


def test_without_a_model_the_fallback_leaves_out_what_the_user_has(live):
    outcome = rank(live.pipeline(None), n=8)
    assert outcome.answer.flags == {"fallback": NO_MODEL}
    assert outcome.answer.model_version == "none"
    assert outcome.decision.history
    assert not set(outcome.answer.items) & set(outcome.decision.history)


class Overconfident:
    """An estimator whose probabilities are none."""

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.full(len(x), 2.0)


def test_a_failing_model_is_flagged_and_reported(live, scorer):
    broken = Wrapped(Overconfident()).fit(np.zeros((2, 1)), np.array([0.0, 1.0]))
    outcome = rank(live.pipeline(replace(scorer, classifier=broken)))
    assert outcome.answer.flags == {"fallback": NO_MODEL}
    assert len(outcome.answer.items) == 4
    assert "probabilities" in str(outcome.error)


def same(one, other):
    """Whether two outcomes are alike to the last bit, but for the time they took."""
    plain = [replace_took(outcome.answer) for outcome in (one, other)]
    return plain[0] == plain[1] and not of_decisions(one.decision, other.decision)


def replace_took(answer):
    p = ["null" if value != value else value for value in answer.p]
    return msgspec.structs.replace(answer, took_us={}, p=p)


WHO = st.tuples(
    st.sampled_from([*USERS, 999, "nobody"]), st.sampled_from([None, 1, 3]), st.sampled_from([None, {}, {"device": "web"}])
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=st.lists(WHO, min_size=1, max_size=5))
def test_answered_together_each_is_what_it_is_alone(live, scorer, who):
    pipeline = live.pipeline(scorer)
    asked = [pipeline.ask(*one, f"r{place}") for place, one in enumerate(who)]
    together = pipeline.rank_all([pipeline.begin(one) for one in asked])
    for one, outcome in zip(asked, together, strict=True):
        assert outcome.error is None
        assert same(outcome, pipeline.rank(one))


class Choosy:
    """A model that takes rows of few requests only, and counts how often it is asked."""

    def __init__(self, model, most):
        self._model, self._most, self.asked = model, most, 0

    def predict_proba(self, x):
        self.asked += 1
        if len(x) > self._most:
            raise ValueError("too many")
        return self._model.predict_proba(x)


def test_where_a_part_fails_for_some_each_is_answered_alone(live, scorer):
    alone = live.pipeline(scorer)
    asked = [alone.ask(user, None, None, f"r{user}") for user in USERS[:3]]
    expected = [alone.rank(one) for one in asked]
    most = max(len(outcome.decision.items) for outcome in expected)
    pipeline = live.pipeline(replace(scorer, classifier=Choosy(scorer.classifier, most)))
    found = pipeline.rank_all([pipeline.begin(one) for one in asked])
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))
    pipeline = live.pipeline(replace(scorer, classifier=Choosy(scorer.classifier, 0)))
    for outcome in pipeline.rank_all([pipeline.begin(one) for one in asked]):
        assert outcome.answer.flags == {"fallback": NO_MODEL}
        assert str(outcome.error) == "too many"


def test_requests_that_send_different_columns_are_answered_by_one_call_of_the_model(live, scorer):
    counting = Choosy(scorer.classifier, 10_000)
    pipeline = live.pipeline(replace(scorer, classifier=counting))
    contexts = ({"device": "web"}, {"amount": 3.0}, None)
    asked = [pipeline.ask(user, None, sent, f"r{user}") for user, sent in zip(USERS, contexts, strict=False)]
    together = pipeline.rank_all([pipeline.begin(one) for one in asked])
    assert counting.asked == 1
    assert all(same(one, pipeline.rank(other)) for one, other in zip(together, asked, strict=True))


def test_columns_of_several_types_are_not_read_together():
    one, other = ({"user": column_of([value], Kind.ID)} for value in (1, "a"))
    assert joined([one, one])["user"].values.tolist() == [1, 1]
    assert joined([one, {}]) == {}
    with pytest.raises(DataError, match="values of one type"):
        joined([one, other])


def test_a_dead_store_is_flagged_and_reported(tmp_path, scorer):
    store = open_store(f"embedded:{tmp_path / 'state'}", tiny.plan.state_hash)
    live = Live(tmp_path, store=store)
    live.replay.finish()
    pipeline = live.pipeline(scorer)
    rank(pipeline)
    store.close()
    outcome = rank(pipeline)
    live.log.close()
    assert outcome.answer.flags == {"fallback": NO_FEATURES}
    assert outcome.answer.t is None
    assert len(outcome.answer.items) == 4  # from memory, the counts of the last read
    assert outcome.answer.scores[0] > 0
    assert outcome.error is not None


def test_a_scorer_of_another_plan_is_refused(live, scorer):
    with pytest.raises(PlanError, match="tiny"):
        Pipeline(tiny, live.plan, live.reader, replace(scorer, plan_hash="other"))


def test_the_score_may_weigh_the_probability_by_a_column(tmp_path, scorer):
    data = replace(tiny.data, contextual=dict(tiny.data.contextual) | {"amount": Sale.amount})
    framing = replace(tiny.framing, objective=hp.LogLoss(hp.label(Sale)), score=hp.p * Sale.amount)
    live = Live(tmp_path, replace(tiny, data=data, framing=framing))
    live.replay.finish()
    pipeline = live.pipeline(scorer)
    weighed, unweighed = (rank(pipeline, context=given).answer for given in ({"amount": 2.5}, {}))
    live.log.close()
    assert weighed.scores == [2.5 * p for p in weighed.p]
    assert unweighed.scores == [0.0] * 4  # no value, no worth


def test_a_key_that_only_the_client_knows_is_asked_for(tmp_path, scorer):
    data = replace(
        tiny.data, dynamic=dict(tiny.data.dynamic) | {"device_sales": Sale.per("device").count("all")}
    )
    live = Live(tmp_path, replace(tiny, data=data))
    live.replay.finish()
    kinds = {("device_sales" if n == "user_sales_1d" else n): k for n, k in scorer.encoder.kinds.items()}
    named = replace(scorer, encoder=replace(scorer.encoder, kinds=kinds))
    pipeline = live.pipeline(named)
    pipeline.warm()
    with pytest.raises(DataError, match="device"):
        pipeline.ask(USER, None, {}, "r1")
    live.log.close()


@pytest.mark.parametrize(
    ("user", "n", "context", "named"),
    [
        (None, None, None, "user"),
        (1.5, None, None, "user"),
        (2**63, None, None, "user"),
        (1, 0, None, "n: "),
        (1, 13, None, "1 to 12"),
        (1, 4, {"colour": "red"}, "context.colour"),
        (1, 4, {"device": 7}, "context.device"),
        (1, 4, {"product": "p01"}, "context.product"),
    ],
)
def test_a_request_a_client_must_mend(live, user, n, context, named):
    with pytest.raises(DataError, match=named):
        live.pipeline(None).ask(user, n, context, "r1")


def test_warm_leaves_no_trace(live, scorer):
    pipeline = live.pipeline(scorer)
    before = rank(pipeline).answer
    pipeline.warm()
    after = rank(pipeline).answer
    assert (before.items, before.scores) == (after.items, after.scores)
