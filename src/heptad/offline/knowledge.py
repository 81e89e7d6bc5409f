"""When a history's rows could be known: at their own time, or later where they say so (`hp.KnownAt`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heptad.plan.batch import Batch

Longs = NDArray[np.int64]


def known_from(batch: Batch) -> Longs:
    """The moment each row of a history arrived, (n,): its time, or its ``hp.KnownAt`` where that is later."""
    column = batch.stream.known_at
    if column is None:
        return batch.time
    return np.maximum(batch.time, batch.columns[column.name].values.astype(np.int64, copy=False))


@dataclass(frozen=True, eq=False)
class Knowledge:
    """The offsets of a history by arrival: what somebody who read at a moment could have seen.

    ``at`` and ``offset`` (n,) are sorted by the first; offsets rise with it, as `admit_history` gives them.
    """

    at: Longs
    offset: Longs

    @classmethod
    def of(cls, batches: Mapping[str, Batch]) -> Knowledge | None:
        """None where every row is known at its own time: then a row's time says all."""
        if not any(batch.stream.known_at is not None for batch in batches.values()):
            return None
        at = np.concatenate([known_from(batch) for batch in batches.values()])
        offset = np.concatenate([batch.offset for batch in batches.values()])
        order = np.lexsort((offset, at))
        return cls(at[order], offset[order])

    def before(self, t: Longs) -> Longs:
        """The log's end at each moment, (n,): one past the last offset that arrived before it."""
        place = np.searchsorted(self.at, t, side="left")
        ends = np.concatenate([[0], self.offset + 1])
        return np.asarray(ends[place], np.int64)
