"""Events of a sparse aggregation in one chunk: the few words each has, instead of a state for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Touched
from heptad.algebra.kernels.merge import layout
from heptad.plan.nodes import SlotPlan

Longs = NDArray[np.int64]


class Touches(NamedTuple):
    """Event i of n changes words ``place[k]`` by ``word[k]``, for k in [begin[i], end[i])."""

    begin: Longs
    end: Longs
    place: Longs
    word: Longs

    @classmethod
    def of(cls, touched: Touched, n: int) -> Touches:
        """What a kernel found of n events."""
        edges = np.searchsorted(touched.row, np.arange(n + 1))
        return cls(edges[:-1], edges[1:], touched.place, touched.word)

    def through(self, move: Callable[[Longs], Longs]) -> Touches:
        """The same of events that were moved."""
        return Touches(move(self.begin), move(self.end), self.place, self.word)

    def by_place(self, words: int) -> Iterator[tuple[int, Longs]]:
        """Each of so many words in turn, of every event: (place, (n, 1)); the array is used again for the next."""
        event, place, word = _together(*self)
        order = np.argsort(place, kind="stable")
        event, word = event[order], word[order]
        edges = np.searchsorted(place[order], np.arange(words + 1)).tolist()
        column = np.zeros((len(self.begin), 1), np.int64)
        for k in range(words):
            part = slice(edges[k], edges[k + 1])
            _add(column, event[part], word[part])
            yield k, column
            column[event[part]] = 0


def merges(slot: SlotPlan) -> Longs:
    """How each word of the slot's state merges."""
    rows = layout(slot.segments)
    return np.repeat(rows[:, 0], rows[:, 2])


@numba.njit(cache=True, nogil=True)
def _together(begin, end, place, word):  # type: ignore[no-untyped-def]
    """(event, place, word) of every touch of these events, event after event."""
    n = (end - begin).sum()
    event, places, words = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    at = 0
    for i in range(len(begin)):
        for k in range(begin[i], end[i]):
            event[at], places[at], words[at] = i, place[k], word[k]
            at += 1
    return event, places, words


@numba.njit(cache=True, nogil=True)
def _add(column, event, word):  # type: ignore[no-untyped-def]
    for i in range(len(event)):
        column[event[i], 0] += word[i]
