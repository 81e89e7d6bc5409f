"""Rerank steps against plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.serving import Cap, Unseen
from heptad.serving.rerank import Ranked, rerank

makers = st.sampled_from(["a", "b", None])
tags = st.sampled_from([("x", "y"), ("y",), (), None, ("x",)])
rows = st.lists(st.tuples(st.integers(0, 9), makers, tags), max_size=12)


def ranked(rows, seen=()):
    n = len(rows)
    items = np.array([item for item, _, _ in rows], np.int64)
    columns = {
        "maker": np.fromiter((m for _, m, _ in rows), object, n),
        "tags": np.fromiter((t for _, _, t in rows), object, n),
    }
    return Ranked(items, columns, seen)


@given(rows, st.lists(st.integers(0, 9)), st.integers(1, 3), st.randoms(use_true_random=False))
def test_steps_in_turn_are_plain_loops(rows, seen, n, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    expected, makers_taken, tags_taken = [], {}, {}
    for place in order:
        item, maker, tag = rows[place]
        if item in seen:
            continue
        makers_taken[maker] = makers_taken.get(maker, 0) + 1
        if maker is not None and makers_taken[maker] > n:
            continue
        first = tag[0] if tag else None
        tags_taken[first] = tags_taken.get(first, 0) + 1
        if first is not None and tags_taken[first] > 1:
            continue
        expected.append(place)
    steps = (Unseen(), Cap("maker", n), Cap("tags", 1))
    assert rerank(steps, np.array(order, np.int64), ranked(rows, seen)).tolist() == expected


def test_a_cap_on_numbers_takes_nan_for_no_value():
    ranked_ = Ranked(np.arange(4), {"year": np.array([1999.0, np.nan, np.nan, 1999.0])}, ())
    assert rerank((Cap("year", 1),), np.arange(4), ranked_).tolist() == [0, 1, 2]


def test_no_steps_change_nothing():
    assert rerank((), np.array([2, 0]), ranked([])).tolist() == [2, 0]
