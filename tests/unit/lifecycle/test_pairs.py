"""Candidates of past requests and their labels, against plain loops; what is held out and how it is weighed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.lifecycle.pairs import Pairs, features_of, histories_of, model_columns
from heptad.lifecycle.requests import Requests
from heptad.lifecycle.training import CALIBRATION_SHARE, Effort, ranker_pairs, sample
from heptad.testing.world import CUT

EFFORT = Effort(requests=500, negatives=15)


@pytest.fixture(scope="module")
def pairs(history, system):
    return ranker_pairs(history, system, CUT, EFFORT)


def liked_by(history):
    """{(ts, user): films rated four or more then}, row by row."""
    out: dict[tuple[int, int], set[int]] = {}
    batch = history.batches["Vote"]
    columns = [batch.columns[name].values.tolist() for name in ("user", "movie", "stars")]
    for ts, user, movie, stars in zip(batch.time.tolist(), *columns, strict=True):
        out.setdefault((ts, user), set())
        if stars >= 4:
            out[ts, user].add(movie)
    return out


def had_before(history, user, t):
    batch = history.batches["Vote"]
    rows = (batch.columns["user"].values == user) & (batch.time < t)
    order = np.lexsort((batch.tie[rows], batch.time[rows]))[::-1]
    return tuple(batch.columns["movie"].values[rows][order].tolist()[:100])


def test_labels_are_what_the_user_liked_then(history, pairs):
    liked = liked_by(history)
    where = [
        (t, user) for t, user in zip(pairs.requests.t.tolist(), pairs.requests.user.tolist(), strict=True)
    ]
    expected = [
        float(item in liked[where[request]])
        for request, item in zip(pairs.request.tolist(), pairs.item.tolist(), strict=True)
    ]
    assert pairs.label.tolist() == expected
    assert 0 < sum(expected) < len(expected) / 5


def test_candidates_are_new_to_the_user_and_each_is_there_once(history, system, pairs):
    histories = histories_of(history, system, pairs.requests)
    for request in range(0, len(pairs.requests), 37):
        t, user = int(pairs.requests.t[request]), int(pairs.requests.user[request])
        had = had_before(history, user, t)
        assert histories[request] == had
        items = pairs.item[pairs.request == request].tolist()
        assert len(set(items)) == len(items) <= system.requirements.candidates
        assert not set(items) & set(had)


def test_popularity_counts_the_events_before_each_request(history, pairs):
    batch = history.batches["Vote"]
    for row in range(0, len(pairs), 1_501):
        before = (batch.time < pairs.t[row]) & (batch.columns["movie"].values == pairs.item[row])
        assert pairs.scores["popular"][row] == before.sum()


def test_requests_are_the_newest_with_a_liked_film(history, system, pairs):
    assert len(pairs.requests) == EFFORT.requests
    assert (pairs.requests.t < CUT).all()
    assert (pairs.requests.relevant() > 0).all()
    few = ranker_pairs(history, system, CUT, Effort(requests=20))
    assert few.requests.t.tolist() == pairs.requests.t[-20:].tolist()


def test_features_are_the_models_and_lists_of_items_are_not(history, system, pairs):
    columns = features_of(history, system, pairs.take(np.arange(50)))
    assert set(columns) == set(model_columns(history))
    assert "had" not in columns
    assert "genres" in columns
    np.testing.assert_array_equal(columns["ease"], pairs.scores["ease"][:50])


def made_pairs(draw, n, most):
    """Requests at moments 0, 1, 2, …, each with some candidates, the first of them positive."""
    sizes = [draw.randrange(1, most) for _ in range(n)]
    request = np.repeat(np.arange(n), sizes)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    label = np.zeros(len(request))
    label[first] = 1.0
    none = np.empty(0, np.int64)
    requests = Requests(np.arange(n), np.arange(n), {}, none, none, none.astype(float), none.astype(float))
    return Pairs(requests, request, np.arange(len(request)), label, {}, np.ones(n, np.bool_))


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_positives_and_held_out_requests_are_kept_whole(draw, negatives):
    pairs = made_pairs(draw, 40, 60)
    kept, weight, held_out = sample(pairs, Effort(negatives=negatives, seed=draw.randrange(9)))
    newest = pairs.requests.t >= np.quantile(pairs.requests.t, 1 - CALIBRATION_SHARE, method="nearest")
    whole = newest[pairs.request]
    assert kept.item[held_out].tolist() == pairs.item[whole].tolist()
    assert kept.item[kept.label > 0].tolist() == pairs.item[pairs.label > 0].tolist()
    assert (weight[held_out | (kept.label > 0)] == 1).all()
    assert (weight >= 1).all()
    sizes = np.bincount(pairs.request)
    assert np.allclose(
        weight[~held_out & (kept.label == 0)],
        np.maximum(1, sizes[kept.request[~held_out & (kept.label == 0)]] / negatives),
    )


def test_weights_add_up_to_the_negatives_they_stand_for():
    import random

    pairs = made_pairs(random.Random(0), 60, 80)
    _, _, held = sample(pairs, Effort(negatives=10_000))
    negatives = int(((pairs.label == 0) & ~held).sum())
    totals = []
    for seed in range(400):
        kept, weight, held_out = sample(pairs, Effort(negatives=5, seed=seed))
        totals.append(weight[~held_out & (kept.label == 0)].sum())
    assert abs(np.mean(totals) - negatives) < 4 * np.std(totals) / 20  # four standard errors of 400 draws
