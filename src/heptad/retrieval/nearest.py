"""The items nearest to what a user had last, by their vectors: one query to a vector index, not a score for every item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from heptad.models.base import Vector
from heptad.models.items import Ids
from heptad.retrieval.catalog import ItemIndex, Places, plain_ids
from heptad.retrieval.source import Asked, Proposal
from heptad.retrieval.vectors.files import load_vectors, save_vectors
from heptad.retrieval.vectors.index import VectorIndex
from heptad.retrieval.vectors.metric import Floats
from heptad.retrieval.vectors.view import View


class NearestSource:
    """The query is the mean of the vectors of the ``recent`` newest items of a history that have one.

    Queries and items come from one view of one embedding, so no answer mixes versions. A history without a vector
    gets nothing. ``trained_through`` is that of the embedding, microseconds.
    """

    kind: Final = "nearest"
    window: Final = None

    def __init__(
        self, vectors: VectorIndex, index: ItemIndex, recent: int = 10, trained_through: int = 0
    ) -> None:
        self.vectors, self.index, self.recent = vectors, index, recent
        self.trained_through = trained_through
        index.add(vectors.view().living()["id"])

    def add(
        self, items: Ids, vectors: ArrayLike, attributes: Mapping[str, Any] | None = None, *, version: str
    ) -> None:
        """Add items, or replace them; they may be proposed from now on."""
        self.index.add(items)
        self.vectors.add(items, vectors, attributes, version=version)

    def propose(self, asked: Asked, k: int) -> Proposal:
        """The items nearest to the mean, the excluded ones left out."""
        view = self.vectors.view()
        queries = (
            np.stack([self._query(view, history) for history in asked.histories]) if len(asked) else None
        )
        places = np.full((len(asked), k), -1, np.int64)
        if queries is None:
            return Proposal(places, lambda request, place: np.zeros(len(place)))
        asking = np.flatnonzero(~np.isnan(queries[:, 0]))
        exclude = asked.exclude or [()] * len(asked)
        longest = max((len(exclude[row]) for row in asking.tolist()), default=0)
        found = view.search(queries[asking], k + longest)
        for query, row in enumerate(asking.tolist()):
            near = asked.index.places(found.ids[found.of(query)])
            out = asked.index.places(exclude[row])
            near = near[(near >= 0) & (near < asked.size) & ~np.isin(near, out)][:k]
            places[row, : len(near)] = near
        return Proposal(places, lambda request, place: self._scores(view, queries, request, place))

    def _query(self, view: View, history: Ids) -> Floats:
        slots = view.slots(plain_ids(history)[: self.recent])
        slots = slots[slots >= 0]
        if not len(slots):
            return np.full(view.dimension, np.nan)
        mean: Floats = view.vectors[slots].mean(axis=0, dtype=np.float64)
        return mean

    def _scores(self, view: View, queries: Floats, request: Places, place: Places) -> Vector:
        out = np.zeros(len(place))
        for row in np.unique(request).tolist():
            if not np.isnan(queries[row, 0]):
                mine = request == row
                out[mine] = view.scores(queries[row : row + 1], self.index.ids[place[mine]])[0]
        return np.nan_to_num(out, nan=0.0)

    def save(self, directory: Path) -> dict[str, object]:
        """Save the vector index; the settings say how it is asked."""
        save_vectors(self.vectors, directory)
        return {"kind": self.kind, "recent": self.recent, "trained_through": self.trained_through}

    @classmethod
    def load(cls, directory: Path, settings: Mapping[str, Any], index: ItemIndex) -> Self:
        """Read what `save` wrote."""
        return cls(load_vectors(directory), index, int(settings["recent"]), int(settings["trained_through"]))
