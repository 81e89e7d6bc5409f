"""How many events each item has had, ever and in windows, by the places of an item index: as of the state that a read sees."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

import numpy as np

from heptad.models.base import Vector
from heptad.online.moment import Moment
from heptad.plan.nodes import Plan, TrendPlan
from heptad.retrieval.blend import Retriever
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.vectors.view import View
from heptad.retrieval.window import Window
from heptad.serving.views import Views
from heptad.state.tally import Counts

_NONE: Final = np.empty(0, np.int64)


class Counted:
    """What a retriever's sources go by at a moment: the counts of all time, those in each window of the plan, and the
    vectors of items.
    """

    def __init__(self, plan: Plan, retriever: Retriever) -> None:
        index = retriever.index
        self._all, self._views = CountsFor(index), Views(plan, retriever)
        self._windows = [
            (place, Window(tally.width, tally.hop), CountsFor(index))
            for place, tally in enumerate(plan.tallies)
            if isinstance(tally, TrendPlan)
        ]

    def at(
        self, moment: Moment, counts: Counts
    ) -> tuple[Vector, Mapping[Window, Vector], Mapping[str, View | None]]:
        """``counts`` are the moment's own of all time."""
        windows = {window: held.of(moment.counts(place)) for place, window, held in self._windows}
        views = self._views.at(moment)  # first: its new items join the index
        return self._all.of(counts), windows, views


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
