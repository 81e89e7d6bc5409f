"""Pass one: every event and every label row goes to the partitions of its keys, once per shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.offline.build.events import OFFSET, TIE, TIME, Events
from heptad.offline.build.hashing import by_partition, frequent, hashes, partitions
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

    def split(self, table: pa.Table, hashed: Sequence[str]) -> list[tuple[int, pa.RecordBatch]]:
        """The rows of each partition, in the order they have in the table."""
        columns = [table.column(name).combine_chunks() for name in hashed]
        columns = [c.chunk(0) if isinstance(c, pa.ChunkedArray) else c for c in columns]
        batch = table.combine_chunks().to_batches()
        if not batch:
            return []
        if len(self) == 1:
            return [(0, batch[0])]
        place = partitions(hashes(columns, table.num_rows), self.n, self.hot)
        order, starts = by_partition(place, len(self))
        sorted_rows = batch[0].take(pa.array(order))
        return [
            (number, sorted_rows.slice(starts[number], starts[number + 1] - starts[number]))
            for number in range(len(self))
            if starts[number + 1] > starts[number]
        ]


def spread(shard: Shard, share: float, samples: Iterable[pa.Table], n: int) -> Partitions:
    """``n`` partitions for a shard; a key that more than ``share`` of some stream's sampled events has gets its own."""
    if not shard.hashed or n == 1:
        return Partitions(1)
    hot = [
        frequent(hashes([_array(table, key) for key in shard.hashed], table.num_rows), share)
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
    spill.append(partitions.split(kept, need.hashed))


def _array(table: pa.Table, name: str) -> Any:
    held = table.column(name).combine_chunks()
    return held.chunk(0) if isinstance(held, pa.ChunkedArray) else held
