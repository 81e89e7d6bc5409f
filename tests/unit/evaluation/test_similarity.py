"""The metrics of a search by vectors, against an obvious loop; chance, against every order there is."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.evaluation.similarity import by_chance, similarity


def obvious(order: list[bool], k: int) -> tuple[float, float, float]:
    """Precision at k, recall at k and average precision of one ranked list of relevances."""
    relevant = sum(order)
    if not relevant:
        return 0.0, float("nan"), float("nan")
    at = [sum(order[: place + 1]) / (place + 1) for place, hit in enumerate(order) if hit]
    return sum(order[:k]) / k, sum(order[:k]) / relevant, sum(at) / relevant


@given(
    rows=st.integers(5, 30),
    kinds=st.integers(1, 6),
    seed=st.integers(0, 1_000),
    k=st.integers(1, 4),
)
def test_every_query_is_measured_as_an_obvious_loop_would(rows, kinds, seed, k):
    draw = np.random.default_rng(seed)
    vectors = draw.integers(-2, 3, (rows, 3)).astype(np.float32)  # whole numbers: ties are exact
    kind = draw.integers(0, kinds, rows)
    found = similarity(vectors, {"kind": kind}, (k,))["kind"]
    for query in range(rows):
        others = [row for row in range(rows) if row != query]
        others.sort(key=lambda row, q=query: -float(vectors[q] @ vectors[row]))
        expected = obvious([bool(kind[row] == kind[query]) for row in others], k)
        got = [found[name][query] for name in (f"precision@{k}", f"recall@{k}", "average_precision")]
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_blocks_of_queries_do_not_matter():
    draw = np.random.default_rng(0)
    vectors, kind = draw.normal(size=(700, 4)).astype(np.float32), draw.integers(0, 9, 700)
    whole = similarity(vectors, {"kind": kind})["kind"]["precision@10"]
    near = vectors @ vectors.T
    np.fill_diagonal(near, -np.inf)
    first = np.argsort(-near, axis=1, kind="stable")[:, :10]
    np.testing.assert_allclose(whole, (kind[first] == kind[:, None]).mean(axis=1))


def test_several_columns_are_measured_on_one_ranking():
    vectors = np.eye(4, dtype=np.float32) + 0.1
    found = similarity(vectors, {"all": np.zeros(4), "none": np.arange(4)}, (2,))
    assert found["all"]["precision@2"].tolist() == [1.0] * 4
    assert found["none"]["precision@2"].tolist() == [0.0] * 4
    assert np.isnan(found["none"]["average_precision"]).all()


@pytest.mark.parametrize("kind", [[0, 0, 0, 1, 1, 2], [0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]])
def test_chance_is_the_mean_over_every_order(kind):
    k = min(2, len(kind) - 1)
    found = by_chance(kind, (k,))
    for query in range(len(kind)):
        relevances = [one == kind[query] for place, one in enumerate(kind) if place != query]
        expected = np.mean([obvious(list(order), k) for order in permutations(relevances)], axis=0)
        got = [found[name][query] for name in (f"precision@{k}", f"recall@{k}", "average_precision")]
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="more than 10 vectors, and a kind for each"):
        similarity(np.ones((10, 2), np.float32), {"kind": np.zeros(10)})
