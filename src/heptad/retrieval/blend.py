"""The retriever: the best of every source, taken in turn, until there are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.models.artefact import check_serves
from heptad.models.base import Matrix, Vector
from heptad.models.items import Histories, Ids
from heptad.retrieval.candidates import Candidates, joined
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.source import Source

Mask = NDArray[np.bool_]
_CELLS: Final = 1_000_000  #: scores held at once per source: 8 MB


class Quota(NamedTuple):
    """A source, and how many of its best items it may propose."""

    source: Source
    n: int


class Retriever:
    """Merges sources by rank: the best of each in their order, then the second of each, … until ``total``.

    A source's list is its ``n`` highest scores among the items not excluded, ties by item id. Of score zero it
    holds none from a source that needs evidence, and none that joined the index after the retriever was made.
    An item proposed by several stands where it comes first. Every candidate carries the score of every source.
    """

    def __init__(self, sources: Mapping[str, Quota], index: ItemIndex, total: int) -> None:
        if not sources or total < 1 or any(quota.n < 1 for quota in sources.values()):
            raise DataError(
                "retriever", "at least one source, and a total and quotas from 1",
                f"{len(sources)} sources, total {total}", "name the sources and how many items each proposes",
            )  # fmt: skip
        self.sources, self.index, self.total = dict(sources), index, total
        self.known = len(index)  #: items of the catalogue or of a trained source: the first places

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sources, in their order."""
        return tuple(self.sources)

    @property
    def trained_through(self) -> int:
        """The end of what the sources were trained on, in microseconds."""
        return max(quota.source.trained_through for quota in self.sources.values())

    def retrieve(
        self, histories: Histories, exclude: Histories | None = None, counts: Vector | None = None
    ) -> Candidates:
        """Candidates for each history (ids, newest first) by what the sources know now.

        ``counts``, one per place of the index (places at the end may be missing), are events that a popular
        source shall count on top of those it has observed.
        """
        order = self.index.order
        events = np.zeros((1, len(order)))
        if counts is not None:
            events[0, : len(counts)] = counts[: len(order)]
        parts = []
        for low, high in _chunks(len(histories), len(order)):
            repeated = np.broadcast_to(events, (high - low, len(order)))
            parts.append(self._chosen(histories[low:high], _part(exclude, low, high), order, repeated))
        return joined(parts, self.names)

    def retrieve_in_time(
        self,
        histories: Histories,
        times: ArrayLike,
        exclude: Histories | None,
        events_items: Ids,
        events_times: ArrayLike,
    ) -> Candidates:
        """As one `retrieve` per request while events come in: each counts the events **before** its time.

        ``times`` (n,) are int64 microseconds that do not decrease; events may come in any order. Nothing is
        observed for good, but new items join the index. Raises DataError for times that decrease, or a request before a source's ``trained_through``.
        """
        moments: NDArray[np.int64] = np.asarray(times, np.int64)
        happened: NDArray[np.int64] = np.asarray(events_times, np.int64)
        if len(moments) != len(histories) or (np.diff(moments) < 0).any():
            raise DataError(
                "requests", "one time per history, in the order of time", f"{len(moments)} times",
                "sort the requests by time",
            )  # fmt: skip
        for name, quota in self.sources.items():
            check_serves(name, quota.source.trained_through, moments)
        places = self.index.add(events_items)
        counted_from = np.searchsorted(moments, happened, side="right")
        by_request = np.argsort(counted_from, kind="stable")
        places, counted_from = places[by_request], counted_from[by_request]
        order = self.index.order
        before = np.zeros(len(order))
        parts = []
        for low, high in _chunks(len(histories), len(order)):
            first, last = np.searchsorted(counted_from, [low, high])
            cells = (counted_from[first:last] - low) * len(order) + places[first:last]
            fresh = np.bincount(cells, minlength=(high - low) * len(order)).reshape(high - low, len(order))
            events = before + np.cumsum(fresh, axis=0, dtype=np.float64)
            before = events[-1] if high > low else before
            parts.append(self._chosen(histories[low:high], _part(exclude, low, high), order, events))
        return joined(parts, self.names)

    def _chosen(
        self, histories: Histories, exclude: Histories | None, order: Places, events: Matrix
    ) -> Candidates:
        """Candidates of one chunk of requests. Columns are in the order of item ids from here on."""
        n, size = len(histories), len(order)
        allowed = np.ones((n, size), np.bool_)
        for open_, items in zip(allowed, exclude or (), strict=bool(exclude)):
            places = self.index.places(items)
            open_[places[(places >= 0) & (places < size)]] = False
        allowed = allowed[:, order]
        scores: dict[str, Matrix] = {}
        lists = []
        for name, (source, quota) in self.sources.items():
            scores[name] = source.scores(histories, size, events)[:, order]
            positive: Mask = scores[name] > 0
            proposed = positive if source.evidence else positive | (order < self.known)[None]
            lists.append(_top(scores[name], allowed & proposed, quota))
        row, column = _in_turn(lists, size, self.total)
        places = order[column]
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)
        found = {name: matrix[row, column] for name, matrix in scores.items()}
        return Candidates(starts, places, self.index.ids[places], found)


def _top(scores: Matrix, allowed: Mask, k: int) -> Places:
    """(n, k): per row the columns of the k highest allowed scores, ties by column; -1 where there are fewer."""
    n, size = scores.shape
    masked = np.where(allowed, scores, -np.inf)
    if k < size:
        edge = np.sort(masked, axis=1)[:, size - k, None]  # faster than a partition, here 3 times
        chosen = masked >= edge
        chosen &= allowed
        over = np.flatnonzero(np.count_nonzero(chosen, axis=1) > k)  # more than k because of ties at the edge
        level = masked[over] == edge[over]
        room = k - np.count_nonzero(masked[over] > edge[over], axis=1)
        chosen[over] &= ~level | (np.cumsum(level, axis=1, dtype=np.int32) <= room[:, None])
    else:
        chosen = allowed
    row, column = np.nonzero(chosen)
    counts = np.count_nonzero(chosen, axis=1)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    found, columns = np.full((n, k), -np.inf), np.full((n, k), -1, np.int64)
    found[row, place], columns[row, place] = masked[row, column], column
    return np.take_along_axis(columns, np.argsort(-found, axis=1, kind="stable"), axis=1)


def _in_turn(lists: Sequence[Places], size: int, total: int) -> tuple[Places, Places]:
    """(row, column) of at most ``total`` distinct columns per row, taken from the lists in turn."""
    n, longest = len(lists[0]), max(one.shape[1] for one in lists)
    turns = np.full((n, longest, len(lists)), -1, np.int64)
    for place, one in enumerate(lists):
        turns[:, : one.shape[1], place] = one
    turns = turns.reshape(n, longest * len(lists))
    row, turn = np.nonzero(turns >= 0)
    column = turns[row, turn]
    first = np.full(n * size, turns.shape[1])
    cell = row * size + column
    np.minimum.at(first, cell, turn)
    fresh = first[cell] == turn
    row, column = row[fresh], column[fresh]
    counts = np.bincount(row, minlength=n)
    kept = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) < total
    return row[kept], column[kept]


def _chunks(n: int, size: int) -> list[tuple[int, int]]:
    step = max(1, _CELLS // max(1, size))
    return [(low, min(n, low + step)) for low in range(0, n, step)] or [(0, 0)]


def _part(histories: Histories | None, low: int, high: int) -> Histories | None:
    return None if histories is None else histories[low:high]
