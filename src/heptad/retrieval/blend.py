"""The retriever: the best of every source, taken in turn, until there are enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from heptad.errors import DataError
from heptad.models.artefact import check_serves
from heptad.models.base import Matrix, Vector
from heptad.models.items import Histories, Ids
from heptad.retrieval.candidates import Candidates, joined
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.gallery import Changes, Following
from heptad.retrieval.proposals import in_turn
from heptad.retrieval.source import Asked, Proposal, Source
from heptad.retrieval.vectors.view import View
from heptad.retrieval.window import Window

Windows = Mapping[Window, Vector]
Views = Mapping[str, View | None]
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

    `retrieve` does it all. A caller that gives each source a budget of its own takes the three steps itself: `asked`
    once, `propose` per source in any threads, `blend` of those that came; the missing ones score 0.
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

    def asked(
        self,
        histories: Histories,
        exclude: Histories | None = None,
        counts: Vector | None = None,
        windows: Windows | None = None,
        views: Views | None = None,
    ) -> Asked:
        """What the sources are asked. ``counts``, ``windows`` and ``views`` as `retrieve` takes them."""
        shared: dict[Window | None, Vector] = {None: np.zeros(0) if counts is None else counts}
        shared.update((windows or {}).items())
        seen = {column: [view] * len(histories) for column, view in (views or {}).items()}
        return Asked(histories, self.index, self.index.order, self.known, exclude, shared=shared, views=seen)

    def propose(self, name: str, asked: Asked) -> Proposal:
        """The list of one source, of its quota's length."""
        source, n = self.sources[name]
        return source.propose(asked, n)

    def blend(self, asked: Asked, proposals: Mapping[str, Proposal]) -> Candidates:
        """Candidates from the proposals that came, in the order of the sources; `DataError` where none came."""
        came = [name for name in self.sources if name in proposals]
        if not came:
            raise DataError(
                "candidates", "a proposal of at least one source", "none", "ask a source that answers"
            )
        request, places = in_turn([proposals[name].places for name in came], self.total)
        starts = request.searchsorted(np.arange(len(asked) + 1))
        scores = {
            name: proposals[name].scores_of(request, places) if name in proposals else np.zeros(len(places))
            for name in self.sources
        }
        return Candidates(starts, places, self.index.ids.take(places), scores)

    def retrieve(
        self,
        histories: Histories,
        exclude: Histories | None = None,
        counts: Vector | None = None,
        *,
        windows: Windows | None = None,
        views: Views | None = None,
        only: Collection[str] | None = None,
        timer: Callable[[], int] | None = None,
    ) -> Candidates:
        """Candidates for each history (ids, newest first) by what the sources know now.

        ``counts``, one per place of the index (places at the end may be missing), are events that a popular
        source shall count on top of those it has observed; ``windows`` are the counts that trending sources go
        by, ``views`` the vectors that nearest ones do, by their column. ``only`` names the sources to ask, None for all. With a ``timer`` of nanoseconds the answer says what
        each took. Raises DataError for a name that is no source, or a window whose counts are missing.
        """
        names = self.names if only is None else [name for name in self.sources if name in only]
        if only is not None and len(names) < len(set(only)):
            raise DataError(
                "sources",
                f"some of {', '.join(self.names)}",
                ", ".join(sorted(only)),
                "name declared sources",
            )
        took = dict.fromkeys(names, 0)
        parts = []
        for low, high in _chunks(len(histories), len(self.index)):
            asked = self.asked(histories[low:high], _part(exclude, low, high), counts, windows, views)
            proposals = {}
            for name in names:
                begin = 0 if timer is None else timer()
                proposals[name] = self.propose(name, asked)
                took[name] += 0 if timer is None else timer() - begin
            parts.append(self.blend(asked, proposals))
        found = joined(parts, self.names)
        return found if timer is None else replace(found, took=took)

    def retrieve_in_time(
        self,
        histories: Histories,
        times: ArrayLike,
        exclude: Histories | None,
        events_items: Ids,
        events_times: ArrayLike,
        vectors: Mapping[str, Changes] | None = None,
    ) -> Candidates:
        """As one `retrieve` per request while events come in: each counts the events **before** its time.

        ``times`` (n,) are int64 microseconds that do not decrease; events may come in any order. Nothing is
        observed for good, but new items join the index. A source with a window counts the events in it; one of
        vectors goes by those that ``vectors`` has by its column. Raises DataError for times that decrease, or a
        request before a source's ``trained_through``.
        """
        moments: Places = np.asarray(times, np.int64)
        happened: Places = np.asarray(events_times, np.int64)
        if len(moments) != len(histories) or (np.diff(moments) < 0).any():
            raise DataError(
                "requests", "one time per history, in the order of time", f"{len(moments)} times",
                "sort the requests by time",
            )  # fmt: skip
        for name, quota in self.sources.items():
            check_serves(name, quota.source.trained_through, moments)
        places = self.index.add(events_items)
        following = {}
        for column, changes in (vectors or {}).items():
            self.index.add(changes.items)
            following[column] = Following(column, changes)
        order = self.index.order
        windows = {quota.source.window for quota in self.sources.values()}
        ends = _Counted(places, happened, moments, len(order))
        begins = {
            w: _Counted(places, happened, w.begins(moments), len(order)) for w in windows if w is not None
        }
        parts = []
        for low, high in _chunks(len(histories), len(order)):
            before = ends.before(low, high)
            events: dict[Window | None, Matrix] = {
                w: before - past.before(low, high) for w, past in begins.items()
            }
            asked = Asked(
                histories[low:high],
                self.index,
                order,
                self.known,
                _part(exclude, low, high),
                {None: before, **events},
                views={column: one.before(low, high) for column, one in following.items()},
            )
            parts.append(self.blend(asked, {name: self.propose(name, asked) for name in self.sources}))
        return joined(parts, self.names)


class _Counted:
    """Events per place before each of some moments that do not decrease, chunk after chunk."""

    def __init__(self, places: Places, happened: Places, moments: Places, size: int) -> None:
        counted_from = np.searchsorted(moments, happened, side="right")
        by_request = np.argsort(counted_from, kind="stable")
        self._places, self._from = places[by_request], counted_from[by_request]
        self._size, self._so_far = size, np.zeros(size)

    def before(self, low: int, high: int) -> Matrix:
        """(high - low, size); ask for chunks in their order."""
        first, last = np.searchsorted(self._from, [low, high])
        cells = (self._from[first:last] - low) * self._size + self._places[first:last]
        fresh = np.bincount(cells, minlength=(high - low) * self._size).reshape(high - low, self._size)
        events: Matrix = self._so_far + np.cumsum(fresh, axis=0, dtype=np.float64)
        self._so_far = events[-1] if high > low else self._so_far
        return events


def _chunks(n: int, size: int) -> list[tuple[int, int]]:
    step = max(1, _CELLS // max(1, size))
    return [(low, min(n, low + step)) for low in range(0, n, step)] or [(0, 0)]


def _part(histories: Histories | None, low: int, high: int) -> Histories | None:
    return None if histories is None else histories[low:high]
