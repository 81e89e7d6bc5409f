"""A scorer on disk: the same bits back, and never with another plan's features."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from heptad.declare.serving import EASE, Popular
from heptad.errors import StateError
from heptad.models.calibrator import Calibrator
from heptad.models.encoder import Encoder
from heptad.models.logistic import Logistic
from heptad.models.wrapped import Wrapped
from heptad.retrieval.fit import fit_retriever
from heptad.serving.scorer import Scorer

COLUMNS = {"x": np.array([0.5, np.nan, 2.0]), "kind": np.array(["a", "b", None], object)}


class Even:
    """An estimator of one's own: half for every row."""

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.full(len(x), 0.5)


def scorer(calibrated=True, classifier=None):
    encoder = Encoder.fit(COLUMNS, {"x": "number", "kind": "category"}, 20)
    matrix, y = encoder.transform(COLUMNS), np.array([0.0, 1.0, 1.0])
    calibrator = Calibrator.fit(np.array([0.2, 0.8]), np.array([0.0, 1.0]), 30, method="platt")
    retriever = fit_retriever((EASE(3), Popular(2)), [1, 1, 2], [7, 8, 8], trained_through=10, total=4)
    return Scorer(
        encoder,
        (classifier or Logistic()).fit(matrix, y),
        retriever,
        "plan-1",
        calibrator if calibrated else None,
    )


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_loaded_scorer_gives_the_same_bits(tmp_path, calibrated):
    made = scorer(calibrated)
    made.save(tmp_path)
    loaded = Scorer.load(tmp_path, "plan-1", version="v0001")
    matrix = made.encode(COLUMNS)
    assert loaded.encode(COLUMNS).tobytes() == matrix.tobytes()
    assert loaded.probability(matrix).tobytes() == made.probability(matrix).tobytes()
    assert loaded.retriever.retrieve([[7]]).items.tolist() == made.retriever.retrieve([[7]]).items.tolist()
    assert loaded.version == "v0001"
    assert loaded.trained_through == made.trained_through == (30 if calibrated else 20)


def test_no_rows_give_no_probabilities():
    assert scorer().probability(np.empty((0, 2))).shape == (0,)


def test_another_plan_is_refused(tmp_path):
    scorer().save(tmp_path)
    with pytest.raises(StateError, match="plan-1"):
        Scorer.load(tmp_path, "plan-2")


def test_another_format_is_refused(tmp_path):
    scorer().save(tmp_path)
    file = tmp_path / "scorer.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(StateError, match="format 2"):
        Scorer.load(tmp_path, "plan-1")


def test_a_model_of_ones_own_loads_only_where_its_bytes_are_vouched_for(tmp_path):
    scorer(classifier=Wrapped(Even())).save(tmp_path)
    with pytest.raises(StateError, match="vouche"):
        Scorer.load(tmp_path, "plan-1")
    digests = {
        path.relative_to(tmp_path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    loaded = Scorer.load(tmp_path, "plan-1", vouched=digests)
    assert loaded.classifier.predict_proba(np.zeros((2, 2))).tolist() == [0.5, 0.5]
