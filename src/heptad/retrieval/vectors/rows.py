"""Columns of equal length that only grow: a row, once written, never changes, so what a reader holds stays true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
_ROOM: Final = 64  #: rows, and an eighth of the first ones, for which there is room at once


class Rows:
    """One writer appends; `columns` may be read by any thread and holds the rows of its moment."""

    def __init__(self, first: Columns) -> None:
        """``first``: arrays of no or some rows, which give every column its type and shape."""
        self._length = 0
        room = _ROOM + len(next(iter(first.values()))) * 9 // 8
        self._held = {name: np.empty((room, *part.shape[1:]), part.dtype) for name, part in first.items()}
        self.append(first)

    def __len__(self) -> int:
        return self._length

    def append(self, rows: Columns) -> None:
        """Write rows behind the last one; a column widens (whole numbers to objects) where they need it."""
        added = len(next(iter(rows.values())))
        end = self._length + added
        for name, part in rows.items():
            held = self._held[name]
            kind = np.dtype(object) if part.dtype == object else held.dtype
            if end > len(held) or kind != held.dtype:
                wider = np.empty((max(end, len(held) * 3 // 2), *held.shape[1:]), kind)
                wider[: self._length] = held[: self._length]
                self._held[name] = held = wider  # what readers hold is the old array
            held[self._length : end] = part
        self._length = end

    def columns(self) -> dict[str, NDArray[Any]]:
        """All rows so far, by column; not to be written."""
        return {name: held[: self._length] for name, held in self._held.items()}
