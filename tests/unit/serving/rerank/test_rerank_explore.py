"""Exploration: draws that follow from the request's id, propensities that are exact, estimates without bias."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.evaluation.bootstrap import mean_interval
from heptad.serving.rerank.explore import explored

NOTHING = np.empty(0, np.int64)
explores = st.builds(
    hp.Explore,
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    epsilon=st.sampled_from([0.2, 1.0]),
    temperature=st.sampled_from([None, 0.1, 10.0]),
)
score_lists = st.lists(st.sampled_from([-3.0, 0.0, 0.1, 0.5, 0.9]), max_size=8)


def shown(step, scores, n, request_id, pinned=NOTHING):
    order = np.argsort(-np.array(scores, np.float64), kind="stable").astype(np.int64)
    places, propensities = explored(step, order, np.array(scores, np.float64), pinned, n, request_id)
    return order.tolist(), places.tolist(), propensities.tolist()


def weight(step, score):
    return 1.0 if step.temperature is None else math.exp(score / step.temperature)


def probability_of(step, order, scores, places, n, pinned=()):
    """The propensity of every position of an answer by the definition, going through the list."""
    order, out = list(order), []
    n = min(n, len(order))
    for k in range(n):
        if k + 1 not in step.positions or k in pinned:
            out.append(1.0 if order[k] == places[k] else 0.0)
            continue
        pool = [order[k], *order[n:]]
        if places[k] not in pool:
            return [0.0] * n
        total = sum(weight(step, scores[p]) for p in pool)
        mixed = step.epsilon * weight(step, scores[places[k]]) / total
        out.append(mixed + (1.0 - step.epsilon if places[k] == order[k] else 0.0))
        there = order.index(places[k])
        order[k], order[there] = order[there], order[k]
    return out


@given(explores, score_lists, st.integers(1, 9), st.text(max_size=4), st.sets(st.integers(0, 3)))
def test_each_propensity_is_the_definition(step, scores, n, request_id, pinned):
    at = np.array(sorted(pinned), np.int64)
    order, places, propensities = shown(step, scores, n, request_id, at)
    assert len(places) == len(set(places)) == len(propensities) == min(n, len(scores))
    assert propensities == pytest.approx(probability_of(step, order, scores, places, n, pinned), rel=1e-12)
    for k, place in enumerate(places):
        if k + 1 not in step.positions or k in pinned:
            assert place == order[k]


@given(explores, score_lists, st.integers(1, 9), st.text(max_size=4))
def test_the_same_request_is_shown_the_same_to_the_last_bit(step, scores, n, request_id):
    assert shown(step, scores, n, request_id) == shown(step, scores, n, request_id)


STEP = hp.Explore([2, 3], epsilon=0.6, temperature=0.5)
SCORES = [0.9, 0.7, 0.6, 0.5, 0.1]


def test_the_propensities_of_all_answers_add_up_to_one():
    order = list(range(len(SCORES)))
    answers = [p for p in product(order, repeat=3) if len(set(p)) == 3]
    total = sum(math.prod(probability_of(STEP, order, SCORES, list(p), 3)) for p in answers)
    assert total == pytest.approx(1.0)


def test_answers_come_as_often_as_their_propensities_say():
    requests = 20_000
    counts: dict[tuple[int, ...], int] = {}
    for number in range(requests):
        _, places, _ = shown(STEP, SCORES, 3, f"r{number}")
        counts[tuple(places)] = counts.get(tuple(places), 0) + 1
    statistic, cells = 0.0, 0
    order = list(range(len(SCORES)))
    for places in (p for p in product(order, repeat=3) if len(set(p)) == 3):
        expected = requests * math.prod(probability_of(STEP, order, SCORES, list(places), 3))
        if expected == 0.0:
            assert places not in counts
        else:
            statistic, cells = statistic + (counts.get(places, 0) - expected) ** 2 / expected, cells + 1
    assert cells == 9
    assert statistic < 26.2  # the 0.999 quantile of chi squared with 8 degrees of freedom


def test_a_policy_is_valued_without_bias_from_what_another_showed():
    """IPS and SNIPS of a policy that shows the last candidates at the explored positions, against its known value."""
    step = hp.Explore([2, 4], epsilon=0.9)
    draw = np.random.default_rng(7)
    n, requests, scores, wanted = 5, 6_000, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], [0, 6, 2, 7, 4]
    worth = 0.2 + 0.05 * np.arange(len(scores))  # the chance of a click on each item
    clicks, weights = np.zeros(requests), np.zeros(requests)
    for number in range(requests):
        _, places, propensities = shown(step, scores, n, f"r{number}")
        weights[number] = float(places == wanted) / math.prod(propensities)
        clicks[number] = (draw.random(n) < worth[places]).sum()
    value = worth[wanted].sum()
    ips = mean_interval(weights * clicks, np.arange(requests))
    snips = (weights * clicks).sum() / weights.sum()
    assert ips.low < value < ips.high
    assert ips.high - ips.low < 0.6
    assert abs(snips - value) < 0.2
    assert value - clicks.mean() > 0.2  # what was seen is no estimate of it
    assert weights.mean() == pytest.approx(1.0, abs=0.15)


def test_one_position_is_valued_by_its_own_propensity():
    """With one explored position the propensity at it is marginal: a uniform policy over the pool is known."""
    step = hp.Explore([1], epsilon=0.4, temperature=0.3)
    draw = np.random.default_rng(8)
    scores, n, requests = np.linspace(1.0, 0.0, 6), 2, 5_000
    worth = draw.random(6)
    terms = np.zeros(requests)
    for number in range(requests):
        _, places, propensities = shown(step, scores, n, f"q{number}")
        clicked = float(draw.random() < worth[places[0]])
        terms[number] = clicked * (1 / 5) / propensities[0]
    found = mean_interval(terms, np.arange(requests))
    assert found.low < worth[[0, 2, 3, 4, 5]].mean() < found.high


def test_a_list_that_is_shown_whole_is_not_explored():
    order, places, propensities = shown(hp.Explore([1, 2], epsilon=1.0), [0.3, 0.2], 2, "r")
    assert (places, propensities) == (order, [1.0, 1.0])
