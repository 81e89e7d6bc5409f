"""MMR against the definition, written out: every pair compared, every place filled by a search."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.serving.rerank.listed import Ranked
from heptad.serving.rerank.steps import arranged

numbers = st.sampled_from([0.0, 0.5, 1.0, -1.0, 0.3, math.nan])
vectors = st.tuples(numbers, numbers, numbers)
tags = st.sampled_from([None, (), ("x",), ("x", "y"), ("y", "x"), ("y", "z", "z"), ("w",)])
scores = st.sampled_from([0.0, 0.1, 0.5, 0.50001, 0.9])


def obvious(order, score, relevance, alike, n):
    """The places in the order MMR gives them; ``alike`` compares two places."""
    if not order:
        return []
    low, high = min(score[p] for p in order), max(score[p] for p in order)
    worth = {p: (score[p] - low) / (high - low) if high > low else 0.0 for p in order}
    left, chosen = list(order), []
    while left and len(chosen) < n:
        nearest = {p: max((alike(p, q) for q in chosen), default=0.0) for p in left}
        value = [relevance * worth[p] - (1.0 - relevance) * nearest[p] for p in left]
        chosen.append(left.pop(value.index(max(value))))
    return chosen + left


def found(column, values, score, relevance, n):
    order = np.argsort(-np.array(score), kind="stable").astype(np.int64)
    m = len(score)
    ranked = Ranked(np.arange(m), {column: values}, (), 0, n)
    step = hp.MMR(column, relevance=relevance)
    return order.tolist(), arranged((step,), order, np.array(score, np.float64), ranked, [None])[
        0
    ].order.tolist()


@given(
    st.lists(st.tuples(vectors, scores), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    st.integers(1, 14),
)
def test_vectors_by_their_cosine(rows, relevance, n):
    matrix = np.array([row[0] for row in rows], np.float32)
    score = [row[1] for row in rows]
    unit = []
    for row in matrix.astype(np.float64).tolist():
        squares = 0.0
        for x in row:
            squares += x * x
        unit.append([x / math.sqrt(squares) for x in row] if squares > 0.0 else [0.0] * len(row))

    def cosine(p, q):
        total = 0.0
        for x, y in zip(unit[p], unit[q], strict=True):
            total += x * y
        return total

    order, places = found("v", matrix, score, relevance, n)
    assert places == obvious(order, score, relevance, cosine, n)


@given(
    st.lists(st.tuples(tags, scores), max_size=12), st.sampled_from([0.0, 0.3, 0.7, 1.0]), st.integers(1, 14)
)
def test_lists_by_their_shared_values(rows, relevance, n):
    score = [row[1] for row in rows]
    values = np.fromiter((row[0] for row in rows), object, len(rows))

    def jaccard(p, q):
        a, b = set(rows[p][0] or ()), set(rows[q][0] or ())
        return len(a & b) / len(a | b) if a & b else 0.0

    order, places = found("tags", values, score, relevance, n)
    assert places == obvious(order, score, relevance, jaccard, n)


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b", 3]), scores), max_size=12), st.integers(1, 14))
def test_categories_where_equal(rows, n):
    score = [row[1] for row in rows]
    values = np.fromiter((row[0] for row in rows), object, len(rows))

    def same(p, q):
        return float(rows[p][0] is not None and rows[p][0] == rows[q][0])

    order, places = found("maker", values, score, 0.4, n)
    assert places == obvious(order, score, 0.4, same, n)


def test_the_second_of_two_twins_waits():
    twins = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert found("v", twins, [0.9, 0.8, 0.5], 0.5, 3)[1] == [0, 2, 1]
    assert found("v", twins, [0.9, 0.8, 0.5], 1.0, 3)[1] == [0, 1, 2]
