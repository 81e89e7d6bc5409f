"""Item ids and their places: the common language of sources, whose scores are arrays over these places."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.models.items import Ids

Places = NDArray[np.int64]


class ItemIndex:
    """Items and their dense places 0, 1, … in the order they were added; it only grows.

    Threads may add and read at once: a place, once given, stays, and `order` is replaced as a whole.
    """

    def __init__(self, items: Ids = ()) -> None:
        self._ids: list[Any] = []
        self._places: dict[Any, int] = {}
        self._adding = threading.Lock()
        self._order: Places = np.empty(0, np.int64)
        self._array: NDArray[Any] = np.empty(0, np.int64)
        self.add(items)

    def __len__(self) -> int:
        return len(self._order)

    def add(self, items: Ids) -> Places:
        """The places of these items; the ones not met before get the next places."""
        plain = plain_ids(items)
        with self._adding:
            known = len(self._ids)
            for item in plain:
                if item not in self._places:
                    self._places[item] = len(self._ids)
                    self._ids.append(item)
            if len(self._ids) > known:
                ranked = sorted(range(len(self._ids)), key=lambda place: id_key(self._ids[place]))
                self._array = _array(self._ids)
                self._order = np.asarray(ranked, np.int64)  # last: its length is what readers go by
        return np.fromiter((self._places[item] for item in plain), np.int64, len(plain))

    def places(self, items: Ids) -> Places:
        """The place of each item, -1 for an unknown one."""
        plain = plain_ids(items)
        return np.fromiter((self._places.get(item, -1) for item in plain), np.int64, len(plain))

    @property
    def order(self) -> Places:
        """All places, sorted by id (whole numbers before texts): how ties between items are broken."""
        return self._order

    @property
    def ids(self) -> NDArray[Any]:
        """The id at each place: int64 where all are whole numbers, else objects."""
        return self._array


def plain_ids(items: Ids) -> list[Any]:
    """Ids as Python values, so that an int64 and an int name the same item."""
    plain: list[Any] = items.tolist() if type(items) is np.ndarray else list(items)
    return plain


def id_key(item: Any) -> tuple[bool, Any]:
    """What ids are sorted by: whole numbers before texts."""
    return type(item) is str, item


def _array(ids: Iterable[Any]) -> NDArray[Any]:
    listed = list(ids)
    if all(type(item) is int for item in listed):
        return np.asarray(listed, np.int64)
    return np.fromiter(listed, object, len(listed))
