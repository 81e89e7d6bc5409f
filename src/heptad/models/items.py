"""Item models, which propose items from a history of items: their shared vocabulary, lookup and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.models.base import Matrix, Vector

Codes = NDArray[np.int64]
Ids = Sequence[Any] | NDArray[Any]
Histories = Sequence[Ids]


class ItemModel(Protocol):
    """What popularity, item neighbours and EASE share. Batches first: one history per row.

    Only whether an item is in a history counts, not how often or where. Item ids the artefact has not seen
    are ignored in a history and never proposed.
    """

    family: ClassVar[str]
    trained_through: int

    @property
    def items(self) -> NDArray[Any]: ...

    def scores(self, histories: Histories) -> Matrix:
        """(n, len(items)): higher is better, 0 is no evidence."""
        ...

    def score(self, histories: Histories, items: Sequence[Ids]) -> list[Vector]:
        """For each history the scores of the given items; NaN for an item unknown to the artefact."""
        ...

    def top(
        self, histories: Histories, k: int, exclude: Histories | None = None
    ) -> list[tuple[NDArray[Any], Vector]]:
        """For each history at most k (item ids, scores), best first, items without evidence left out."""
        ...

    def save(self, directory: Path) -> None: ...

    @classmethod
    def load(cls, directory: Path) -> Self: ...


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The items an artefact knows, sorted, and their codes 0, 1, …"""

    ids: NDArray[Any]
    _codes: dict[Any, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.ids.dtype.kind not in "iuU":
            raise DataError(
                "item ids", "whole numbers or text", self.ids.dtype, "convert the ids to text or to integers"
            )
        object.__setattr__(self, "_codes", {item: code for code, item in enumerate(self.ids.tolist())})

    @classmethod
    def learn(cls, items: ArrayLike) -> tuple[Vocabulary, Codes]:
        """The vocabulary of ``items`` and each one's code."""
        given: NDArray[Any] = np.asarray(items)
        if given.dtype.kind == "O":
            given = _typed(given)
        ids, codes = np.unique(given, return_inverse=True)
        return cls(ids), codes.astype(np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def known(self, ids: Ids) -> Codes:
        """The codes of those of ``ids`` that are known, sorted, each once."""
        found = {self._codes.get(item, -1) for item in _plain(ids)}
        found.discard(-1)
        return np.asarray(sorted(found), dtype=np.int64)

    def codes(self, ids: Ids) -> Codes:
        """The code of each id, −1 for an unknown one."""
        return np.asarray([self._codes.get(item, -1) for item in _plain(ids)], dtype=np.int64)

    def select(self, scores: Vector, ids: Ids) -> Vector:
        """The scores of ``ids`` out of a row over the whole vocabulary; NaN for an unknown id."""
        codes = self.codes(ids)
        if len(self.ids) == 0:
            return np.full(len(codes), np.nan)
        return np.asarray(np.where(codes >= 0, scores[codes], np.nan))

    def best(self, scores: Vector, k: int, exclude: Ids = ()) -> tuple[NDArray[Any], Vector]:
        """The k items of the highest non-zero scores, ties in the order of ids, without ``exclude``."""
        open_ = scores != 0
        open_[self.known(exclude)] = False
        codes = np.flatnonzero(open_)
        chosen = codes[top_positions(scores[codes], k)]
        return self.ids[chosen], scores[chosen]


def top_positions(scores: Vector, k: int) -> Codes:
    """The positions of the k highest scores, highest first, ties by position.

    >>> top_positions(np.array([1.0, 3.0, 1.0, 2.0]), 3).tolist()
    [1, 3, 0]
    """
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    if k < len(scores):
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > edge)
        level = np.flatnonzero(scores == edge)[: k - len(above)]
        chosen = np.concatenate([above, level])
    else:
        chosen = np.arange(len(scores))
    return np.asarray(chosen[np.lexsort((chosen, -scores[chosen]))], dtype=np.int64)


def top_of_rows(
    vocabulary: Vocabulary, scores: Matrix, k: int, exclude: Histories | None
) -> list[tuple[NDArray[Any], Vector]]:
    """`Vocabulary.best` for every row of ``scores``."""
    excluded: Histories = [()] * len(scores) if exclude is None else exclude
    return [vocabulary.best(row, k, out) for row, out in zip(scores, excluded, strict=True)]


def _plain(ids: Ids) -> list[Any]:
    plain: list[Any] = ids.tolist() if type(ids) is np.ndarray else list(ids)
    return plain


def _typed(given: NDArray[Any]) -> NDArray[Any]:
    """An object array as an array of text or of integers, whichever all its values are."""
    kinds = {type(item) for item in given.tolist()}
    if kinds == {str}:
        return given.astype(np.str_)
    if kinds == {int}:
        return given.astype(np.int64)
    raise DataError(
        "item ids",
        "all text or all whole numbers",
        " and ".join(sorted(kind.__name__ for kind in kinds)),
        "convert the ids to text",
    )
