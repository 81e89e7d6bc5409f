"""The gate: each rule of its module docstring, with the numbers that tell it from its neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heptad.declare.evaluation import Gate
from heptad.evaluation.gate import Scores, judge

N = 400
generator = np.random.default_rng(0)
NOISE = generator.normal(size=N)


def scores(metric: str, values: np.ndarray) -> Scores:
    return Scores({metric: float(values.mean())}, {metric: values})


def alone(gate: Gate, challenger: Scores, **others):
    verdict = judge([gate], challenger, **others)
    assert verdict.passed == verdict.checks[0].passed
    return verdict.checks[0]


@pytest.mark.parametrize(
    ("op", "measured", "passed"),
    [("<", 0.02, False), ("<=", 0.02, True), ("<", 0.019, True), (">", 0.02, False), (">=", 0.02, True)],
)
def test_against_a_number_the_value_decides(op, measured, passed):
    check = alone(Gate("ece", op, 0.02), Scores({"ece": measured}))
    assert check.passed is passed
    assert (check.measured, check.bound) == (measured, 0.02)
    assert math.isnan(check.low)


def test_a_margin_asks_for_that_much_more():
    assert not alone(Gate("auc", ">", 0.7, margin=0.02), Scores({"auc": 0.71})).passed
    assert not alone(Gate("ece", "<", 0.02, margin=0.01), Scores({"ece": 0.015})).passed


def test_against_a_number_the_interval_is_shown_but_does_not_decide():
    check = alone(Gate("ndcg@10", ">", 0.0), scores("ndcg@10", NOISE - NOISE.mean() + 0.001))
    assert check.passed
    assert check.low < 0 < check.high


def test_a_baseline_must_be_beaten_with_the_whole_interval():
    popular = scores("ndcg@10", NOISE)
    sure = scores("ndcg@10", NOISE + 0.1 + 0.1 * np.sin(np.arange(N)))
    unsure = scores("ndcg@10", NOISE + 0.001 + np.sin(np.arange(N)))
    gate = Gate("ndcg@10", ">", "popular")
    won, lost = (alone(gate, model, baselines={"popular": popular}) for model in (sure, unsure))
    assert won.passed
    assert won.bound < won.low < won.measured < won.high
    assert not lost.passed
    assert lost.measured > lost.bound > lost.low
    assert "not all of it" in lost.why


def test_less_is_better_turns_the_interval_around():
    base = scores("ne", NOISE)
    better = scores("ne", NOISE - 0.1 + 0.01 * np.sin(np.arange(N)))
    gate = Gate("ne", "<", "base")
    assert alone(gate, better, baselines={"base": base}).passed
    assert not alone(gate, base, baselines={"base": better}).passed
    assert not alone(Gate("ne", "<", "base", margin=0.2), better, baselines={"base": base}).passed


def test_the_same_model_does_not_beat_itself():
    model = scores("ne", NOISE)
    assert not alone(Gate("ne", "<", "base"), model, baselines={"base": model}).passed
    assert not alone(Gate("ne", "<", "champion"), model, champion=model).passed


def test_users_are_resampled_together():
    users = np.repeat(np.arange(8), N // 8)
    gain = np.array([1.0, -0.9, 1.0, -0.9, 1.0, -0.9, 1.0, -0.8])[users]
    pair = {"challenger": scores("ndcg@10", NOISE + gain), "baselines": {"popular": scores("ndcg@10", NOISE)}}
    gate = Gate("ndcg@10", ">", "popular")
    assert not judge([gate], **pair, clusters=users).passed
    few = alone(gate, scores("ndcg@10", NOISE + 1), baselines=pair["baselines"], clusters=np.zeros(N))
    assert not few.passed
    assert "no interval" in few.why


def test_a_strict_champion_check_asks_for_better_not_for_surely_better():
    champion = scores("ne", NOISE)
    barely = scores("ne", NOISE - 0.001 + np.sin(np.arange(N)) - np.sin(np.arange(N)).mean())
    check = alone(Gate("ne", "<", "champion"), barely, champion=champion)
    assert check.passed
    assert check.low < check.bound < check.high
    worse = scores("ne", NOISE + 0.001)
    assert not alone(Gate("ne", "<", "champion"), worse, champion=champion).passed


def test_a_champion_check_with_equality_asks_for_surely_not_worse():
    champion = scores("ndcg@10", NOISE + 10)  # 1 % of it is about 0.1
    close = scores("ndcg@10", NOISE + 9.95 + 0.1 * np.sin(np.arange(N)))
    noisy = scores("ndcg@10", NOISE + 10.05 + 5 * np.sin(np.arange(N)))
    gate = Gate("ndcg@10", ">=", "champion")
    assert alone(gate, close, champion=champion).passed
    assert not alone(gate, noisy, champion=champion).passed
    assert not alone(Gate("ndcg@10", ">=", "champion", margin=0.01), close, champion=champion).passed


def test_without_a_champion_the_check_passes_and_says_so():
    check = alone(Gate("ne", "<", "champion"), Scores({"ne": 0.9}))
    assert check.passed
    assert "no champion yet" in check.why


@pytest.mark.parametrize(
    ("metrics", "against", "why"),
    [
        ({"ne": math.nan}, 1.0, "ne of the challenger is NaN"),
        ({}, 1.0, "ne of the challenger was not measured"),
        ({"ne": math.nan}, "champion", "is NaN"),
        ({"ne": 0.5}, "popular", "no model named 'popular'"),
        ({"ne": 0.5}, "broken", "ne of broken is NaN"),
    ],
)
def test_what_cannot_be_compared_fails_and_says_why(metrics, against, why):
    check = alone(Gate("ne", "<", against), Scores(metrics), baselines={"broken": Scores({"ne": math.nan})})
    assert not check.passed
    assert why in check.why


def test_without_values_per_request_the_numbers_decide_and_it_is_said():
    check = alone(Gate("ne", "<", "base"), Scores({"ne": 0.5}), baselines={"base": Scores({"ne": 0.6})})
    assert check.passed
    assert "two numbers" in check.why


def test_one_failed_check_fails_the_gate_and_plain_data_has_no_nan():
    verdict = judge([Gate("ne", "<", 1.0), Gate("ece", "<", 0.01)], Scores({"ne": 0.9, "ece": 0.5}))
    assert not verdict.passed
    plain = verdict.as_dict()
    assert [row["passed"] for row in plain["checks"]] == [True, False]
    assert plain["checks"][0]["check"] == "ne < 1.0"
    assert plain["checks"][0]["low"] is None
    assert judge([], Scores({})).passed
