"""A search by pictures: which rows teach, what is measured, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.evaluation.gate import CHAMPION
from heptad.lifecycle import search
from heptad.lifecycle.evaluate import MAIN
from heptad.registry.registry import Registry
from heptad.retrieval.similar import Embedding
from heptad.testing import tiny_pictures as tiny
from heptad.testing.tiny_pictures import squares

pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def gallery() -> search.Gallery:
    return search.gallery_of(squares, tiny.rows())


@pytest.fixture(scope="module")
def features(gallery, tmp_path_factory) -> np.ndarray:
    return tiny.backbone(tmp_path_factory.mktemp("memo")).features(gallery.pictures)


@pytest.fixture(scope="module")
def held(gallery) -> np.ndarray:
    return search.held_out(squares, gallery)


@pytest.fixture(scope="module")
def projection(gallery, features, held):
    return search.train(squares, gallery, features, held)


@pytest.fixture(scope="module")
def outcome(gallery, features, held, projection) -> search.Outcome:
    return search.compare(squares, gallery, features, held, {MAIN: projection})


def test_rows_without_a_picture_are_left_out_and_counted():
    rows = tiny.rows(6)
    rows["picture"][2] = None
    found = search.gallery_of(squares, rows)
    assert found.keys == [0, 1, 3, 4, 5]
    assert found.without == 1
    assert found.facts["colour"] == [rows["colour"][place] for place in found.keys]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("square", None, "a key of its own in every row, got None"),
        ("square", 1, "got 1, twice"),
        ("square", 2.5, "got 2.5"),
        ("picture", "shoe.jpg", "the bytes of a picture, or null, got str"),
        ("colour", 7, "Square.colour: expected texts or nulls, got 7"),
    ],
)
def test_a_wrong_row_is_named(column, value, said):
    rows = tiny.rows(6)
    rows[column][0] = value
    with pytest.raises(DataError) as caught:
        search.gallery_of(squares, rows)
    assert said in str(caught.value)


def test_the_same_rows_have_the_same_hash_and_others_do_not(gallery):
    assert search.gallery_of(squares, tiny.rows()).hash == gallery.hash
    changed = tiny.rows()
    changed["colour"][5] = "grey"
    assert search.gallery_of(squares, changed).hash != gallery.hash


def test_a_row_stays_on_its_side_whatever_other_rows_there_are(gallery, held):
    assert 0.25 < held.mean() < 0.55  # of 0.4 declared, 120 rows
    fewer = search.gallery_of(squares, {name: values[30:60] for name, values in tiny.rows().items()})
    np.testing.assert_array_equal(search.held_out(squares, fewer), held[30:60])


def test_rows_of_one_series_stay_together():
    together = replace(
        squares, evaluation=hp.Evaluation(hp.EntitySplit(test=0.4, together=tiny.Square.series))
    )
    gallery = search.gallery_of(together, tiny.rows())
    sides = search.held_out(together, gallery).reshape(-1, 8)
    assert (sides.all(axis=1) | ~sides.any(axis=1)).all()
    assert len(set(sides[:, 0].tolist())) == 2


def test_nothing_held_out_is_learned_from(gallery, features, held, projection):
    scrambled = features.copy()
    scrambled[held] = 1e6
    assert search.train(squares, gallery, scrambled, held).version == projection.version


def test_the_projection_is_compared_with_frozen_features_and_chance(outcome, held):
    measured = {name: scores.metrics["precision@5"] for name, scores in outcome.contenders.items()}
    assert list(measured) == [MAIN, "frozen", "chance"]
    assert measured[MAIN] > measured["frozen"] > measured["chance"]
    assert measured["chance"] == pytest.approx(0.25, abs=0.05)
    assert outcome.queries == held.sum()
    assert list(outcome.others) == ["size"]


def test_the_gate_decides_and_the_registry_holds_what_serves(
    outcome, gallery, projection, features, held, tmp_path
):
    registry = Registry(tmp_path / "registry")
    embedding = Embedding(tiny.backbone(tmp_path), projection)
    version, verdict = search.register(
        registry, "squares", squares, gallery, embedding, outcome, plan=squares.plan.hash, time=1_000_000
    )
    assert verdict.passed, verdict
    assert registry.champion("squares").name == version.name
    assert version.metrics["precision@5"] == outcome.contenders[MAIN].metrics["precision@5"]
    assert (version.path / "projection.npz").is_file()
    blind = features.copy()
    blind[:] = np.random.default_rng(0).normal(size=features.shape)
    worse = search.train(squares, gallery, blind.astype(np.float32), held)
    again = search.compare(squares, gallery, features, held, {MAIN: worse, CHAMPION: projection})
    second, refused = search.register(
        registry, "squares", squares, gallery, Embedding(tiny.backbone(tmp_path), worse), again,
        plan=squares.plan.hash, time=2_000_000,
    )  # fmt: skip
    assert not refused.passed
    assert registry.champion("squares").name == version.name
    assert registry.get("squares", second.name).stage == "refused"


def test_the_sections_hold_what_the_report_reads(outcome):
    found = search.sections(squares, outcome)
    assert set(found["metrics"]) == {MAIN, "frozen", "chance"}
    low, high = found["intervals"][MAIN]["precision@5"]
    assert low <= found["metrics"][MAIN]["precision@5"] <= high
    assert {(row["metric"], row["against"]) for row in found["paired"]} >= {("precision@10", "frozen")}
    kpi = found["kpi"]["by_model"][MAIN]["kpi"]
    assert kpi == pytest.approx(5_000 * found["metrics"][MAIN]["precision@5"])
