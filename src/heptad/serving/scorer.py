"""What is trained together and served together: encoder, classifier, calibrator, retriever, for one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.models.base import Classifier, Matrix, Vector
from heptad.models.calibrator import Calibrator
from heptad.models.encoder import Encoder
from heptad.models.files import read_json, write_json
from heptad.models.loading import load_classifier, save_classifier
from heptad.retrieval.artefacts import load_retriever, save_retriever
from heptad.retrieval.blend import Retriever

_FILE: Final = "scorer.json"
_FORMAT: Final = 1
_MODEL: Final = "model"


@dataclass(frozen=True, eq=False)
class Scorer:
    """One version of everything learned. ``plan_hash`` is that of the plan whose columns it was trained on.

    ``version`` is its name in the registry, given when it is loaded; it is part of every answer. A ranking has a
    ``retriever``; a classification has the ``threshold`` of its review and the ``prior``, the share of true
    labels it was trained on.
    """

    encoder: Encoder
    classifier: Classifier
    retriever: Retriever | None
    plan_hash: str
    calibrator: Calibrator | None = None
    version: str = "unregistered"
    threshold: float | None = None
    prior: float | None = None

    @property
    def trained_through(self) -> int:
        """The end of what any part was trained on, in microseconds: it may serve from then on."""
        parts = [self.encoder.trained_through]
        if self.retriever is not None:
            parts.append(self.retriever.trained_through)
        if self.calibrator is not None:
            parts.append(self.calibrator.trained_through)
        return max(parts)

    @property
    def sources(self) -> Retriever:
        """The candidate sources of a ranking; StateError for a classification's scorer."""
        if self.retriever is None:
            raise StateError(
                f"scorer {self.version}", "one of a ranking, with candidate sources", "one of a classification",
                "serve the declaration it was trained with",
            )  # fmt: skip
        return self.retriever

    def encode(self, columns: Mapping[str, NDArray[Any]]) -> Matrix:
        """The matrix (n, d) the classifier sees."""
        return self.encoder.transform(columns)

    def probability(self, matrix: Matrix) -> Vector:
        """(n,): the classifier's probability, calibrated where there is a calibrator."""
        if len(matrix) == 0:
            return np.empty(0)
        predicted = self.classifier.predict_proba(matrix)
        return predicted if self.calibrator is None else self.calibrator.predict(predicted)

    def save(self, directory: Path) -> None:
        """Write all parts into ``directory``; `Registry.register` takes it from there."""
        self.encoder.save(directory / "encoder")
        save_classifier(self.classifier, directory / _MODEL)
        if self.retriever is not None:
            save_retriever(self.retriever, directory / "retriever")
        if self.calibrator is not None:
            self.calibrator.save(directory / "calibrator")
        write_json(
            directory / _FILE,
            {
                "format": _FORMAT,
                "plan_hash": self.plan_hash,
                "calibrated": self.calibrator is not None,
                "retrieves": self.retriever is not None,
                "threshold": self.threshold,
                "prior": self.prior,
                "trained_through": self.trained_through,
            },
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        plan_hash: str,
        *,
        version: str = "unregistered",
        vouched: Mapping[str, str] | None = None,
    ) -> Self:
        """Read what `save` wrote, for the plan of this hash and no other.

        ``vouched``: SHA-256 by file name relative to ``directory``, from the registry (`Version.files`).
        Raises StateError for another plan's scorer, or for what is missing or damaged.
        """
        settings = read_json(directory / _FILE)
        if settings.get("format") != _FORMAT:
            raise StateError(
                f"scorer in {directory.name}", f"format {_FORMAT}", f"format {settings.get('format')!r}",
                "load it with the version of heptad that saved it, or train again",
            )  # fmt: skip
        if settings.get("plan_hash") != plan_hash:
            raise StateError(
                f"scorer {version}", f"one trained on the features of plan {plan_hash}",
                f"plan {settings.get('plan_hash')}",
                "train again with this declaration, or serve the declaration it was trained with",
            )  # fmt: skip
        within = f"{_MODEL}/"
        model_files = {
            name.removeprefix(within): digest
            for name, digest in (vouched or {}).items()
            if name.startswith(within)
        }
        return cls(
            Encoder.load(directory / "encoder"),
            load_classifier(directory / _MODEL, model_files),
            load_retriever(directory / "retriever") if settings.get("retrieves", True) else None,
            plan_hash,
            Calibrator.load(directory / "calibrator") if settings["calibrated"] else None,
            version,
            settings.get("threshold"),
            settings.get("prior"),
        )
