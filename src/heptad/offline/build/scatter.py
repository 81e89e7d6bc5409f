"""Pass one: every event and every label row goes to the partitions of its keys, once per shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.offline.build.columns import one
from heptad.offline.build.events import OFFSET, TIE, TIME, Events
from heptad.offline.build.hashing import frequent, hashes, partitions
from heptad.offline.build.shards import Need, Shard
from heptad.offline.build.spill import Spill

ROW = "@row"


@dataclass(frozen=True)
class Partitions:
    """How the keys of a shard are spread: ``n`` partitions by hash, and one more for each ``hot`` hash, sorted."""

    n: int
    hot: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def __len__(self) -> int:
        return self.n + len(self.hot)

    def scatter(self, table: pa.Table, hashed: Sequence[str], into: Spill) -> None:
        """Write each row under the number of its partition; rows keep their order."""
        if len(self) == 1:
            place = np.zeros(table.num_rows, np.int32)
        else:
            columns = [one(table.column(name)) for name in hashed]
            place = partitions(hashes(columns, table.num_rows), self.n, self.hot)
        into.scatter(table, place, len(self))


def spread(shard: Shard, share: float, samples: Iterable[pa.Table], n: int) -> Partitions:
    """``n`` partitions for a shard; a key that more than ``share`` of some stream's sampled events has gets its own."""
    if not shard.hashed or n == 1:
        return Partitions(1)
    hot = [
        frequent(hashes([one(table.column(key)) for key in shard.hashed], table.num_rows), share)
        for table in samples
    ]
    return Partitions(n, np.unique(np.concatenate(hot)) if hot else np.empty(0, np.uint64))


def scatter_events(
    events: Events,
    targets: Sequence[tuple[Need, Partitions, Spill]],
    size: int,
    pool: ThreadPoolExecutor,
) -> Iterator[int]:
    """Append the events to the spill of every shard that needs them; yields the rows done so far, piece by piece.

    While one piece is scattered by the pool, the next is decoded here; no third is in memory.
    """
    waiting: list[Future[None]] = []
    for table in events.pieces(size):
        for done in waiting:
            done.result()
        waiting = [pool.submit(_scatter, table, *target) for target in targets]
        yield table.num_rows
    for done in waiting:
        done.result()


def _scatter(table: pa.Table, need: Need, partitions: Partitions, spill: Spill) -> None:
    names = [
        *need.columns,
        TIME,
        *([TIE] if need.ties else []),
        *([OFFSET] if OFFSET in table.column_names else []),
    ]
    kept = table.select(names)
    for key in need.hashed:
        if kept.column(key).null_count:  # of no record
            kept = kept.filter(kept.column(key).is_valid())
    partitions.scatter(kept, need.hashed, spill)
