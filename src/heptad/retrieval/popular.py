"""The items with the most events so far: the same for everybody, and always up to date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from heptad.models.base import Vector
from heptad.models.items import Ids
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.source import Asked, Proposal, Ranking, proposed


class PopularSource:
    """Scores an item by its number of events observed; it may propose items without any.

    One thread observes while others score: counts are replaced as a whole.
    """

    kind: Final = "popular"
    evidence: Final = False
    gallery: Final = None
    trained_through: Final = 0
    window: Final = None

    def __init__(self, index: ItemIndex) -> None:
        self.index = index
        self._counts: Vector = np.zeros(0)
        self._ranking = Ranking()

    def observe(self, items: Ids) -> None:
        """Count one event for each of these; an item not met before joins the index."""
        places = self.index.add(items)
        counts = np.zeros(len(self.index))
        counts[: len(self._counts)] = self._counts
        self._counts = counts + np.bincount(places, minlength=len(counts))

    def counts(self, size: int) -> Vector:
        """(size,): the number of events of each place."""
        held = self._counts
        if len(held) == size:
            return held
        out = np.zeros(size)
        out[: min(size, len(held))] = held[:size]
        return out

    def propose(self, asked: Asked, k: int) -> Proposal:
        """By the counts, for every history alike, plus the events asked with."""
        shared = asked.shared.get(None)
        if len(asked) == 1 and shared is not None and not len(self._counts):
            return self._ranking.propose(asked, shared, k, self.evidence)
        return proposed(asked, self.counts(asked.size) + asked.counted(None), k, self.evidence)

    def save(self, directory: Path) -> dict[str, object]:
        """Nothing is written: counts are state, rebuilt from the log where they are needed."""
        return {"kind": self.kind}

    @classmethod
    def load(cls, directory: Path, settings: Mapping[str, Any], index: ItemIndex) -> Self:
        """A source that has observed nothing yet."""
        return cls(index)
