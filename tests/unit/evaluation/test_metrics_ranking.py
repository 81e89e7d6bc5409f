"""Ranking metrics against a slow version that follows the definitions word by word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.evaluation.ranking import hit, mean, mrr, ndcg, per_request, ranked_lists, ranked_rows, recall

DEPTH = 6


def slow(ranking: list[int], truth: dict[int, float], k: int, exponential: bool) -> dict[str, float]:
    """All metrics of one request, in plain loops."""
    if not truth:
        return dict.fromkeys(("recall", "hit", "mrr", "ndcg"), math.nan)
    seen: set[int] = set()
    found = []
    for item in ranking[:k]:
        found.append(0.0 if item in seen else truth.get(item, 0.0))
        seen.add(item)

    def dcg(gains: list[float]) -> float:
        shape = [2**gain - 1 if exponential else gain for gain in gains]
        return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(shape))

    first = next((rank for rank, gain in enumerate(found) if gain), None)
    return {
        "recall": sum(gain > 0 for gain in found) / len(truth),
        "hit": float(first is not None),
        "mrr": 0.0 if first is None else 1 / (first + 1),
        "ndcg": dcg(found) / dcg(sorted(truth.values(), reverse=True)[:k]),
    }


requests = st.lists(
    st.tuples(
        st.lists(st.integers(-1, 8), min_size=DEPTH, max_size=DEPTH),
        st.dictionaries(st.integers(0, 8), st.sampled_from([0.5, 1.0, 2.0, 3.0]), max_size=9),
    ),
    min_size=1,
    max_size=6,
)


@given(requests, st.integers(1, DEPTH), st.booleans())
def test_lists_match_the_slow_version(drawn, k, exponential):
    truth = [(row, item, gain) for row, (_, wanted) in enumerate(drawn) for item, gain in wanted.items()]
    columns = np.array(truth).reshape(-1, 3)
    found = ranked_lists([ranking for ranking, _ in drawn], columns[:, 0], columns[:, 1], columns[:, 2])
    expected = [slow(ranking, wanted, k, exponential) for ranking, wanted in drawn]
    kind = "exponential" if exponential else "linear"
    for name, values in [
        ("recall", recall(found, k)), ("hit", hit(found, k)), ("mrr", mrr(found, k)), ("ndcg", ndcg(found, k, kind)),
    ]:  # fmt: skip
        np.testing.assert_allclose(values, [row[name] for row in expected], rtol=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([0.0, 1.0, 2.0])), min_size=1)
)
def test_rows_rank_by_score_and_the_worst_way_within_ties(rows):
    request, score, gain = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = ranked_rows(request, score, gain, DEPTH)
    for position, number in enumerate(np.unique(request)):
        mine = sorted([(-s, g) for r, s, g in zip(request, score, gain, strict=True) if r == number])
        truth = {item: g for item, (_, g) in enumerate(mine) if g > 0}
        expected = slow(list(range(len(mine))), truth, DEPTH, False)
        assert ndcg(found, DEPTH)[position] == pytest.approx(expected["ndcg"], nan_ok=True)
        assert recall(found, DEPTH)[position] == pytest.approx(expected["recall"], nan_ok=True)


def test_a_worked_example():
    found = ranked_lists([[3, 1, 2], [0, -1, -1]], [0, 0, 1], [1, 7, 5])
    assert recall(found, 3).tolist() == [0.5, 0.0]
    assert mrr(found, 3).tolist() == [0.5, 0.0]
    assert ndcg(found, 3)[0] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_a_request_without_relevant_items_is_left_out_of_the_mean():
    found = ranked_lists([[0, 1], [0, 1]], [0], [0])
    assert mean(ndcg(found, 2)) == 1.0
    assert math.isnan(mean(ndcg(ranked_lists([[0, 1]], [], []), 2)))


def test_a_score_of_nan_ranks_last():
    assert hit(ranked_rows([0, 0], [np.nan, -5.0], [1.0, 0.0], 2), 1).tolist() == [0.0]


def test_metrics_by_name():
    found = ranked_lists([[0, 1]], [0], [1])
    assert per_request(found, "mrr@2").tolist() == [0.5]
    for wrong in ("map@2", "ndcg", "ndcg@0", "ndcg@x"):
        with pytest.raises(DataError, match=wrong):
            per_request(found, wrong)
    with pytest.raises(DataError, match="greater depth"):
        per_request(found, "ndcg@3")


def test_the_same_truth_twice_is_an_error():
    with pytest.raises(DataError, match="once"):
        ranked_lists([[0, 1]], [0, 0], [1, 1])
