"""Item models against dense definitions, and the laws they share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, StateError
from heptad.models import gram
from heptad.models.artefact import check_serves
from heptad.models.ease import EASE
from heptad.models.item_knn import ItemKNN
from heptad.models.items import Vocabulary, top_positions
from heptad.models.popularity import Popularity

visits = st.lists(st.tuples(st.integers(0, 5), st.integers(10, 17)), min_size=1, max_size=40)
histories = st.lists(st.lists(st.integers(8, 19), max_size=6), min_size=1, max_size=4)


def dense(drawn):
    """The 0/1 matrix of users by items, and the item ids of its columns."""
    users, items = np.array(drawn).T
    ids = np.unique(items)
    matrix = np.zeros((6, len(ids)))
    matrix[users, np.searchsorted(ids, items)] = 1.0
    return users, items, matrix, ids


def one_hot(history, ids):
    return np.isin(ids, history).astype(float)


@given(visits, histories)
def test_popularity_counts_distinct_users(drawn, asked):
    users, items, matrix, ids = dense(drawn)
    model = Popularity.fit(users, items, trained_through=3)
    assert model.items.tolist() == ids.tolist()
    np.testing.assert_array_equal(model.scores(asked), np.tile(matrix.sum(axis=0), (len(asked), 1)))


@given(visits, histories, st.floats(0.5, 20))
def test_ease_is_the_closed_form(drawn, asked, regularisation):
    users, items, matrix, ids = dense(drawn)
    model = EASE.fit(users, items, trained_through=3, regularisation=regularisation)
    inverse = np.linalg.inv(matrix.T @ matrix + regularisation * np.eye(len(ids)))
    weights = np.eye(len(ids)) - inverse / np.diag(inverse)  # as written in the paper
    expected = [one_hot(history, ids) @ weights for history in asked]
    np.testing.assert_allclose(model.scores(asked), expected, atol=1e-5)


@given(visits, histories, st.integers(1, 8), st.floats(0, 5))
def test_item_knn_sums_the_nearest_neighbours(drawn, asked, neighbours, shrinkage):
    users, items, matrix, ids = dense(drawn)
    model = ItemKNN.fit(users, items, trained_through=3, neighbours=neighbours, shrinkage=shrinkage)
    expected = np.zeros((len(asked), len(ids)))
    for i in range(len(ids)):
        similar = []
        for j in range(len(ids)):
            bottom = np.linalg.norm(matrix[:, i]) * np.linalg.norm(matrix[:, j]) + shrinkage
            similar.append(0.0 if i == j else float(matrix[:, i] @ matrix[:, j]) / bottom)
        nearest = sorted(range(len(ids)), key=lambda j: (-round(similar[j], 12), j))[:neighbours]
        for row, history in enumerate(asked):
            expected[row, i] = sum(similar[j] for j in nearest if ids[j] in history)
    np.testing.assert_allclose(model.scores(asked), expected, atol=1e-9)


@given(visits, histories)
def test_item_knn_adds_one_item_after_the_other(drawn, asked):
    users, items, _, ids = dense(drawn)
    model = ItemKNN.fit(users, items, trained_through=3, neighbours=4)
    for history, found in zip(asked, model.scores(asked), strict=True):
        total = np.zeros(len(ids))
        for one in sorted(set(history)):
            total += model.scores([[one]])[0]
        assert found.tobytes() == total.tobytes()


@pytest.fixture(params=[Popularity, ItemKNN, EASE])
def family(request):
    return request.param


def fitted(family, seed=0, **more):
    generator = np.random.default_rng(seed)
    users, items = generator.integers(0, 40, 600), 100 + generator.zipf(1.5, 600) % 30
    return family.fit(users, items, trained_through=1000, **more)


def test_a_batch_is_its_rows_and_the_order_of_a_history_does_not_matter(family):
    model = fitted(family)
    asked = [[101, 105, 103], [], [110, 101, 102, 104], [999]]
    together = model.scores(asked)
    for row, history in zip(together, asked, strict=True):
        np.testing.assert_array_equal(model.scores([history])[0], row)
        np.testing.assert_array_equal(model.scores([history[::-1] + history + [-1]])[0], row)


def test_the_best_are_the_first_of_all_sorted_scores(family):
    model = fitted(family)
    asked, seen = [[101, 103], [104]], [[101, 103], [102]]
    for k in (1, 5, 1000):
        for history, out, (ids, values) in zip(asked, seen, model.top(asked, k, seen), strict=True):
            row = model.scores([history])[0]
            pairs = [
                (-v, i) for i, v in zip(model.items.tolist(), row, strict=True) if v != 0 and i not in out
            ]
            assert ids.tolist() == [item for _, item in sorted(pairs)[:k]]
            assert values.tolist() == [-value for value, _ in sorted(pairs)[:k]]


def test_scores_of_named_items_and_unknown_ones(family):
    model = fitted(family)
    (found,) = model.score([[101]], [[103, 999, 104]])
    column = model.items.tolist().index
    assert found[0] == model.scores([[101]])[0, column(103)]
    assert np.isnan(found[1])
    assert found[2] == model.scores([[101]])[0, column(104)]


def test_an_unknown_history_proposes_nothing_unless_all_get_the_same(family):
    model = fitted(family)
    (ids, _), (more, _) = model.top([[999], []], 5)
    assert len(ids) == len(more) == (5 if family is Popularity else 0)


def test_saving_and_loading_keeps_every_bit(family, tmp_path):
    model = fitted(family)
    model.save(tmp_path)
    again = family.load(tmp_path)
    assert again.trained_through == 1000
    np.testing.assert_array_equal(again.items, model.items)
    asked = [[101, 103], [104, 105]]
    np.testing.assert_array_equal(again.scores(asked), model.scores(asked))
    next(tmp_path.iterdir()).write_bytes(b"PK nothing")
    with pytest.raises(StateError, match="npz"):
        family.load(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"target": [0, 3]}, {"target": [0, -1]}, {"target": [0]}, {"similarity": [1.0]},
        {"start": [0, 1, 2]}, {"start": [0, 2, 1, 2]}, {"start": [1, 1, 1, 2]}, {"start": [0, 1, 1, 3]},
    ],
)  # fmt: skip
def test_neighbours_that_are_no_items_are_refused(tmp_path, damage):
    """The kernel that adds them up goes where they point."""
    ids = Vocabulary(np.array([7, 8, 9]))
    arrays = {"start": np.array([0, 1, 1, 2]), "target": np.array([1, 0]), "similarity": np.ones(2)}
    ItemKNN(ids, *arrays.values(), 0).save(tmp_path)
    assert ItemKNN.load(tmp_path).scores([[7, 9]]).tolist() == [[1.0, 1.0, 0.0]]
    ItemKNN(ids, *(arrays | {name: np.array(new) for name, new in damage.items()}).values(), 0).save(tmp_path)
    with pytest.raises(StateError, match="lists that do not fit"):
        ItemKNN.load(tmp_path)


def test_text_ids_work_and_survive_saving(family, tmp_path):
    users, items = [1, 1, 2, 2, 3, 3], np.array(["x", "y", "x", "z", "x", "y"], dtype=object)
    model = family.fit(users, items, trained_through=0)
    model.save(tmp_path)
    for model_ in (model, family.load(tmp_path)):
        ((ids, _),) = model_.top([["x"]], 2, [["x"]])
        assert ids.tolist() == ["y", "z"]


def test_weights_count_once_per_user_and_item_with_the_largest():
    model = Popularity.fit([1, 1, 2], [7, 7, 7], [1.0, 5.0, 2.0], trained_through=0)
    assert model.scores([[]]).tolist() == [[7.0]]


def test_users_in_blocks_give_the_same_matrix(monkeypatch, family):
    whole = fitted(family).scores([[101, 103]])
    monkeypatch.setattr(gram, "_USERS_AT_ONCE", 7)
    np.testing.assert_allclose(fitted(family).scores([[101, 103]]), whole, atol=1e-6)


def test_too_many_items_and_wrong_columns_are_refused(monkeypatch):
    with pytest.raises(DataError, match="columns of one table"):
        EASE.fit([1, 2], [3], trained_through=0)
    with pytest.raises(DataError, match="all text or all whole numbers"):
        Popularity.fit([1, 2], np.array(["a", 3], dtype=object), trained_through=0)
    with pytest.raises(DataError, match="text or to integers"):
        Popularity.fit([1], [0.5], trained_through=0)
    monkeypatch.setattr(gram, "MAX_ITEMS", 1)
    with pytest.raises(DataError, match="most frequent items"):
        EASE.fit([1, 1], [3, 4], trained_through=0)


@given(st.lists(st.integers(-3, 3), max_size=20), st.integers(0, 25))
def test_top_positions_is_a_stable_sort_cut_short(values, k):
    scores = np.array(values, dtype=float)
    assert top_positions(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


def test_codes_of_ids():
    vocabulary, codes = Vocabulary.learn(["b", "a", "b"])
    assert codes.tolist() == [1, 0, 1]
    assert vocabulary.codes(["b", "?"]).tolist() == [1, -1]
    assert vocabulary.known(np.array(["b", "?", "b", "a"])).tolist() == [0, 1]


def test_an_artefact_may_not_feed_rows_it_has_seen():
    check_serves("ease", 1000, [1000, 2000])
    with pytest.raises(DataError, match="1 earlier rows"):
        check_serves("ease", 1000, [999, 1000])
