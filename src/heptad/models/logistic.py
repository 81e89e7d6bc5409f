"""Logistic regression on standardised columns: the simple model every other one must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from heptad.errors import MissingExtra
from heptad.models.base import Matrix, Vector, check_training, check_width
from heptad.models.files import read_arrays, write_arrays

_FILE: Final = "logistic.npz"


class Logistic:
    """L2-regularised logistic regression; fitted by scikit-learn, served by numpy alone.

    A number is standardised and a missing one becomes the mean; a column that had missing values in training
    also gets a 0/1 "is missing" column. A code column (``categorical``) becomes one 0/1 column per code seen
    in training; another code, or a missing one, is all zeros.

    ``strength`` is scikit-learn's C: smaller is a stronger pull to zero.
    """

    family: ClassVar[str] = "logistic"

    def __init__(
        self, *, strength: float = 1.0, categorical: Sequence[int] = (), iterations: int = 1000
    ) -> None:
        self.strength, self.iterations = strength, iterations
        self.categorical = tuple(categorical)
        self._fitted: dict[str, Any] = {}

    def fit(self, x: Matrix, y: Vector, weight: Vector | None = None) -> Self:
        """Learn from x (n, d), y (n,) of 0 and 1, weight (n,)."""
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError as error:
            raise MissingExtra.of("models.Logistic", "sklearn", "sklearn") from error
        check_training(self.family, x, y, weight)
        numeric = np.setdiff1d(np.arange(x.shape[1]), self.categorical)
        numbers = x[:, numeric]
        present = ~np.isnan(numbers)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, numbers, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(present, numbers - mean, 0.0) ** 2).sum(axis=0) / count)
        codes = [np.unique(x[~np.isnan(x[:, column]), column]) for column in self.categorical]
        self._fitted = {
            "width": np.int64(x.shape[1]),
            "numeric": numeric,
            "mean": mean,
            "scale": np.where(spread > 0, spread, 1.0),
            "indicated": np.flatnonzero(~present.all(axis=0)),
            "code_column": np.repeat(np.asarray(self.categorical, dtype=np.int64), [len(c) for c in codes]),
            "code_value": np.concatenate([*codes, np.empty(0)]),
        }
        model = LogisticRegression(C=self.strength, max_iter=self.iterations)
        model.fit(self._design(x), y, sample_weight=weight)
        self._fitted["coefficients"] = model.coef_[0].astype(np.float64)
        self._fitted["intercept"] = np.float64(model.intercept_[0])
        return self

    def predict_proba(self, x: Matrix) -> Vector:
        """The probability of 1 for each row, (n,)."""
        check_width(self.family, x, int(self._fitted["width"]))
        # einsum adds in one order whatever the number of rows; a BLAS product need not
        scores = np.einsum("ij,j->i", self._design(x), self._fitted["coefficients"])
        return _sigmoid(scores + self._fitted["intercept"])

    def contributions(self, x: Matrix) -> Matrix:
        """What each column adds to the log-odds of each row, (n, d + 1); the last column is the intercept.

        A number counts from its mean in training, of which it adds nothing; a code column adds its code's coefficient.
        """
        check_width(self.family, x, int(self._fitted["width"]))
        fitted = self._fitted
        parts = self._design(x) * fitted["coefficients"]
        owner = np.concatenate(
            [fitted["numeric"], fitted["numeric"][fitted["indicated"]], fitted["code_column"]]
        )
        out = np.zeros((len(x), int(fitted["width"]) + 1))
        np.add.at(out.T, owner.astype(np.int64), parts.T)
        out[:, -1] = fitted["intercept"]
        return out

    def save(self, directory: Path) -> None:
        """Write ``logistic.npz``."""
        settings = {
            "strength": np.asarray(self.strength),
            "iterations": np.asarray(self.iterations),
            "categorical": np.asarray(self.categorical, dtype=np.int64),
        }
        write_arrays(directory / _FILE, {**self._fitted, **settings})

    @classmethod
    def load(cls, directory: Path, vouched: Mapping[str, str] | None = None) -> Self:
        """Read what `save` wrote."""
        arrays = read_arrays(directory / _FILE)
        model = cls(
            strength=float(arrays.pop("strength")),
            iterations=int(arrays.pop("iterations")),
            categorical=arrays.pop("categorical").tolist(),
        )
        model._fitted = arrays
        return model

    def _design(self, x: Matrix) -> Matrix:
        fitted = self._fitted
        numbers = x[:, fitted["numeric"]]
        missing = np.isnan(numbers)
        standard = np.where(missing, 0.0, (numbers - fitted["mean"]) / fitted["scale"])
        hot = x[:, fitted["code_column"]] == fitted["code_value"]
        return np.ascontiguousarray(np.hstack([standard, missing[:, fitted["indicated"]], hot]))


def _sigmoid(scores: Vector) -> Vector:
    """1 / (1 + exp(-s)) without overflow."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, small) / (1.0 + small))
