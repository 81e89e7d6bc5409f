"""A trained two-stage model: encoder, classifier and calibrator over the plan's columns."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.declare.model import GBDT, Logistic, Model
from heptad.errors import DataError
from heptad.models.base import Classifier
from heptad.models.calibrator import Calibrator
from heptad.models.encoder import Encoder, Kind


class Predicts(Protocol):
    """What gives every row a probability from its columns."""

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Constant:
    """The same probability for every row."""

    p: float

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(p,) times the constant."""
        return np.full(len(next(iter(columns.values()))), self.p)


@dataclass(frozen=True, eq=False)
class Predictor:
    """What turns columns into a calibrated probability."""

    encoder: Encoder
    classifier: Classifier
    calibrator: Calibrator | None

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """The probability of a positive outcome of every row, (p,)."""
        raw = self.classifier.predict_proba(self.encoder.transform(columns))
        return raw if self.calibrator is None else self.calibrator.predict(raw)


def classifier_of(declared: GBDT | Logistic | Model, encoder: Encoder, *, threads: int = 1) -> Classifier:
    """An untrained classifier of the declared family.

    One thread: on a shared machine a second one waits more than it helps (4.9 s against 21.9 s measured).
    """
    match declared:
        case GBDT():
            from heptad.models.gbdt import GBDT as Trees

            return Trees(
                trees=declared.trees,
                leaves=declared.leaves,
                learning_rate=declared.learning_rate,
                min_rows=declared.min_rows_per_leaf,
                categorical=encoder.categorical,
                threads=threads,
            )
        case Logistic():
            from heptad.models.logistic import Logistic as Line

            return Line(strength=declared.c, categorical=encoder.categorical)
        case Model():
            from heptad.models.wrapped import Wrapped

            return Wrapped(copy.deepcopy(declared.estimator))


def fit_predictor(
    declared: GBDT | Logistic | Model,
    columns: Mapping[str, NDArray[Any]],
    holds: Mapping[str, Kind],
    label: NDArray[np.float64],
    weight: NDArray[np.float64],
    held_out: NDArray[np.bool_],
    trained_through: int,
) -> Predictor:
    """Train on the rows not held out, calibrate on those held out (all of their candidates, unweighted).

    ``weight`` (p,) undoes the down-sampling of negatives, so that probabilities mean what they say.
    """
    train = ~held_out
    if not label[train].any():
        raise DataError(
            "training rows", "a positive outcome among the candidates", "none",
            "train on more requests, or add a candidate source that finds what users choose",
        )  # fmt: skip
    encoder = Encoder.fit({n: v[train] for n, v in columns.items()}, holds, trained_through)
    matrix = encoder.transform(columns)
    classifier = classifier_of(declared, encoder)
    classifier.fit(matrix[train], label[train], weight[train])
    calibrator = None
    if label[held_out].any() and not label[held_out].all():
        raw = classifier.predict_proba(matrix[held_out])
        # Platt, however many rows: a list is ordered by the calibrated score, and the steps of an isotonic
        # curve would tie the very items at its top
        calibrator = Calibrator.fit(raw, label[held_out], trained_through, method="platt")
    return Predictor(encoder, classifier, calibrator)
