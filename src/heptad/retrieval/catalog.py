"""Item ids and their places: the common language of sources, whose scores are arrays over these places."""

from __future__ import annotations

import bisect
import threading
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.models.items import Ids

Places = NDArray[np.int64]
_FEW: Final = 50  #: sorting all anew is faster for more than one in so many


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
                self._array = _longer(self._array, self._ids[known:])
                self._order = self._ordered(known)  # last: its length is what readers go by
        return np.fromiter((self._places[item] for item in plain), np.int64, len(plain))

    def _ordered(self, known: int) -> Places:
        """All places by id, given the order of the first ``known``: few new ones are put among them."""

        def key(place: int) -> tuple[bool, Any]:
            return id_key(self._ids[place])

        fresh = sorted(range(known, len(self._ids)), key=key)
        if len(fresh) > known // _FEW:
            return np.asarray(sorted(range(len(self._ids)), key=key), np.int64)
        at = [bisect.bisect(self._order, key(place), key=key) for place in fresh]
        return np.insert(self._order, at, fresh)

    def places(self, items: Ids) -> Places:
        """The place of each item, -1 for an unknown one."""
        plain = plain_ids(items)
        return np.fromiter(map(self._places.get, plain, repeat(-1)), np.int64, len(plain))

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


def _longer(array: NDArray[Any], fresh: list[Any]) -> NDArray[Any]:
    if array.dtype != object and all(type(item) is int for item in fresh):
        return np.concatenate([array, np.asarray(fresh, np.int64)])
    return np.concatenate([array, np.fromiter(fresh, object, len(fresh))])
