"""The vectors of a table's rows at one moment after another: an index that follows whoever asks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.models.items import Ids
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.vectors.index import VectorIndex
from heptad.retrieval.vectors.view import View
from heptad.state.tally import Counts

Read = Callable[[list[Any]], NDArray[np.float32] | None]
_EXACT: Final = sys.maxsize  #: an approximate answer depends on when its index was built, which no log tells


class Gallery:
    """Vectors of items as of any moment, by how many rows each item has had then. Any number of threads may ask.

    A state only grows, so an item with as many rows as before has the same rows, and the same vector; the others are
    read anew, whether the moment is a later one or an earlier. Every search is exact: its answer is a function of the
    moment, not of the way there.
    """

    def __init__(self, column: str, items: ItemIndex) -> None:
        self.column, self._items = column, items
        self._last: tuple[Counts | None, View | None] = None, None
        self._index: VectorIndex | None = None
        self._epoch, self._rows = 0, np.zeros(0)
        self._ids: Sequence[Any] = ()  #: of the places of ``_rows``
        self._following = threading.Lock()

    def at(self, counts: Counts, read: Read) -> View | None:
        """The vectors as of the moment of ``counts``, the rows of each item; new items join the item index.

        ``read`` gives the vectors (n, size) of items at that moment, NaN for none; None where the store did not
        answer, and then they are as last known. None before the first item has rows.
        """
        last, view = self._last
        if last is counts:
            return view
        with self._following:
            if self._epoch != counts.epoch:
                self._index, self._epoch, self._rows, self._ids = None, counts.epoch, np.zeros(0), ()
            size = max(len(self._rows), len(counts.counts))
            rows = np.pad(counts.counts, (0, size - len(counts.counts)))
            changed = np.flatnonzero(np.pad(self._rows, (0, size - len(self._rows))) != rows)
            if len(changed):
                known = counts.values if len(counts.values) == size else self._ids
                ids = [known[place] for place in changed.tolist()]
                vectors = read(ids)
                if vectors is None:
                    return self._last[1]
                self._items.add(ids)
                self._index = followed(self._index, self.column, ids, vectors)
                self._rows, self._ids = rows, known
            found = None if self._index is None else self._index.view()
            self._last = counts, found
            return found


class Changes(NamedTuple):
    """What changed before requests that are in the order of time: ``vectors`` (n, size) of items, NaN for none.

    ``request`` (n,), which does not decrease, is the first request that sees a change.
    """

    request: Places
    items: Sequence[Any]
    vectors: NDArray[np.float32]


class Following:
    """The vectors before each of some requests, chunk after chunk."""

    def __init__(self, column: str, changes: Changes) -> None:
        self._column, self._changes, self._done = column, changes, 0
        self._index: VectorIndex | None = None
        self._view: View | None = None

    def before(self, low: int, high: int) -> list[View | None]:
        """As of each of these requests; ask for chunks in their order."""
        out = []
        for request in range(low, high):
            end = int(np.searchsorted(self._changes.request, request, side="right"))
            if end > self._done:
                part = slice(self._done, end)
                items, vectors = self._changes.items[part], self._changes.vectors[part]
                self._index = followed(self._index, self._column, items, vectors)
                self._view, self._done = self._index.view(), end
            out.append(self._view)
        return out


def followed(index: VectorIndex | None, column: str, items: Ids, vectors: NDArray[np.float32]) -> VectorIndex:
    """The index after these items got these vectors, NaN for none; a new one where there was none."""
    if index is None:
        index = VectorIndex(vectors.shape[1], version=column, exact_below=_EXACT)
    known = ~np.isnan(vectors[:, 0])
    index.delete([item for item, has in zip(items, known.tolist(), strict=True) if not has])
    here = [item for item, has in zip(items, known.tolist(), strict=True) if has]
    if here:
        index.add(here, vectors[known], version=column)
    return index
