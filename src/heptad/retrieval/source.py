"""What a candidate source is: it proposes its best items, and scores the items that others propose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.models.base import Matrix, Vector
from heptad.models.items import Histories
from heptad.retrieval.catalog import ItemIndex, Places
from heptad.retrieval.proposals import top_columns
from heptad.retrieval.window import Window

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Asked:
    """What a source is asked: n histories (ids, newest first) at one state of the index.

    ``order`` are the places there are, sorted by item id; those below ``known`` may be proposed without evidence.
    ``exclude`` are items not to be proposed, per history. ``events`` (n, size) by window are what happened to each
    item before each request, None: since ever, on top of what a source has observed itself. Any number of threads
    may read it.
    """

    histories: Histories
    index: ItemIndex
    order: Places
    known: int
    exclude: Histories | None
    events: Mapping[Window | None, Matrix]

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def size(self) -> int:
        """The number of places."""
        return len(self.order)

    def counted(self, window: Window | None) -> Matrix:
        """(n, size): the events of each item in this window; `DataError` where they did not come with the request."""
        if window not in self.events:
            raise DataError(
                f"events in {window}", "their counts with the request", "none",
                "pass windows={window: counts}, for example from WindowCounts.at",
            )  # fmt: skip
        return self.events[window]

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
    """

    @property
    def trained_through(self) -> int: ...
    @property
    def window(self) -> Window | None: ...

    def propose(self, asked: Asked, k: int) -> Proposal:
        """The ``k`` best items for each history, ties by item id."""
        ...

    def save(self, directory: Path) -> dict[str, object]:
        """Write what was learned; return the settings that ``load`` needs, as JSON."""
        ...


def proposed(asked: Asked, scores: Matrix, k: int, evidence: bool) -> Proposal:
    """The proposal of a source that scores every place: ``scores`` (n, size), not written.

    With ``evidence`` only items of a positive score are proposed. Without, also those of the first ``known``
    places.
    """
    ordered = scores[:, asked.order]
    may: Mask = ordered > 0
    if not evidence:
        may = may | (asked.order < asked.known)[None]
    columns = top_columns(ordered, asked.allowed & may, k)
    places = asked.order[columns] if asked.size else columns
    places[columns < 0] = -1
    return Proposal(places, lambda request, place: scores[request, place])
