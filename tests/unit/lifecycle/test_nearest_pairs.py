"""What the nearest score for training is their cosine by the vectors that were true and known at each request."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.lifecycle.pairs import changes_of, features_of, histories_of
from heptad.lifecycle.training import Effort, ranker_pairs
from heptad.testing import looks
from heptad.testing.world import CUT

EFFORT = Effort(requests=400, negatives=15)


@pytest.fixture(scope="module")
def past():
    system = looks.system()
    history = looks.history(system.plan)
    return system, history, ranker_pairs(history, system, CUT, EFFORT)


def known_at(t):
    """{film: vector} by the definition: the newest row before t, and no film that is gone or has none."""
    newest = {row["movie"]: row for row in looks.rows() if row["since"] < t}
    return {
        film: np.array(row["look"], np.float64)
        for film, row in newest.items()
        if row["look"] is not None and not row["gone"]
    }


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_each_request_is_compared_with_the_vectors_of_its_moment(past):
    system, history, pairs = past
    histories, sizes = histories_of(history, system, pairs.requests), set()
    for request in range(0, len(pairs.requests), 11):
        known = known_at(int(pairs.requests.t[request]))
        sizes.add(len(known))
        last = [unit(known[film]) for film in histories[request][:5] if film in known]
        mine = pairs.request == request
        near = dict(zip(pairs.item[mine].tolist(), pairs.scores["near"][mine].tolist(), strict=True))
        if not last:
            assert not any(near.values())
            continue
        mean = unit(np.mean(last, axis=0))
        cosine = {film: float(unit(vector) @ mean) for film, vector in known.items()}
        for film, score in near.items():
            assert score == pytest.approx(cosine.get(film, 0.0), abs=1e-6)
        best = sorted((-c, film) for film, c in cosine.items() if film not in histories[request])[:15]
        assert {film for _, film in best} <= near.keys()
    assert len(sizes) > 2


def test_a_score_goes_with_the_vector_that_is_the_feature(past):
    """An item has a score where its row has a vector at the request, and the user has had one too."""
    system, history, pairs = past
    columns = features_of(history, system, pairs)
    has = ~np.isnan(columns["look"][:, 0])
    assert not columns["near"][~has].any()
    np.testing.assert_array_equal(columns["near"], pairs.scores["near"])
    scored = np.zeros(len(pairs.requests), np.bool_)
    scored[pairs.request[columns["near"] != 0]] = True
    assert (columns["near"][has & scored[pairs.request]] != 0).all()


def test_a_change_is_told_once_to_the_first_request_that_sees_it(past):
    _, history, pairs = past
    changes = changes_of(history, "look", pairs.requests)
    assert (np.diff(changes.request) >= 0).all()
    told = list(zip(changes.request.tolist(), changes.items, strict=True))
    assert len(set(told)) == len(told)
    t = pairs.requests.t
    for row in looks.rows():
        first = int((t <= row["since"]).sum())
        assert (first == len(t)) or (first, row["movie"]) in told
