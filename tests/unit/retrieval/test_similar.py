"""Rows are found by their pictures from the moment they are added, near-duplicates once, and never by another embedding."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.errors import DataError, StateError
from heptad.models.vision.projection import Projection
from heptad.retrieval.similar import Embedding, Similar, distinct_rows
from heptad.testing import tiny_pictures as tiny

pytest.importorskip("PIL", reason="Pillow is not installed")


def projection(seed: int = 0, size: int = 6) -> Projection:
    """An untrained projection: rectified random directions keep what is near near."""
    draw = np.random.default_rng(seed)
    hidden = 64
    arrays = {
        "mean": np.zeros(192), "spread": np.ones(192), "w1": draw.normal(size=(192, hidden)), "b1": np.zeros(hidden),
        "w2": draw.normal(size=(hidden, size)), "b2": np.zeros(size),
    }  # fmt: skip
    return Projection(**{name: array.astype(np.float32) for name, array in arrays.items()})


@pytest.fixture
def embedding(tmp_path) -> Embedding:
    return Embedding(tiny.backbone(tmp_path), projection())


@pytest.fixture
def shelf(embedding) -> Similar:
    held = tiny.rows(40)
    found = Similar(embedding, attributes=["size"], n=20)
    found.add(held["square"], embedding.features(held["picture"]), {"size": held["size"]})
    return found


def test_a_picture_finds_its_own_row_first_unless_excluded(shelf):
    look = shelf.embedding.look(tiny.picture("blue", 6))
    assert shelf.search(look, 3)[0].item == 6
    assert shelf.search(look, 3)[0].cosine == pytest.approx(1.0, abs=1e-5)
    others = [hit.item for hit in shelf.search(look, 3, exclude=6)]
    assert len(others) == 3
    assert 6 not in others


def test_rows_come_nearest_first_and_as_an_exact_search_would(shelf):
    held = tiny.rows(40)
    vectors = shelf.embedding.projection.vectors(shelf.embedding.features(held["picture"]))
    hits = shelf.search(shelf.embedding.look(held["picture"][3]), 10)
    assert [hit.item for hit in hits] == np.argsort(-(vectors @ vectors[3]), kind="stable")[:10].tolist()
    assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True)


def test_a_filter_narrows(shelf):
    hits = shelf.search(shelf.embedding.look(tiny.picture("red", 0)), 20, where={"size": "large"})
    assert {tiny.rows(40)["size"][hit.item] for hit in hits} == {"large"}
    assert shelf.search(shelf.embedding.look(tiny.picture("red", 0)), 20, where={"size": "huge"}) == []
    with pytest.raises(DataError, match="weight"):
        shelf.search(shelf.embedding.look(tiny.picture("red", 0)), 20, where={"weight": "1"})


def test_a_row_is_found_once_added_and_not_once_deleted(shelf):
    picture = tiny.picture("green", 999)
    look = shelf.embedding.look(picture)
    shelf.add([999], look[None], {"size": ["small"]})
    assert shelf.search(look, 1)[0].item == 999
    assert shelf.delete([999, 12345]) == 1
    assert shelf.search(look, 1)[0].item != 999


def test_near_duplicates_are_shown_once(embedding):
    one, other = tiny.picture("red", 1), tiny.picture("green", 2)
    similar = Similar(embedding, distinct=0.9999)
    similar.add(["a", "again", "other"], embedding.features([one, one, other]))
    assert {hit.item for hit in similar.search(embedding.look(one), 3)} in (
        {"a", "other"},
        {"again", "other"},
    )
    everything = Similar(embedding)
    everything.add(["a", "again", "other"], embedding.features([one, one, other]))
    assert len(everything.search(embedding.look(one), 3)) == 3


@pytest.mark.parametrize("cosine", [0.1, 0.5, 0.9])
def test_distinct_rows_are_those_of_an_obvious_loop(cosine):
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(60, 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    kept: list[int] = []
    for place in range(60):
        if len(kept) < 12 and all(float(rows[before] @ rows[place]) <= cosine for before in kept):
            kept.append(place)
    assert distinct_rows(rows, cosine, 12) == kept


def test_features_are_computed_once_for_equal_bytes(embedding):
    steps: list[int] = []
    picture = tiny.picture("red", 1)
    first = embedding.features([picture, picture, tiny.picture("red", 2)], steps.append)
    assert sum(steps) == 3
    steps.clear()
    again = embedding.features([picture], steps.append)
    assert steps == [1]
    np.testing.assert_array_equal(first[0], again[0])


def test_a_broken_picture_is_named_by_its_place(embedding):
    with pytest.raises(DataError, match="picture 1: expected a JPEG or PNG"):
        embedding.features([tiny.picture("red", 1), b"no picture"])


def test_an_embedding_is_loaded_only_on_the_backbone_it_was_trained_on(embedding, tmp_path, monkeypatch):
    embedding.save(tmp_path / "saved")
    home = embedding.backbone
    monkeypatch.setattr("heptad.retrieval.similar.Backbone.open", lambda name, threads=None: home)
    assert Embedding.load(tmp_path / "saved").version == embedding.version
    home.version = "blocks-2"
    with pytest.raises(StateError, match="blocks-1"):
        Embedding.load(tmp_path / "saved")


def test_vectors_of_another_embedding_are_refused(shelf, tmp_path):
    other = Embedding(tiny.backbone(tmp_path), projection(seed=1))
    assert other.version != shelf.embedding.version
    shelf.embedding = other
    with pytest.raises(StateError, match="vectors of the embedding"):
        shelf.search(other.look(tiny.picture("red", 0)), 1)
