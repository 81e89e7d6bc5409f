"""Anything learned from history may feed only rows that come after that history (``trained_through``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.times import format_instant


def check_serves(artefact: str, trained_through: int, times: ArrayLike) -> None:
    """Raise `DataError` if any row is older than what the artefact has already seen.

    ``times`` are int64 microseconds; a row at exactly ``trained_through`` is allowed, because the artefact
    was learned from events strictly before it.

    >>> check_serves("ease", 10, [10, 11])
    """
    moments: NDArray[Any] = np.asarray(times, dtype=np.int64)
    early = int((moments < trained_through).sum())
    if early:
        raise DataError(
            f"artefact {artefact!r}",
            f"rows at or after {format_instant(trained_through)}, the end of what it was trained on",
            f"{early} earlier rows, the first at {format_instant(int(moments.min()))}",
            "train the artefact on older events, or drop these rows from the training set",
        )
