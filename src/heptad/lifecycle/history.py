"""What a training run may look at: admitted, enriched events by stream, and the plan they are read by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heptad.offline.knowledge import Knowledge, known_from
from heptad.plan.batch import Batch
from heptad.plan.nodes import Plan


@dataclass(frozen=True, eq=False)
class History:
    """Events by stream; ``batches`` hold only what admission accepted, lookups filled."""

    plan: Plan
    batches: Mapping[str, Batch]

    def before(self, t: int) -> History:
        """The history known strictly before ``t`` (tables whole: their rows carry their own times)."""
        kept = {
            name: batch if batch.stream.is_table else batch.take(np.flatnonzero(known_from(batch) < t))
            for name, batch in self.batches.items()
        }
        return History(self.plan, kept)

    @property
    def end(self) -> int:
        """The moment after the last row became known: all of it is known then."""
        last = [int(known_from(batch).max()) for batch in self.batches.values() if len(batch)]
        return 1 + max(last, default=0)

    def offsets_at(self, t: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The log's end at each moment, as a replay would meet it; None where a row's time says all."""
        return None if self._knowledge is None else self._knowledge.before(t)

    @cached_property
    def _knowledge(self) -> Knowledge | None:
        return Knowledge.of(self.batches)

    def only(self, *columns: str) -> Plan:
        """The plan cut down to these output columns and what they are derived from."""
        needed = self.plan.needed(columns)
        return replace(self.plan, columns=tuple(c for c in self.plan.columns if c.name in needed))

    @property
    def hash(self) -> str:
        """SHA-256 over times, ties and columns with their nulls, 16 hex digits: the data's part of a lineage."""
        digest = hashlib.sha256()
        for name in sorted(self.batches):
            batch = self.batches[name]
            digest.update(name.encode())
            digest.update(_bytes(batch.time) + _bytes(batch.tie))
            for column, (values, valid) in batch.columns.items():
                digest.update(column.encode() + _bytes(values) + _bytes(valid))
        return digest.hexdigest()[:16]


def _bytes(array: NDArray[np.generic]) -> bytes:
    if array.dtype == object:
        return repr(array.tolist()).encode()
    return array.tobytes()
