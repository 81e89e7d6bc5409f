"""The vector index: items added, replaced and deleted while others search; rebuilt aside and swapped in at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from heptad.errors import DataError, StateError
from heptad.models.items import Ids
from heptad.retrieval.catalog import plain_ids
from heptad.retrieval.vectors.approximate import SMALLEST, Approximate, faiss_module
from heptad.retrieval.vectors.metric import Metric, metric_of
from heptad.retrieval.vectors.rows import Columns
from heptad.retrieval.vectors.shelf import Shelf, ids_of
from heptad.retrieval.vectors.view import Found, View, Where
from heptad.retrieval.vectors.where import Attributes

#: Items, or items that a filter lets pass, up to which a search is exact.
EXACT_BELOW: Final = 30_000
#: Rows scanned beside the approximate index, and the share of dead rows in it, from which a rebuild is due.
TAIL: Final = 20_000
DEAD: Final = 0.1


class VectorIndex:
    """Items by the nearness of their vectors. Any thread may read or write; readers take no lock.

    >>> index = VectorIndex(2, version="v1", attributes={"category": str})
    >>> index.add(["shoe", "boot", "hat"], [[1, 0], [0.9, 0.1], [0, 1]], {"category": ["feet", "feet", "head"]},
    ...           version="v1")
    >>> index.search([[1, 0]], k=2, version="v1").ids.tolist()
    ['shoe', 'boot']
    >>> index.search([[1, 0]], k=2, version="v1", where={"category": "head"}).ids.tolist()
    ['hat']
    >>> index.delete(["shoe"])
    1
    >>> index.search([[1, 0]], k=1, version="v1").ids.tolist()
    ['boot']

    ``version`` names the embedding that made the vectors: what another one made is refused, never compared.
    ``metric``: ``cosine``, ``dot`` or ``l2`` (minus the squared distance). A search among up to ``exact_below`` items,
    or as many that fit its filter, is exact; among more, an approximate index (faiss, the extra ``vectors``) built to ``recall`` of the 100 nearest answers
    together with an exact scan of what came since. An item is found from the moment `add` returns, and not from
    the moment `delete` does. With ``automatic`` a rebuild starts by itself, in a thread, when enough has changed.
    """

    def __init__(
        self,
        dimension: int,
        *,
        version: str,
        metric: str = "cosine",
        attributes: Mapping[str, type] | None = None,
        exact_below: int = EXACT_BELOW,
        recall: float = 0.955,
        automatic: bool = True,
    ) -> None:
        if dimension < 1 or not 0 < recall < 1 or exact_below < SMALLEST:
            raise DataError(
                "vector index", f"a dimension from 1, a recall between 0 and 1, exact_below from {SMALLEST:,}",
                f"dimension {dimension}, recall {recall}, exact_below {exact_below}", "use VectorIndex(64, version='v1')",
            )  # fmt: skip
        self.dimension, self.recall = dimension, recall
        self.exact_below, self.automatic = exact_below, automatic
        self._metric: Metric = metric_of(metric)
        self._attributes = Attributes(attributes or {})
        self._writing, self._building = threading.Lock(), threading.Lock()
        self._builder: threading.Thread | None = None
        self._failure: Exception | None = None
        self._former: View | None = None
        self._shelf = self._empty(version)

    def __len__(self) -> int:
        """The number of items."""
        return len(self._shelf.view)

    @property
    def version(self) -> str:
        """The embedding whose vectors these are."""
        return self._shelf.view.version

    @property
    def metric(self) -> str:
        return self._metric.name

    @property
    def attributes(self) -> Mapping[str, type]:
        return self._attributes.kinds

    def view(self, version: str | None = None) -> View:
        """The index as of now, for several questions of one moment.

        With a ``version``, that version's view: the current one, or the last of the version before `succeed`, so that a
        request embedded just before the swap is still answered. `StateError` for any other.
        """
        view = self._shelf.view
        former = self._former  # after the view: `succeed` writes them the other way round
        if version is None or version == view.version:
            return view
        if former is not None and version == former.version:
            return former
        raise _other_version(view.version, version)

    def search(self, queries: ArrayLike, k: int, *, version: str, where: Where | None = None) -> Found:
        """The k nearest items of each query, embedded by ``version``; see `View.search`."""
        return self.view(version).search(queries, k, where)

    def add(
        self,
        items: Ids,
        vectors: ArrayLike,
        attributes: Mapping[str, Iterable[Any]] | None = None,
        *,
        version: str,
    ) -> None:
        """Add items with one vector each, all at once; an item that is here is replaced, vector and attributes.

        Of an item given twice the last counts. `DataError` for vectors, ids or attributes that do not fit, and then
        nothing is added; `StateError` for vectors of another ``version`` than the index's.
        """
        plain = plain_ids(items)
        wrong = [item for item in plain if type(item) not in (int, str)]
        kept = self._metric.vectors("vectors", vectors, self.dimension)
        if wrong or len(plain) != len(kept):
            raise DataError(
                "items", f"{len(kept)} ids, whole numbers or texts, one per vector",
                repr(wrong[0]) if wrong else f"{len(plain)} ids", "pass one id per vector",
            )  # fmt: skip
        with self._writing:
            if version != self.version:
                raise _other_version(self.version, version)
            self._check_builder(plain)
            rows = {"id": ids_of(plain), "vector": kept, "square": self._metric.squares(kept)}
            self._shelf.add(plain, {**rows, **self._attributes.rows(attributes, len(plain))})
        self._rebuild_when_due()

    def delete(self, items: Ids) -> int:
        """Delete items, all at once; those that are not here are ignored. The number deleted."""
        with self._writing:
            deleted = self._shelf.delete(plain_ids(items))
        self._rebuild_when_due()
        return deleted

    def rebuild(self, queries: ArrayLike | None = None) -> None:
        """Pack the rows and build the approximate index anew, then swap it in; everything goes on meanwhile.

        ``queries`` (of the index's version) tune the approximate index where queries are unlike items. Writes
        that arrive during the build are carried over. `MissingExtra` where more than ``exact_below`` items need
        faiss and it is not installed.
        """
        asked = None if queries is None else self._metric.vectors("queries", queries, self.dimension)
        with self._building:
            shelf = self._shelf
            base = shelf.view
            rows = base.living()
            main = None
            if len(rows["id"]) > self.exact_below:
                main = Approximate.build(rows["vector"], self._metric, self.recall, asked)
            fresh = Shelf(base.version, base.metric, base.attributes, rows, main, self.exact_below)
            with self._writing:
                if self._shelf is shelf:  # else another index succeeded it
                    fresh.catch_up(base, shelf.view)
                    self._shelf = fresh

    def wait(self) -> None:
        """Wait for a rebuild that runs in the background; raises what it failed with."""
        builder = self._builder
        if builder is not None:
            builder.join()
        self._raise_failure()

    def succeed(self, other: VectorIndex) -> None:
        """Take over all of another index, of a new embedding, at once; it is empty afterwards.

        Requests that were embedded by the former version are answered from what was here, until the next time.
        `DataError` for an index of another metric or with other attributes.
        """
        if (other.metric, other.attributes) != (self.metric, self.attributes):
            raise DataError(
                "the index that succeeds", f"metric {self.metric} and attributes {sorted(self.attributes)}",
                f"{other.metric} and {sorted(other.attributes)}", "make it like the index it succeeds",
            )  # fmt: skip
        with self._writing, other._writing:
            self._former, self._shelf = self._shelf.view, other._shelf
            self._attributes, self.dimension = other._attributes, other.dimension
            other._attributes = Attributes(other.attributes)
            other._shelf = other._empty(other.version)

    def restore(self, rows: Columns, words: Mapping[str, list[str]], main: Approximate | None) -> None:
        """Put saved rows, which must fit this index, in the place of all that is here (`load_vectors`)."""
        attributes = Attributes(self.attributes, words)
        expected = {name: (column.dtype, column.shape[1:]) for name, column in self._shelf.view.rows.items()}
        expected["id"] = (rows["id"].dtype, ())
        found = {name: (column.dtype, column.shape[1:]) for name, column in rows.items()}
        lengths = {len(column) for column in rows.values()} | ({len(main)} if main is not None else set())
        if found != expected or len(lengths) != 1:
            raise StateError(
                "saved vectors",
                f"{expected} of one length",
                f"{found} of {sorted(lengths)}",
                "rebuild the index",
            )
        with self._writing:
            self._attributes = attributes
            self._shelf = Shelf(self.version, self._metric, attributes, rows, main, self.exact_below)
        self._rebuild_when_due()

    def _empty(self, version: str) -> Shelf:
        none: Columns = {
            "id": np.empty(0, np.int64),
            "vector": np.empty((0, self.dimension), np.float32),
            "square": np.empty(0, np.float32),
            **self._attributes.rows(dict.fromkeys(self._attributes.kinds, ()), 0),
        }
        return Shelf(version, self._metric, self._attributes, none, None, self.exact_below)

    def _due(self) -> bool:
        view = self._shelf.view
        rows, living, indexed = len(view.ids), len(view), 0 if view.main is None else len(view.main)
        if living <= self.exact_below:
            return rows - living > living + TAIL
        return rows - indexed > TAIL or rows - living > DEAD * rows

    def _check_builder(self, items: Sequence[Any]) -> None:
        """Say before anything is added that a rebuild failed, or that one will be due that cannot be made."""
        self._raise_failure()
        view = self._shelf.view
        if self.automatic and len(view) + len(items) > self.exact_below:
            new = np.count_nonzero(view.slots(list(set(items))) < 0)
            if len(view) + new > self.exact_below:
                faiss_module()

    def _rebuild_when_due(self) -> None:
        if not self.automatic or not self._due() or self._building.locked():
            return
        with self._writing:
            if self._builder is None or not self._builder.is_alive():
                self._builder = threading.Thread(target=self._build, name="heptad-vectors", daemon=True)
                self._builder.start()

    def _build(self) -> None:
        try:
            while self._due():
                self.rebuild()
        except Exception as error:
            self._failure = error

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise StateError(
                "vector index", "a rebuild in the background", repr(failure), "call rebuild() to see it fail"
            ) from failure


def _other_version(ours: str, other: str) -> StateError:
    return StateError(
        "vector index", f"vectors of the embedding {ours!r}", f"some of {other!r}",
        "embed with the version of the index, or keep the vectors of another version in an index of their own",
    )  # fmt: skip
