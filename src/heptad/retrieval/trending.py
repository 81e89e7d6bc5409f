"""The items with the most events in a window that ends now: what is rising, empty when nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from heptad.errors import DataError, ReadError
from heptad.models.base import Vector
from heptad.models.items import Ids
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.source import Asked, Proposal, Ranking, proposed
from heptad.retrieval.window import Window
from heptad.times import format_instant


class TrendingSource:
    """Scores an item by its events in the window before the request; proposes none without an event there.

    It holds no counts itself: they come with each request, so that a logged decision is recomputed from the events
    before its time. `WindowCounts` keeps them for serving.
    """

    kind: Final = "trending"
    evidence: Final = True
    trained_through: Final = 0

    def __init__(self, window: Window) -> None:
        self.window = window
        self._ranking = Ranking()

    def propose(self, asked: Asked, k: int) -> Proposal:
        shared = asked.shared.get(self.window)
        if len(asked) == 1 and shared is not None:
            return self._ranking.propose(asked, shared, k, self.evidence)
        return proposed(asked, asked.counted(self.window), k, self.evidence)

    def save(self, directory: Path) -> dict[str, object]:
        """Nothing is written but the window."""
        return {"kind": self.kind, "width": self.window.width, "hop": self.window.hop}

    @classmethod
    def load(cls, directory: Path, settings: Mapping[str, Any], index: ItemIndex) -> Self:
        return cls(Window(int(settings["width"]), int(settings["hop"])))


class WindowCounts:
    """Events per item by hops of one window: what a server keeps, in memory, while events come in.

    One thread observes while others read: a tile is replaced as a whole. A read is of a moment after all events
    observed (the state's frontier), so that tiles need no times within.
    """

    def __init__(self, index: ItemIndex, window: Window) -> None:
        self.index, self.window = index, window
        self.frontier: int | None = None  #: the newest time observed
        self._tiles: dict[int, Vector] = {}

    def observe(self, items: Ids, times: ArrayLike) -> None:
        """Count one event for each item at its time, int64 microseconds, in any order; new items join the index.

        What no later read can cover is dropped.
        """
        moments = np.asarray(times, np.int64)
        places = self.index.add(items)
        if len(moments) != len(places):
            raise DataError("events", "one time per item", f"{len(moments)} times", "pass both columns whole")
        if not len(moments):
            return
        newest = int(moments.max())
        self.frontier = newest if self.frontier is None else max(newest, self.frontier)
        first = int(self.window.begins([self.frontier + 1])[0]) // self.window.hop
        hops = moments // self.window.hop
        tiles = {hop: tile for hop, tile in self._tiles.items() if hop >= first}
        for hop in np.unique(hops[hops >= first]).tolist():
            fresh = np.bincount(places[hops == hop], minlength=len(self.index)).astype(np.float64)
            before = tiles.get(hop)
            if before is not None:
                fresh[: len(before)] += before
            tiles[hop] = fresh
        self._tiles = tiles

    def at(self, t: int) -> Vector:
        """(places of the index,): the events of each item in the window before ``t``.

        Raises `ReadError` for a ``t`` that is not after every event observed: such a read is for the log.
        """
        tiles, frontier = self._tiles, self.frontier
        if frontier is not None and t <= frontier:
            raise ReadError(
                "trending items", f"a time after the newest event, {format_instant(frontier)}", format_instant(t),
                "read at the frontier, or count from the log with counts_in_window",
            )  # fmt: skip
        first = int(self.window.begins([t])[0]) // self.window.hop
        out = np.zeros(len(self.index))
        for hop, tile in tiles.items():
            if hop >= first:
                out[: len(tile)] += tile[: len(out)]
        return out


def counts_in_window(index: ItemIndex, window: Window, items: Ids, times: ArrayLike, t: int) -> Vector:
    """(places of the index,): the same counts from the events themselves, for any ``t``: how a decision is recomputed."""
    moments = np.asarray(times, np.int64)
    places = index.add(items)
    covered = (moments >= window.begins([t])[0]) & (moments < t)
    return np.bincount(places[covered], minlength=len(index)).astype(np.float64)
