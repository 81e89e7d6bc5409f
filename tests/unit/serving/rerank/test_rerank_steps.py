"""Re-ranking steps, alone and in turn, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.serving.rerank.listed import Ranked
from heptad.serving.rerank.steps import arranged
from heptad.times import DAY

makers = st.sampled_from(["a", "b", None])
tags = st.sampled_from([("x", "y"), ("y",), (), None, ("x",), ("y", "z", "x", "y")])
scores_ = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5000001, 1.0])
truths_ = st.sampled_from([0.0, 1.0, 2.0, math.nan])
ages = st.sampled_from([-1.0, 0.0, 0.5, 3.0, 400.0, math.nan])
rows = st.lists(st.tuples(st.integers(0, 9), makers, tags, scores_, truths_, ages), max_size=14)

T = 20_000 * DAY
CONDITION = hp.col("price") > 1


def ranked(rows, seen=(), n=5):
    m = len(rows)
    columns = {
        "maker": np.fromiter((row[1] for row in rows), object, m),
        "tags": np.fromiter((row[2] for row in rows), object, m),
    }
    return Ranked(np.array([row[0] for row in rows], np.int64), columns, seen, T, n)


def listed(steps, rows, truths=None, seen=(), n=5):
    """The order after the steps, of candidates ordered by their scores, and the scores then."""
    scores = np.array([row[3] for row in rows], np.float64)
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    found, pinned = arranged(steps, order, scores, ranked(rows, seen, n), truths or [None] * len(steps))
    return order.tolist(), found.order.tolist(), found.scores.tolist(), pinned.tolist()


def truth(rows):
    return np.array([row[4] for row in rows], np.float64)


def true(row):
    return row[4] in (1.0, 2.0)


@given(rows, st.lists(st.integers(0, 9)), st.integers(1, 3))
def test_filters_in_turn_are_a_plain_loop(rows, seen, n):
    steps = (hp.Unseen(), hp.Block(CONDITION), hp.Cap("maker", n), hp.Cap("tags", 1))
    order, found, _, _ = listed(steps, rows, [None, truth(rows), None, None], seen)
    expected, makers_taken, tags_taken = [], {}, {}
    for place in order:
        item, maker, tag = rows[place][:3]
        if item in seen or true(rows[place]):
            continue
        makers_taken[maker] = makers_taken.get(maker, 0) + 1
        if maker is not None and makers_taken[maker] > n:
            continue
        first = tag[0] if tag else None
        tags_taken[first] = tags_taken.get(first, 0) + 1
        if first is not None and tags_taken[first] > 1:
            continue
        expected.append(place)
    assert found == expected


@given(rows, st.lists(st.integers(0, 20)))
def test_what_was_seen_matters_among_the_candidates_alone(rows, seen):
    among = set(seen).intersection(row[0] for row in rows)
    assert listed((hp.Unseen(),), rows, seen=among) == listed((hp.Unseen(),), rows, seen=seen)


def test_a_cap_on_numbers_takes_nan_for_no_value():
    columns = {"year": np.array([1999.0, np.nan, np.nan, 1999.0])}
    four = Ranked(np.arange(4), columns, (), T, 4)
    found, _ = arranged((hp.Cap("year", 1),), np.arange(4), np.zeros(4), four, [None])
    assert found.order.tolist() == [0, 1, 2]


@given(rows, st.sampled_from([0.5, 1.0, 1.5, 3.0]))
def test_a_boost_multiplies_and_sorts_again(rows, factor):
    order, found, scores, _ = listed((hp.Boost(CONDITION, factor),), rows, [truth(rows)])
    raised = [(row[3] * factor if row[3] >= 0 else row[3] / factor) if true(row) else row[3] for row in rows]
    assert scores == raised
    assert found == sorted(order, key=lambda place: -raised[place])


@given(rows, st.sampled_from([0.1, 2.0]))
def test_freshness_halves_with_every_half_life(rows, boost):
    since = np.array([T - row[5] * DAY for row in rows], np.float64)
    step = hp.Freshness("began", half_life="2d", boost=boost)
    order, found, scores, _ = listed((step,), rows, [since])
    expected = []
    for row in rows:
        left = 0.0 if math.isnan(row[5]) else 2.0 ** (-max(row[5], 0.0) / 2.0)
        factor = 1.0 + boost * left
        expected.append(row[3] * factor if row[3] >= 0 else row[3] / factor)
    assert scores == expected
    assert found == sorted(order, key=lambda place: -expected[place])


def test_an_item_two_half_lives_old_has_a_quarter_of_the_boost():
    rows = [(0, None, None, 1.0, 0.0, 0.0)] * 3
    since = np.array([T, T - 2 * DAY, T - 4 * DAY], np.float64)
    _, _, scores, _ = listed((hp.Freshness("began", half_life="2d", boost=0.4),), rows, [since])
    assert scores == [1.4, 1.2, 1.1]


@given(rows, st.integers(1, 20), st.integers(1, 3), st.integers(1, 20), st.integers(0, 9))
def test_pins_are_a_plain_loop(rows, position, many, other, item):
    steps = (hp.Pin(CONDITION, position, n=many), hp.Block(CONDITION), hp.Pin(item, other))
    out = np.array([float(row[0] == 3) for row in rows])
    order, found, _, positions = listed(steps, rows, [truth(rows), out, None])
    claims = [p for p in order if true(rows[p])][:many]
    left = [p for p in order if rows[p][0] != 3]
    wanted = [(position - 1, p) for p in claims]
    second = [p for p in left if rows[p][0] == item and p not in claims][:1]
    wanted += [(other - 1, p) for p in second]
    taken = {}
    for at, place in wanted:
        if place in left:
            while at in taken:
                at += 1
            taken[at] = place
    rest = iter(p for p in left if p not in taken.values())
    above = len(left) - len(taken)  # where the list is too short for its pins, they are last in their order
    at = {min(position, above + i): taken[position] for i, position in enumerate(sorted(taken))}
    assert found == [at[k] if k in at else next(rest) for k in range(len(left))]
    assert positions == sorted(at)


ROWS = [(item, maker, (maker,), 1.0 - item / 10, 0.0, 0.0) for item, maker in enumerate("aabbc")]


def pinned(*steps, rows=ROWS, truths=None, seen=()):
    return listed(steps, rows, truths, seen)[1]


def test_a_pin_takes_its_position_and_the_rest_closes_up():
    assert pinned(hp.Pin(4, 2)) == [0, 4, 1, 2, 3]
    assert pinned(hp.Pin(0, 3)) == [1, 2, 0, 3, 4]


def test_pins_hold_whatever_the_order_they_are_written_in():
    assert pinned(hp.Pin(3, 2), hp.Pin(4, 1)) == pinned(hp.Pin(4, 1), hp.Pin(3, 2)) == [4, 3, 0, 1, 2]


def test_of_two_pins_for_one_position_the_first_has_it():
    assert pinned(hp.Pin(3, 1), hp.Pin(4, 1)) == [3, 4, 0, 1, 2]
    assert pinned(hp.Pin(3, 1), hp.Pin(3, 4)) == [3, 0, 1, 2, 4]


def test_a_pin_beyond_the_length_is_last():
    assert pinned(hp.Pin(0, 50)) == [1, 2, 3, 4, 0]
    assert pinned(hp.Pin(0, 50), hp.Pin(1, 50)) == [2, 3, 4, 0, 1]


def test_a_pin_brings_nothing_back_and_later_steps_may_drop_it():
    assert pinned(hp.Cap("maker", 1), hp.Pin(1, 1)) == [0, 2, 4]
    assert pinned(hp.Pin(1, 1), hp.Cap("maker", 1)) == [0, 2, 4]
    assert pinned(hp.Pin(2, 1), hp.Cap("maker", 1)) == [2, 0, 4]
    assert pinned(hp.Unseen(), hp.Pin(4, 1), seen=[4]) == [0, 1, 2, 3]


def test_a_pin_holds_through_steps_that_sort():
    boosted = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    assert pinned(hp.Pin(4, 1), hp.Boost(CONDITION, 9.0), truths=[None, boosted]) == [4, 3, 0, 1, 2]


@pytest.mark.parametrize(
    "step",
    [hp.Unseen(), hp.Cap("maker", 1), hp.MMR("tags"), hp.MMR("maker"), hp.Pin(1, 1), hp.Pin(CONDITION, 3)],
    ids=str,
)
def test_no_candidates_are_no_candidates(step):
    none = np.empty(0) if isinstance(step, hp.Pin) and not isinstance(step.what, int) else None
    assert listed((step,), [], [none], [1]) == ([], [], [], [])


def test_all_blocked_is_an_empty_list():
    everything = np.ones(len(ROWS))
    steps = (hp.Pin(1, 1), hp.Block(CONDITION), hp.MMR("tags"), hp.Cap("maker", 1), hp.Pin(2, 1))
    assert pinned(*steps, truths=[None, everything, None, None, None]) == []


def test_no_steps_change_nothing():
    assert pinned() == [0, 1, 2, 3, 4]
