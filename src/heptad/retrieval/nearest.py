"""The items nearest to what a user had last, by the vectors of their table as of the request."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from heptad.errors import DataError
from heptad.models.base import Vector
from heptad.models.items import Ids
from heptad.retrieval.catalog import ItemIndex, Places, plain_ids
from heptad.retrieval.gallery import Gallery
from heptad.retrieval.source import Asked, Proposal
from heptad.retrieval.vectors.metric import Floats
from heptad.retrieval.vectors.view import View

_Query = tuple[View, Floats]


class NearestSource:
    """The query is the mean of the vectors, each of length 1, of the ``recent`` newest items of a history that have one.

    Items are proposed and scored by their cosine with it. A history without a vector gets nothing. The source holds no
    vectors that it learned: they come with each request, from the states (``gallery``) or from the history.
    """

    kind: Final = "nearest"
    window: Final = None
    trained_through: Final = 0

    def __init__(self, gallery: Gallery, index: ItemIndex, recent: int = 10) -> None:
        self.gallery, self.index, self.recent = gallery, index, recent

    def propose(self, asked: Asked, k: int) -> Proposal:
        """The items nearest to the mean, the excluded ones left out."""
        views = asked.views.get(self.gallery.column)
        if views is None:
            raise DataError(
                f"vectors {self.gallery.column!r}", "those of the request's moment", "none",
                "declare this column (hp.Nearest), or train again with the one declared",
            )  # fmt: skip
        asking = {
            row: (view, query)
            for row, (view, history) in enumerate(zip(views, asked.histories, strict=True))
            if view is not None and (query := self._query(view, history)) is not None
        }
        places = np.full((len(asked), k), -1, np.int64)
        for _, alike in groupby(asking, key=lambda row: id(views[row])):
            self._nearest(asked, asking, list(alike), places)
        return Proposal(places, lambda request, place: self._scores(asking, request, place))

    def _nearest(self, asked: Asked, asking: Mapping[int, _Query], rows: list[int], places: Places) -> None:
        """Fill the ``places`` (n, k) of rows that see the same vectors."""
        k, exclude = places.shape[1], asked.exclude or [()] * len(asked)
        view, queries = asking[rows[0]][0], np.stack([asking[row][1] for row in rows])
        found = view.search(queries, k + max(len(exclude[row]) for row in rows))
        for place, row in enumerate(rows):
            near = self.index.places(found.ids[found.of(place)])
            near = near[~np.isin(near, self.index.places(exclude[row]))][:k]
            places[row, : len(near)] = near

    def _query(self, view: View, history: Ids) -> Floats | None:
        slots = view.slots(plain_ids(history)[: self.recent])
        slots = slots[slots >= 0]
        if not len(slots):
            return None
        mean: Floats = view.vectors[slots].mean(axis=0, dtype=np.float64)
        return mean

    def _scores(self, asking: Mapping[int, _Query], request: Places, place: Places) -> Vector:
        out = np.zeros(len(place))
        for row in np.unique(request).tolist():
            if row in asking:
                view, query = asking[row]
                mine = request == row
                out[mine] = view.scores(query[None], self.index.ids[place[mine]])[0]
        return np.nan_to_num(out, nan=0.0)

    def save(self, directory: Path) -> dict[str, object]:
        """Nothing is written but the column and how many items are looked at."""
        return {"kind": self.kind, "column": self.gallery.column, "recent": self.recent}

    @classmethod
    def load(cls, directory: Path, settings: Mapping[str, Any], index: ItemIndex) -> Self:
        return cls(Gallery(str(settings["column"]), index), index, int(settings["recent"]))
