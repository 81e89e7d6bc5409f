"""One moment of a vector index: what a search sees from its first to its last line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.models.items import Ids
from heptad.retrieval.catalog import plain_ids
from heptad.retrieval.vectors.approximate import Approximate
from heptad.retrieval.vectors.best import Slots, at_least, best
from heptad.retrieval.vectors.metric import Floats, Metric, Vectors
from heptad.retrieval.vectors.rows import Columns
from heptad.retrieval.vectors.where import Attributes, Mask

Where = Mapping[str, Any] | NDArray[np.bool_]

_CELLS: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class Found:
    """The nearest items of n queries, those of query i at ``starts[i]:starts[i + 1]``, best first.

    ``ids`` (m,) are int64, or objects where some are texts; ``scores`` (m,) float64, higher is nearer.
    """

    starts: NDArray[np.int64]
    ids: NDArray[Any]
    scores: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, query: int) -> slice:
        """Where the items of one query lie."""
        return slice(int(self.starts[query]), int(self.starts[query + 1]))


@dataclass(frozen=True, eq=False)
class View:
    """Rows of a moment, which of them are alive, and the approximate index of the first of them, if there is one.

    Nothing in it changes, whatever is added, deleted or rebuilt meanwhile. ``version`` names the embedding.
    """

    version: str
    metric: Metric
    rows: Columns
    alive: Mask
    main: Approximate | None
    attributes: Attributes
    slot_of: Mapping[Any, int]
    older: Mapping[int, int]
    exact_below: int

    def __len__(self) -> int:
        """The number of items."""
        return self._living

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def vectors(self) -> Vectors:
        return self.rows["vector"]

    @property
    def ids(self) -> NDArray[Any]:
        """(rows,): the item of each row; a mask given to `search` has this shape. Dead rows count as masked."""
        return self.rows["id"]

    @cached_property
    def _living(self) -> int:
        return int(np.count_nonzero(self.alive))

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Found:
        """The k nearest items of each query (n, dimension) among those that fit ``where``, ties by item id.

        ``where`` is a mask over rows (see `ids`) or conditions on attributes. Fewer than k come only where fewer
        fit. Raises `DataError` for queries or conditions that cannot be.
        """
        if k < 1:
            raise DataError("k", "a whole number from 1", k, "ask for at least one item")
        asked = self.metric.vectors("queries", queries, self.dimension)
        allowed = self._allowed(where)
        places, scores, counts = [], [], []
        for low in range(0, len(asked), max(1, _CELLS // max(1, len(self.ids)))):
            part = asked[low : low + max(1, _CELLS // max(1, len(self.ids)))]
            for query, slots in zip(part, self._proposed(part, k, allowed), strict=True):
                slots, exact = self._scored(query, slots, k)
                top = best(exact, self.ids[slots], k)
                places.append(slots[top])
                scores.append(exact[top])
                counts.append(len(top))
        chosen = np.concatenate([np.empty(0, np.int64), *places])
        starts = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
        return Found(starts, self.ids[chosen], np.concatenate([np.empty(0), *scores]))

    def scores(self, queries: ArrayLike, items: Ids) -> Floats:
        """(n, items): the exact score of each item for each query; NaN for an item that is not here."""
        asked = self.metric.vectors("queries", queries, self.dimension)
        slots = self.slots(items)
        known = slots >= 0
        out = np.full((len(asked), len(slots)), np.nan)
        for row, query in zip(out, asked, strict=True):
            row[known] = self.metric.exact(self.vectors[slots[known]], query)
        return out

    def slots(self, items: Ids) -> Slots:
        """The row of each item, -1 for one that is not here."""
        n, alive = len(self.ids), self.alive
        found = np.full(len(items), -1, np.int64)
        for place, item in enumerate(plain_ids(items)):
            slot = self.slot_of.get(item, -1)
            while slot >= n:  # written after this moment: the row before it counts
                slot = self.older.get(slot, -1)
            if slot >= 0 and alive[slot]:
                found[place] = slot
        return found

    def exactly(self) -> View:
        """The same moment, searched without the approximate index."""
        return replace(self, main=None)

    def living(self) -> dict[str, NDArray[Any]]:
        """The columns of the living rows: ids, vectors and attributes as they are kept."""
        if self._living == len(self.alive):
            return dict(self.rows)
        kept = np.flatnonzero(self.alive)
        return {name: np.take(column, kept, axis=0) for name, column in self.rows.items()}

    def _allowed(self, where: Where | None) -> Mask | None:
        """The rows that may be found; None for all."""
        if where is None:
            return None if self._living == len(self.alive) else self.alive
        if isinstance(where, Mapping):
            where = self.attributes.mask(where, self.rows)
        if where.dtype != np.bool_ or where.shape != self.alive.shape:
            raise DataError(
                "filter", f"a mask of {len(self.alive)} bools, or conditions by attribute",
                f"{where.dtype} of shape {where.shape}", "take ids and search from one view: view = index.view()",
            )  # fmt: skip
        return where if self._living == len(self.alive) else self.alive & where

    def _proposed(self, queries: Vectors, k: int, allowed: Mask | None) -> list[Slots]:
        """For each query rows that hold its k nearest, or most of them where the approximate index answers."""
        main, n = self.main, len(self.ids)
        open_ = n if allowed is None else int(np.count_nonzero(allowed))
        if main is None or open_ <= max(self.exact_below, k):
            return self._nearest(queries, k, 0, allowed)
        indexed = len(main)
        first = None if allowed is None else allowed[:indexed]
        found = main.propose(queries, k, first, open_ if indexed == n else None)
        if indexed == n:
            return found
        fresh = self._nearest(queries, k, indexed, None if allowed is None else allowed[indexed:])
        return [np.concatenate(pair) for pair in zip(found, fresh, strict=True)]

    def _scored(self, query: Vectors, slots: Slots, k: int) -> tuple[Slots, Floats]:
        """Those of the rows that may be among the k best of them, and their exact scores."""
        vectors = np.take(self.vectors, slots, axis=0)
        if len(slots) > 2 * k:  # float32 rules most of them out
            scores, margin = self.metric.rough(vectors, self.rows["square"][slots], query[None])
            kept = at_least(scores[0], k, float(margin[0]))
            slots, vectors = slots[kept], vectors[kept]
        return slots, self.metric.exact(vectors, query)

    def _nearest(self, queries: Vectors, k: int, start: int, allowed: Mask | None) -> list[Slots]:
        """Rows from ``start`` on that surely hold each query's k nearest there."""
        every = None if allowed is None else np.flatnonzero(allowed) + start
        vectors, squares = self.vectors, self.rows["square"]
        if every is None:
            vectors, squares = vectors[start:], squares[start:]
        else:
            vectors, squares = np.take(vectors, every, axis=0), squares[every]  # faster than vectors[every]
        scores, margin = self.metric.rough(vectors, squares, queries)
        chosen = [at_least(row, k, float(wide)) for row, wide in zip(scores, margin, strict=True)]
        return [places + start if every is None else every[places] for places in chosen]
