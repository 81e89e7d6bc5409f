"""What a candidate source is: scores over the places of an item index, one row per history."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from heptad.models.base import Matrix
from heptad.models.items import Histories


class Source(Protocol):
    """Proposes items for histories (ids, newest first).

    ``evidence``: only items of a positive score are proposed. ``trained_through``: microseconds; the source
    may serve only requests at or after it (0 where it learns nothing).
    """

    @property
    def evidence(self) -> bool: ...
    @property
    def trained_through(self) -> int: ...

    def scores(self, histories: Histories, size: int, events: Matrix | None = None) -> Matrix:
        """(n, size): the score of each place below ``size``, 0 for an item the source does not know.

        ``events`` (n, size) counts what happened to each item before each request, on top of what the source
        itself has observed. The result is not to be written.
        """
        ...

    def save(self, directory: Path) -> dict[str, object]:
        """Write what was learned; return the settings that `load_source` needs, as JSON."""
        ...
