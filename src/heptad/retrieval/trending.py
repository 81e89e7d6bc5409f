"""The items with the most events in a window that ends now: what is rising, empty when nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.source import Asked, Proposal, Ranking, proposed
from heptad.retrieval.window import Window


class TrendingSource:
    """Scores an item by its events in the window before the request; proposes none without an event there.

    It holds no counts itself: they come with each request, from the states (`heptad.state.trend`) or from the log.
    """

    kind: Final = "trending"
    evidence: Final = True
    gallery: Final = None
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
