"""What a candidate source is: it proposes its best items, and scores the items that others propose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.models.base import Matrix, Vector
from heptad.models.items import Histories
from heptad.retrieval.alone import best, opened
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.gallery import Gallery
from heptad.retrieval.proposals import top_columns
from heptad.retrieval.vectors.view import View
from heptad.retrieval.window import Window

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Asked:
    """What a source is asked: n histories (ids, newest first) at one state of the index.

    ``order`` are the places there are, sorted by item id; those below ``known`` may be proposed without evidence.
    ``exclude`` are items not to be proposed, per history. What happened to each item by window, None: since ever, on
    top of what a source has observed itself, is in ``events`` (n, size) as of each request, or in ``shared`` (at most
    size,), the same for all of them. ``views`` are the items' vectors as of each request, by the column that holds
    them; None before the first. Any number of threads may read it.
    """

    histories: Histories
    index: ItemIndex
    order: Places
    known: int
    exclude: Histories | None
    events: Mapping[Window | None, Matrix] = field(default_factory=dict)
    shared: Mapping[Window | None, Vector] = field(default_factory=dict)
    views: Mapping[str, Sequence[View | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def size(self) -> int:
        """The number of places."""
        return len(self.order)

    def counted(self, window: Window | None) -> Matrix:
        """(n, size): the events of each item in this window; `DataError` where they did not come with the request."""
        if window in self.events:
            return self.events[window]
        if window not in self.shared:
            raise DataError(
                f"events in {window}", "their counts with the request", "none",
                "declare this window (hp.Trending), or train again with the one declared",
            )  # fmt: skip
        return np.broadcast_to(padded(self.shared[window], self.size), (len(self), self.size))

    @cached_property
    def barred(self) -> Places:
        """The places that a single request excludes, -1 for an unknown item."""
        return self.index.places(self.exclude[0] if self.exclude else ())

    def open(self, places: Places, k: int) -> Places:
        """(1, k): the first of ``places`` that a single request does not exclude, -1 where there are fewer."""
        first: Places = opened(places, self.barred, self.size, k)
        return first[None]

    @cached_property
    def allowed(self) -> Mask:
        """(n, size), columns in the order of item ids: what may be proposed."""
        allowed = np.ones((len(self), self.size), np.bool_)
        for open_, items in zip(allowed, self.exclude or (), strict=bool(self.exclude)):
            places = self.index.places(items)
            open_[places[(places >= 0) & (places < self.size)]] = False
        return allowed[:, self.order]


@dataclass(frozen=True, eq=False)
class Proposal:
    """A source's answer: ``places`` (n, k), best first, -1 where there are fewer, and the score of any item.

    ``scores_of`` takes (m,) numbers of requests and (m,) places, and gives (m,) scores, 0 for an item the
    source does not know.
    """

    places: Places
    scores_of: Callable[[Places, Places], Vector]


class Source(Protocol):
    """Proposes items for histories.

    ``trained_through``: microseconds; the source may serve only requests at or after it (0 where it learns nothing).
    ``window``: the time over which it counts events; None for all time, or for a source that counts none.
    ``gallery``: the vectors it goes by, as of any moment of the states; None for a source that needs none.
    """

    @property
    def trained_through(self) -> int: ...
    @property
    def window(self) -> Window | None: ...
    @property
    def gallery(self) -> Gallery | None: ...

    def propose(self, asked: Asked, k: int) -> Proposal:
        """The ``k`` best items for each history, ties by item id."""
        ...

    def save(self, directory: Path) -> dict[str, object]:
        """Write what was learned; return the settings that ``load`` needs, as JSON."""
        ...


def padded(counts: Vector, size: int) -> Vector:
    """(size,): the counts of the places, 0 for those at the end that are missing."""
    if len(counts) == size:
        return counts
    out = np.zeros(size)
    out[: len(counts)] = counts[:size]
    return out


def proposed(asked: Asked, scores: Matrix, k: int, evidence: bool) -> Proposal:
    """The proposal of a source that scores every place: ``scores`` (n, size), not written.

    With ``evidence`` only items of a positive score are proposed. Without, also those of the first ``known``
    places.
    """
    if len(asked) == 1:
        row = scores[0]
        places: Places = best(row, asked.order, 0 if evidence else asked.known, asked.barred, k)
        return Proposal(places[None], lambda request, place: row.take(place))
    ordered = scores[:, asked.order]
    may: Mask = ordered > 0
    if not evidence:
        may = may | (asked.order < asked.known)[None]
    columns = top_columns(ordered, asked.allowed & may, k)
    places = asked.order[columns] if asked.size else columns
    places[columns < 0] = -1
    return Proposal(places, lambda request, place: scores[request, place])


class Ranking:
    """The places in the order of counts that requests share: sorted once for counts that cannot be written."""

    def __init__(self) -> None:
        self._last: Ranked | None = None

    def propose(self, asked: Asked, counts: Vector, k: int, evidence: bool) -> Proposal:
        """As `proposed` for a single request, by its shared ``counts``."""
        ranked = self._last
        if ranked is None or not ranked.holds(asked, counts):
            self._last = ranked = Ranked.of(asked, counts)
        places = ranked.places[: ranked.positive] if evidence else ranked.places
        scores = ranked.scores
        return Proposal(asked.open(places, k), lambda request, place: scores.take(place))


class Ranked(NamedTuple):
    """The ``places`` that may be proposed by ``counts``, best first; the first ``positive`` have a count."""

    counts: Vector
    order: Places
    known: int
    scores: Vector  #: (size,): the counts, 0 where they were missing
    places: Places
    positive: int

    @classmethod
    def of(cls, asked: Asked, counts: Vector) -> Ranked:
        scores = padded(counts, asked.size)
        may = scores > 0
        may[: asked.known] = True
        places = asked.order[may[asked.order]]
        places = places[np.argsort(-scores[places], kind="stable")]
        return cls(
            counts, asked.order, asked.known, scores, places, int(np.count_nonzero(scores[places] > 0))
        )

    def holds(self, asked: Asked, counts: Vector) -> bool:
        """Whether this is what is asked for."""
        same = self.counts is counts and self.order is asked.order and self.known == asked.known
        return same and not counts.flags.writeable
