"""EASE: the linear item-to-item model in closed form (Steck, Embarrassingly Shallow Autoencoders, 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.models.base import Matrix, Vector
from heptad.models.files import read_arrays, write_arrays
from heptad.models.gram import distinct, gram
from heptad.models.items import Histories, Ids, Vocabulary, top_of_rows

_FILE: Final = "ease.npz"


class EASE:
    """score(i | history) = Σ over j in the history of B[j, i].

    B minimises |X − XB|² + λ|B|² with a zero diagonal: with P = (XᵀX + λI)⁻¹, B[j, i] = −P[j, i] / P[i, i].
    B is kept as float32 and summed in float64 in the order of item ids, so that a score is the same to the
    last bit alone and in a batch.
    """

    family: ClassVar[str] = "ease"

    def __init__(self, vocabulary: Vocabulary, weights: NDArray[np.float32], trained_through: int) -> None:
        self._vocabulary, self._weights, self.trained_through = vocabulary, weights, trained_through

    @classmethod
    def fit(
        cls,
        users: ArrayLike,
        items: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        trained_through: int,
        regularisation: float = 250.0,
    ) -> Self:
        """Learn from interactions before ``trained_through`` (microseconds), one per row.

        ``regularisation`` is λ; it grows with the number of users (250 suits MovieLens 100K).
        """
        vocabulary, codes = Vocabulary.learn(items)
        matrix = gram(*distinct(users, codes, weights), len(vocabulary))
        matrix[np.diag_indices(len(vocabulary))] += regularisation
        inverse = np.linalg.inv(matrix)
        learned = inverse / -np.diag(inverse)
        np.fill_diagonal(learned, 0.0)
        return cls(vocabulary, learned.astype(np.float32), int(trained_through))

    @property
    def items(self) -> NDArray[Any]:
        """The item ids known, sorted; columns of `scores` are in this order."""
        return self._vocabulary.ids

    def scores(self, histories: Histories) -> Matrix:
        """(n, len(items)); a row of zeros for a history of unknown items only."""
        scores = np.zeros((len(histories), len(self._vocabulary)))
        for row, history in zip(scores, histories, strict=True):
            self._add(history, row)
        return scores

    def score(self, histories: Histories, items: Sequence[Ids]) -> list[Vector]:
        """For each history the scores of the given items; NaN for an unknown item."""
        pairs = zip(self.scores(histories), items, strict=True)
        return [self._vocabulary.select(row, ids) for row, ids in pairs]

    def top(
        self, histories: Histories, k: int, exclude: Histories | None = None
    ) -> list[tuple[NDArray[Any], Vector]]:
        """For each history at most k (item ids, scores), best first; nothing for an unknown history."""
        return top_of_rows(self._vocabulary, self.scores(histories), k, exclude)

    def save(self, directory: Path) -> None:
        """Write ``ease.npz``: 4 bytes per pair of items."""
        through = np.asarray(self.trained_through, dtype=np.int64)
        write_arrays(
            directory / _FILE, {"items": self.items, "weights": self._weights, "trained_through": through}
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_arrays(directory / _FILE)
        return cls(Vocabulary(saved["items"]), saved["weights"], int(saved["trained_through"]))

    def _add(self, history: Ids, row: Vector) -> None:
        known = self._vocabulary.known(history)
        if len(known):
            np.add.reduce(self._weights[known], axis=0, dtype=np.float64, out=row)
