"""Items visited together: cosine neighbours of each item, summed over a history (co-visitation)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import StateError
from heptad.models.base import Matrix, Vector
from heptad.models.files import read_arrays, write_arrays
from heptad.models.gram import distinct, gram
from heptad.models.items import Codes, Histories, Ids, Vocabulary, top_of_rows, top_positions

_FILE: Final = "item_knn.npz"


class ItemKNN:
    """score(i | history) = Σ over j in the history and among i's neighbours of similarity(i, j).

    similarity(i, j) = xᵢ·xⱼ / (|xᵢ| |xⱼ| + shrinkage); each item keeps its ``neighbours`` most similar items
    (Sarwar et al. 2001; Deshpande and Karypis 2004). Kept by history item: for item j the items it speaks for
    are ``target[start[j]:start[j + 1]]``, so a score reads only the lists of the history.
    """

    family: ClassVar[str] = "item_knn"

    def __init__(
        self, vocabulary: Vocabulary, start: Codes, target: Codes, similarity: Vector, trained_through: int
    ) -> None:
        self._vocabulary, self.trained_through = vocabulary, trained_through
        self._start, self._target, self._similarity = start, target, similarity

    @classmethod
    def fit(
        cls,
        users: ArrayLike,
        items: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        trained_through: int,
        neighbours: int = 100,
        shrinkage: float = 0.0,
    ) -> Self:
        """Learn from interactions before ``trained_through`` (microseconds), one per row."""
        vocabulary, codes = Vocabulary.learn(items)
        n_items = len(vocabulary)
        together = gram(*distinct(users, codes, weights), n_items)
        length = np.sqrt(np.diag(together))
        bottom = np.outer(length, length) + shrinkage
        similar = np.divide(together, bottom, out=np.zeros_like(together), where=bottom > 0)
        np.fill_diagonal(similar, 0.0)
        rows, columns = [], []
        for item in range(n_items):
            nearest = top_positions(similar[item], neighbours)
            nearest = nearest[similar[item, nearest] > 0]
            rows.append(np.full(len(nearest), item, dtype=np.int64))
            columns.append(nearest)
        target, source = np.concatenate(rows or [codes]), np.concatenate(columns or [codes])
        order = np.lexsort((target, source))
        target, source = target[order], source[order]
        start = np.searchsorted(source, np.arange(n_items + 1)).astype(np.int64)
        return cls(vocabulary, start, target, similar[target, source], int(trained_through))

    @property
    def items(self) -> NDArray[Any]:
        """The item ids known, sorted; columns of `scores` are in this order."""
        return self._vocabulary.ids

    def scores(self, histories: Histories) -> Matrix:
        """(n, len(items)); 0 where no item of the history is a neighbour."""
        scores = np.zeros((len(histories), len(self._vocabulary)))
        for row, history in zip(scores, histories, strict=True):
            _add(self._start, self._target, self._similarity, self._vocabulary.known(history), row)
        return scores

    def score(self, histories: Histories, items: Sequence[Ids]) -> list[Vector]:
        """For each history the scores of the given items; NaN for an unknown item."""
        pairs = zip(
            histories, items, strict=True
        )  # a row at a time: all together would be as many as histories
        return [self._vocabulary.select(self.scores([history])[0], ids) for history, ids in pairs]

    def top(
        self, histories: Histories, k: int, exclude: Histories | None = None
    ) -> list[tuple[NDArray[Any], Vector]]:
        """For each history at most k (item ids, scores), best first; nothing for an unknown history."""
        return top_of_rows(self._vocabulary, self.scores(histories), k, exclude)

    def save(self, directory: Path) -> None:
        """Write ``item_knn.npz``."""
        arrays = {"items": self.items, "start": self._start, "target": self._target}
        through = np.asarray(self.trained_through, dtype=np.int64)
        write_arrays(
            directory / _FILE, {**arrays, "similarity": self._similarity, "trained_through": through}
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_arrays(directory / _FILE)
        vocabulary, lists = Vocabulary(saved["items"]), (saved["start"], saved["target"], saved["similarity"])
        if not _fit(len(vocabulary), *lists):  # the kernel goes where they point
            raise StateError(
                f"model file {_FILE}", f"neighbours of {len(vocabulary)} items, by their places", "lists that do not fit",
                "load another version from the registry, or train again",
            )  # fmt: skip
        return cls(vocabulary, *lists, int(saved["trained_through"]))


def _fit(items: int, start: Codes, target: Codes, similarity: Vector) -> bool:
    """Whether each of the items has a list of items."""
    return (
        start.shape == (items + 1,)
        and target.shape == similarity.shape == (start[-1],)
        and bool(start[0] == 0 and (np.diff(start) >= 0).all() and ((target >= 0) & (target < items)).all())
    )


@numba.njit(cache=True, nogil=True)
def _add(start, target, similarity, codes, row):  # type: ignore[no-untyped-def]
    """Add to ``row`` what the items ``codes`` say, one after the other."""
    for code in codes:
        for i in range(start[code], start[code + 1]):
            row[target[i]] += similarity[i]
