"""How many events each item has had, by the places of an item index: popularity as of the state that a read sees."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from heptad.models.base import Vector
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.state.tally import Counts

_NONE: Final = np.empty(0, np.int64)


class CountsFor:
    """Counts by the places of an item index, such as a retriever's, which learns the items it has not met.

    By the meaning of a state these are the accepted events with time < t and offset < o of any read of it,
    so a logged decision's popularity can be recomputed from the log.
    """

    def __init__(self, index: ItemIndex) -> None:
        self._index = index
        self._joined = 0, _NONE  #: the epoch, and the place in the index of each of its values
        self._joining = threading.Lock()
        self._last: tuple[Counts | None, Vector] = None, np.zeros(0)

    def of(self, counts: Counts) -> Vector:
        """(places of the index,): the number of events of each item; the caller must not change it."""
        last, out = self._last
        if last is counts and len(out) == len(self._index):
            return out
        places = self._places(counts)
        out = np.zeros(len(self._index))
        out[places[: len(counts.counts)]] = counts.counts
        out.flags.writeable = False
        self._last = counts, out
        return out

    def _places(self, counts: Counts) -> Places:
        epoch, places = self._joined
        if epoch == counts.epoch and len(places) >= len(counts.values):
            return places
        with self._joining:
            epoch, places = self._joined
            known = places if epoch == counts.epoch else _NONE
            fresh = self._index.add(list(counts.values[len(known) :]))
            self._joined = counts.epoch, np.concatenate([known, fresh])
            return self._joined[1]
