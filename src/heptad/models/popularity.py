"""The most popular items: the same for everybody, the floor every recommender must beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.models.base import Matrix, Vector
from heptad.models.files import read_arrays, write_arrays
from heptad.models.gram import distinct
from heptad.models.items import Histories, Ids, Vocabulary, top_of_rows

_FILE: Final = "popularity.npz"


class Popularity:
    """Scores an item by its number of distinct users (or by the sum of their largest weights)."""

    family: ClassVar[str] = "popularity"

    def __init__(self, vocabulary: Vocabulary, totals: Vector, trained_through: int) -> None:
        self._vocabulary, self._totals, self.trained_through = vocabulary, totals, trained_through

    @classmethod
    def fit(
        cls, users: ArrayLike, items: ArrayLike, weights: ArrayLike | None = None, *, trained_through: int
    ) -> Self:
        """Learn from interactions before ``trained_through`` (microseconds), one per row."""
        vocabulary, codes = Vocabulary.learn(items)
        _, item, weight = distinct(users, codes, weights)
        totals = np.bincount(item, weights=weight, minlength=len(vocabulary)).astype(np.float64)
        return cls(vocabulary, totals, int(trained_through))

    @property
    def items(self) -> NDArray[Any]:
        """The item ids known, sorted; columns of `scores` are in this order."""
        return self._vocabulary.ids

    def scores(self, histories: Histories) -> Matrix:
        """(n, len(items)); every row is the same."""
        return np.tile(self._totals, (len(histories), 1))

    def score(self, histories: Histories, items: Sequence[Ids]) -> list[Vector]:
        """For each history the scores of the given items; NaN for an unknown item."""
        return [self._vocabulary.select(self._totals, ids) for _, ids in zip(histories, items, strict=True)]

    def top(
        self, histories: Histories, k: int, exclude: Histories | None = None
    ) -> list[tuple[NDArray[Any], Vector]]:
        """For each history the k most popular (item ids, scores) that are not excluded."""
        return top_of_rows(self._vocabulary, self.scores(histories), k, exclude)

    def save(self, directory: Path) -> None:
        """Write ``popularity.npz``."""
        through = np.asarray(self.trained_through, dtype=np.int64)
        write_arrays(
            directory / _FILE, {"items": self.items, "totals": self._totals, "trained_through": through}
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_arrays(directory / _FILE)
        return cls(Vocabulary(saved["items"]), saved["totals"], int(saved["trained_through"]))
