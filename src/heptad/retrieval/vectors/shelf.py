"""One generation of a vector index: its rows, where each item is, and which rows are alive. Written under a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.retrieval.vectors.approximate import Approximate
from heptad.retrieval.vectors.metric import Metric
from heptad.retrieval.vectors.rows import Columns, Rows
from heptad.retrieval.vectors.view import View
from heptad.retrieval.vectors.where import Attributes, Mask


class Shelf:
    """Rows are appended, never changed: an item replaced gets a new row and its old one dies.

    ``view`` is what readers see; it is replaced as a whole after each write. Where items are (``slot_of``) grows
    under the readers: a view follows ``older`` back to the row that was the item's in its moment.
    """

    def __init__(
        self,
        version: str,
        metric: Metric,
        attributes: Attributes,
        rows: Columns,
        main: Approximate | None,
        exact_below: int,
    ) -> None:
        """``rows``, of distinct items, are all alive; ``main`` is an index of them or None."""
        self._version, self._metric, self._attributes = version, metric, attributes
        self._main, self._exact_below = main, exact_below
        self._rows = Rows(rows)
        self._alive: Mask = np.ones(len(self._rows), np.bool_)
        self._slot_of: dict[Any, int] = {item: slot for slot, item in enumerate(rows["id"].tolist())}
        self._older: dict[int, int] = {}
        self.view: View
        self._publish(self._alive)

    def add(self, items: Sequence[Any], rows: Columns) -> None:
        """Append rows of these items; the rows they had die."""
        first = len(self._rows)
        self._rows.append(rows)
        alive = np.concatenate([self._alive, np.ones(len(items), np.bool_)])
        for slot, item in enumerate(items, first):
            before = self._slot_of.get(item)
            if before is not None:
                alive[before] = False
                self._older[slot] = before  # first, for readers of earlier views
            self._slot_of[item] = slot
        self._publish(alive)

    def delete(self, items: Sequence[Any]) -> int:
        """The rows of these items die; the number of items that were there."""
        slots = {self._slot_of[item] for item in items if item in self._slot_of}
        dead = [slot for slot in slots if self._alive[slot]]
        if dead:
            alive = self._alive.copy()
            alive[dead] = False
            self._publish(alive)
        return len(dead)

    def catch_up(self, base: View, now: View) -> None:
        """Do what happened between two views of another shelf to this one, which was made of the first."""
        kept = np.flatnonzero(base.alive)
        died = base.ids[kept[~now.alive[kept]]]
        self.delete(died.tolist())
        fresh = np.flatnonzero(now.alive[len(base.ids) :]) + len(base.ids)
        if len(fresh):
            self.add(now.ids[fresh].tolist(), {name: column[fresh] for name, column in now.rows.items()})

    def _publish(self, alive: Mask) -> None:
        self._alive = alive
        self.view = View(
            self._version, self._metric, self._rows.columns(), alive, self._main, self._attributes,
            self._slot_of, self._older, self._exact_below,
        )  # fmt: skip


def ids_of(items: Sequence[Any]) -> NDArray[Any]:
    """Ids as an array: int64 where all are whole numbers, else objects."""
    if all(type(item) is int for item in items):
        return np.asarray(items, np.int64)
    return np.fromiter(items, object, len(items))
