"""What every classifier can do, and the checks they share on what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


class Classifier(Protocol):
    """A binary model over a float64 matrix in which NaN means missing.

    ``fit`` takes x (n, d), y (n,) of 0 and 1, and optional positive weights (n,), and returns itself.
    ``predict_proba`` gives the probability of 1, shape (n,), and does not depend on how rows are batched.
    ``contributions`` gives what each column adds to a row's log-odds, (n, d + 1), the last column the base; None
    where the family cannot tell.
    ``save`` writes a directory; ``load`` reads it back and predicts the same bits. ``vouched`` maps file
    names to SHA-256 hex digests from a trusted place (the registry); only a family that unpickles needs it.
    """

    family: ClassVar[str]

    def fit(self, x: Matrix, y: Vector, weight: Vector | None = None) -> Self: ...

    def predict_proba(self, x: Matrix) -> Vector: ...

    def contributions(self, x: Matrix) -> Matrix | None: ...

    def save(self, directory: Path) -> None: ...

    @classmethod
    def load(cls, directory: Path, vouched: Mapping[str, str] | None = None) -> Self: ...


def check_training(family: str, x: Matrix, y: Vector, weight: Vector | None) -> None:
    """Raise `DataError` unless (x, y, weight) can train a binary classifier."""
    thing = f"training data of {family}"
    if x.ndim != 2 or y.shape != x.shape[:1] or (weight is not None and weight.shape != y.shape):
        shapes = f"x {x.shape}, y {y.shape}" + ("" if weight is None else f", weight {weight.shape}")
        raise DataError(thing, "x (n, d), y (n,) and weight (n,)", shapes, "pass one label per row")
    if not np.isin(y, (0, 1)).all():
        raise DataError(thing, "labels 0 and 1", _some(y[~np.isin(y, (0, 1))]), "map the outcome to 0 and 1")
    if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
        raise DataError(thing, "finite weights of 0 or more", "others", "drop or mend the rows")
    used = y if weight is None else y[weight > 0]
    if used.size == 0 or used.min() == used.max():
        raise DataError(
            thing,
            "rows of both classes",
            f"{used.size} rows, all of them {_some(used)}" if used.size else "no row of positive weight",
            "widen the training window or check the label",
        )


def check_width(family: str, x: Matrix, width: int) -> None:
    """Raise `DataError` unless ``x`` has the number of columns the model was fitted on."""
    if x.ndim != 2 or x.shape[1] != width:
        raise DataError(
            f"rows for {family}", f"shape (n, {width})", x.shape, "encode with the fitted encoder"
        )


def _some(values: Vector) -> str:
    return ", ".join(str(value) for value in np.unique(values)[:3])
