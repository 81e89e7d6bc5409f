"""Contenders measured: top lists and the KPI against plain loops, metrics against hand-made cases, the gate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.lifecycle.comparison import compare, kpi_of, source_scores, top_lists
from heptad.lifecycle.evaluate import (
    MAIN,
    calibration_section,
    decide,
    evaluate,
    kpi_section,
    metrics_section,
    slice_section,
)
from heptad.lifecycle.pairs import Pairs, features_of
from heptad.lifecycle.prediction import Predictor
from heptad.lifecycle.requests import Requests
from heptad.lifecycle.retrain import CHAMPION
from heptad.testing import world as made


def pairs_of_lists(candidates, outcomes, scores=None):
    """Requests 0, 1, … with lists of candidates, and outcomes (request, item, label, value)."""
    n = len(candidates)
    of, item, label, value = (np.array(column) for column in zip(*outcomes, strict=True))
    requests = Requests(
        np.arange(n), np.arange(n), {}, of.astype(int), item, label.astype(float), value.astype(float)
    )
    request = np.repeat(np.arange(n), [len(items) for items in candidates])
    flat = np.array([item for items in candidates for item in items], np.int64)
    liked = {(of, item) for of, item, label, _ in outcomes if label}
    positive = [float(pair in liked) for pair in zip(request.tolist(), flat.tolist(), strict=True)]
    return Pairs(requests, request, flat, np.array(positive), scores or {}, np.ones(n, np.bool_))


CANDIDATES = st.lists(st.lists(st.integers(0, 9), max_size=8, unique=True), min_size=1, max_size=5)


@given(CANDIDATES, st.integers(1, 6), st.data())
def test_top_lists_are_the_sorted_candidates(candidates, depth, data):
    pairs = pairs_of_lists(candidates, [(0, 0, 1, 1)])
    score = np.array([data.draw(st.sampled_from([0.0, 0.5, 0.5, 2.0])) for _ in pairs.item])
    found = top_lists(pairs, pairs.item, score, depth)
    at = 0
    for row, items in zip(found.tolist(), candidates, strict=True):
        given_scores = dict(zip(items, score[at : at + len(items)].tolist(), strict=True))
        at += len(items)
        expected = sorted(items, key=lambda item: (-given_scores[item], item))[:depth]
        assert row == expected + [-1] * (depth - len(expected))


VALUES = st.one_of(st.integers(-3, 5).map(float), st.just(math.nan))


@given(CANDIDATES, st.integers(1, 4), st.data())
def test_the_kpi_adds_up_what_is_shown(candidates, shown, data):
    outcomes = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, len(candidates) - 1), st.integers(0, 12), st.sampled_from([0, 1]), VALUES
            ),
            min_size=1,
            max_size=10,
            unique_by=lambda outcome: outcome[:2],
        )
    )
    pairs = pairs_of_lists(candidates, outcomes)
    lists = top_lists(pairs, pairs.item, -np.arange(len(pairs)).astype(float), shown)
    unsettled = {of for of, _, _, value in outcomes if math.isnan(value)}
    total = sum(
        value for of, item, _, value in outcomes if of not in unsettled and item in candidates[of][:shown]
    )
    found = kpi_of(pairs, lists, pairs.requests.item)
    settled = len(candidates) - len(unsettled)
    if settled:
        assert found == pytest.approx(1000 * total / settled)
    else:
        assert math.isnan(found)


def test_metrics_and_kpi_of_a_case_by_hand():
    system = made.world()  # shows five
    candidates = [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3]]
    outcomes = [(0, 2, 1, 1), (0, 7, 1, 1), (0, 50, 1, 1), (1, 3, 1, 1), (1, 1, 0, 0)]
    pairs = pairs_of_lists(candidates, outcomes)
    by_place = -np.arange(10).astype(float)
    p = np.linspace(0.9, 0.1, 10)
    one = compare(system, pairs, {"m": (by_place, p)}).contenders["m"]
    dcg = 1 / np.log2(3) + 1 / np.log2(8)
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert one.metrics["ndcg@10"] == pytest.approx((dcg / best + 1 / np.log2(4)) / 2)
    assert one.metrics["recall@10"] == pytest.approx((2 / 3 + 1) / 2)
    assert one.metrics["hit@10"] == 1
    assert one.kpi == 1000 * 2 / 2  # film 7 is in sixth place or later, film 50 no candidate
    assert one.metrics["logloss"] == pytest.approx(
        -np.mean(np.where(pairs.label == 1, np.log(p), np.log1p(-p)))
    )
    assert set(one.scores.values) == {"ndcg@10", "recall@10", "recall@100", "hit@10"}
    blind = compare(system, pairs, {"m": (by_place, None)}).contenders["m"]
    assert "logloss" not in blind.metrics


def test_metrics_go_as_deep_as_the_gate_asks():
    system = made.world(
        evaluation=hp.Evaluation(hp.TimeSplit(test="40d"), gate=[hp.recall(150) > 0.5, hp.ndcg(3) > 0.1])
    )
    pairs = pairs_of_lists([list(range(200))], [(0, 120, 1, 1), (0, 180, 1, 1)])
    found = compare(system, pairs, {MAIN: (-np.arange(200.0), None)})
    assert found.contenders[MAIN].metrics["recall@150"] == 0.5
    assert found.contenders[MAIN].metrics["ndcg@3"] == 0
    assert [check.measured for check in decide(system, found).checks] == [0.5, 0]


def test_a_source_breaks_its_ties_by_popularity():
    scores = {"popular": np.array([1.0, 9.0, 5.0]), "ease": np.array([0.0, 0.0, 0.1])}
    pairs = pairs_of_lists([[7, 8, 9]], [(0, 8, 1, 1)], scores)
    ranked = source_scores(pairs)
    assert np.argsort(-ranked["ease"][0]).tolist() == [2, 1, 0]
    assert ranked["popular"][0].tolist() == [1.0, 9.0, 5.0]
    assert {probability for _, probability in ranked.values()} == {None}


def test_users_are_the_clusters_of_every_interval(comparison):
    users = comparison.pairs.requests.user
    assert len(np.unique(comparison.clusters)) == len(np.unique(users))
    found = comparison.interval(MAIN, "ndcg@10")
    assert found.clusters == len(np.unique(users))
    some = users < np.median(users)
    assert comparison.interval(MAIN, "ndcg@10", some).clusters == len(np.unique(users[some]))
    assert found.low < found.estimate < found.high


def test_the_declared_weight_orders_and_leaves_the_probability_alone(system, tested, trained):
    framing = hp.Ranking(
        item=made.Vote.movie,
        user=made.Vote.user,
        objective=hp.LogLoss(made.liked),
        score=hp.p * made.Movie.length,
    )
    plain, weighed = (
        evaluate(one, tested, {MAIN: trained.predictor}).contenders[MAIN]
        for one in (system, made.world(framing=framing))
    )
    np.testing.assert_array_equal(plain.probability, weighed.probability)
    known = tested.pairs.known[tested.pairs.request]
    np.testing.assert_array_equal(weighed.score[known], (plain.score * tested.columns["length"])[known])
    assert np.isnan(weighed.score).any()  # a film without a length comes last
    assert np.isfinite(weighed.metrics["ndcg@10"])
    assert weighed.metrics["ndcg@10"] != plain.metrics["ndcg@10"]
    assert weighed.metrics["ece"] == plain.metrics["ece"]


def test_users_without_history_get_the_fallback_in_evaluation_as_in_serving(history, tested, comparison):
    pairs, votes = tested.pairs, history.batches["Vote"]
    first = {
        user: int(votes.time[votes.columns["user"].values == user].min()) for user in pairs.requests.user
    }
    expected = [t > first[user] for t, user in zip(pairs.requests.t, pairs.requests.user, strict=True)]
    assert pairs.known.tolist() == expected
    assert 5 < sum(not known for known in expected) < len(expected) / 2
    main = comparison.contenders[MAIN]
    known = pairs.known[pairs.request]
    np.testing.assert_array_equal(main.score[~known], pairs.scores["popular"][~known])
    np.testing.assert_array_equal(main.score[known], main.probability[known])
    new = ~pairs.known
    popular = comparison.contenders["popular"].values["ndcg@10"]
    np.testing.assert_array_equal(main.values["ndcg@10"][new], popular[new])


def test_what_is_blocked_is_not_shown_to_users_without_history_either(history, system, tested, trained):
    rules = [hp.Unseen(), hp.Block(hp.col("length") < 120)]
    blocking = made.world(serving=replace(system.serving, rerank=rules))
    again = replace(tested, columns=features_of(history, blocking, tested.pairs))
    found = evaluate(blocking, again, {MAIN: trained.predictor}).contenders[MAIN]
    new = ~tested.pairs.known[tested.pairs.request]
    short = tested.columns["length"] < 120
    assert short[new].any()
    popular = tested.pairs.scores["popular"][new]
    np.testing.assert_array_equal(found.score[new], np.where(short[new], -np.inf, popular))


def test_the_gate_compares_with_baselines_and_the_champion(system, tested, trained, comparison):
    verdict = decide(system, comparison)
    assert verdict.passed
    assert [check.check for check in verdict.checks] == [
        "ndcg@10 > popular",
        "ndcg@10 >= champion",
        "ece < 0.1",
    ]
    assert verdict.checks[1].why == "there is no champion yet"
    contenders = dict(comparison.contenders)
    for champion, passed in ((MAIN, True), ("popular", True), ("best", False)):
        contenders["best"] = perfect(comparison)
        held = type(comparison)(
            comparison.pairs, contenders | {CHAMPION: contenders[champion]}, comparison.clusters
        )
        check = decide(system, held, CHAMPION).checks[1]
        assert check.passed is passed, (champion, check)
        assert check.measured == comparison.contenders[MAIN].metrics["ndcg@10"]


def perfect(comparison):
    """A contender that puts what was liked first."""
    found = compare(made.world(), comparison.pairs, {"best": (comparison.pairs.label, None)})
    return found.contenders["best"]


def test_a_model_that_knows_nothing_is_refused(system, tested):
    class Constant:
        family = "constant"

        def predict_proba(self, x):
            return np.full(len(x), 0.5)

    class Nothing:
        def transform(self, columns):
            return np.zeros((len(columns["hour"]), 1))

    found = evaluate(system, tested, {MAIN: Predictor(Nothing(), Constant(), None)})
    verdict = decide(system, found)
    assert not verdict.passed
    assert not verdict.checks[0].passed
    assert not verdict.checks[2].passed  # half of all candidates are not liked


def test_sections_say_what_the_comparison_holds(system, comparison):
    section = metrics_section(comparison)
    assert set(section["metrics"]) == {MAIN, "ease", "popular"}
    for row in section["paired"]:
        found = comparison.paired(MAIN, row["against"], "ndcg@10")
        assert (row["difference"], row["low"], row["high"]) == (found.estimate, found.low, found.high)
    low, high = section["intervals"]["ease"]["recall@10"]
    assert low <= section["metrics"]["ease"]["recall@10"] <= high
    chosen = np.arange(len(comparison.pairs.requests)) % 2 == 0
    halves = [slice_section(comparison, one) for one in (chosen, ~chosen)]
    n = [half["n"] for half in halves]
    mean = sum(half["n"] * half["metrics"][MAIN]["ndcg@10"] for half in halves) / sum(n)
    assert mean == pytest.approx(section["metrics"][MAIN]["ndcg@10"])
    bins = calibration_section(comparison)
    assert set(bins) == {MAIN}
    assert sum(one["n"] for one in bins[MAIN]) == len(comparison.pairs)
    kpi = kpi_section(system, comparison)
    assert kpi["by_model"]["popular"] == {"loss": None, "kpi": comparison.contenders["popular"].kpi}
    assert (kpi["name"], kpi["unit"]) == ("liked films shown", "per 1,000 requests")
