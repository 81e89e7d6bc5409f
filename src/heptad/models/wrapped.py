"""Any object with ``fit`` and ``predict_proba``, as a model; unpickled only when its hash is vouched for."""

from __future__ import annotations

import copy
import hashlib
import hmac
import inspect
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np

from heptad.errors import DataError, StateError
from heptad.models.base import Matrix, Vector, check_training

_FILE: Final = "wrapped.pickle"


class Estimator(Protocol):
    """What a user's own model must have; scikit-learn's classifiers and pipelines do."""

    def fit(self, x: Any, y: Any, /) -> Any: ...

    def predict_proba(self, x: Any, /) -> Any: ...


class Wrapped:
    """A user's own estimator behind the common protocol.

    Each `fit` starts from a copy of the object as it was given, so a retrain never continues an old fit.
    The estimator gets the matrix as it is: NaN where a value is missing. ``predict_proba`` may return (n,) or
    (n, 2); of two columns the second is the probability of 1. Weights go to ``fit(..., sample_weight=)`` where
    it has that parameter; an estimator without it learns unweighted, and calibration sets its level right.
    """

    family: ClassVar[str] = "wrapped"

    def __init__(self, estimator: Estimator) -> None:
        self._prototype: Any = estimator
        self._fitted: Any = None

    def fit(self, x: Matrix, y: Vector, weight: Vector | None = None) -> Self:
        """Fit a fresh copy of the estimator. Raises DataError where its own ``fit`` fails."""
        check_training(self.family, x, y, weight)
        self._fitted = copy.deepcopy(self._prototype)
        weighs = "sample_weight" in inspect.signature(self._fitted.fit).parameters
        try:
            self._fitted.fit(x, y, **({"sample_weight": weight} if weighs and weight is not None else {}))
        except Exception as error:
            said = next(iter(str(error).splitlines()), "nothing")
            raise DataError(
                f"fit of {type(self._fitted).__name__}", "a model of the training rows, NaN where a value is missing",
                f"{type(error).__name__}: {said}", "mend the estimator, or put an imputer before it in a pipeline",
            ) from error  # fmt: skip
        return self

    def predict_proba(self, x: Matrix) -> Vector:
        """The probability of 1 for each row, (n,)."""
        rows = np.ascontiguousarray(x)  # in one layout always: products may add in the order of memory
        given = np.asarray(self._fitted.predict_proba(rows), dtype=np.float64)
        found = given[:, 1] if given.ndim == 2 and given.shape[1] == 2 else given
        if found.shape != (len(x),) or not ((found >= 0) & (found <= 1)).all():
            raise DataError(
                f"predict_proba of {type(self._fitted).__name__}",
                f"probabilities of shape ({len(x)},) or ({len(x)}, 2)",
                f"shape {given.shape}" + ("" if found.shape != (len(x),) else ", some outside 0 to 1"),
                "return the probability of class 1 for each row",
            )
        return found

    def contributions(self, x: Matrix) -> None:
        """What a user's own estimator goes by is not known."""

    def save(self, directory: Path) -> None:
        """Pickle the prototype and the fitted estimator into ``wrapped.pickle``."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / _FILE).write_bytes(pickle.dumps((self._prototype, self._fitted), protocol=5))

    @classmethod
    def load(cls, directory: Path, vouched: Mapping[str, str] | None = None) -> Self:
        """Unpickle, but only bytes whose SHA-256 ``vouched`` holds: a pickle can run any code."""
        try:
            content = (directory / _FILE).read_bytes()
        except OSError as error:
            raise StateError(f"model file {_FILE}", "a saved estimator", error, "train again") from error
        digest = hashlib.sha256(content).hexdigest()
        if not hmac.compare_digest((vouched or {}).get(_FILE, ""), digest):
            raise StateError(
                f"model file {_FILE}",
                "a SHA-256 the registry vouches for, because unpickling can run any code",
                f"{digest[:12]}…, not vouched for",
                "load it through the registry and pass version.files",
            )
        model = cls.__new__(cls)
        model._prototype, model._fitted = pickle.loads(content)
        return model
