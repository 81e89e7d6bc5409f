"""Which rows of a stream repeat an id: the first row of an id stands, however far apart they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.offline.build.budget import Budget
from heptad.offline.build.columns import checked, one
from heptad.offline.build.disk import Disk
from heptad.offline.build.files import Rows
from heptad.offline.build.scatter import ROW, Partitions
from heptad.offline.build.spill import Spill
from heptad.plan.nodes import FieldPlan

_BYTES = 64  #: of memory per id while a partition of them is sorted
_PIECE = 1_000_000


def repeated(
    key: FieldPlan, rows: Rows, budget: Budget, disk: Disk, path: Path, done: Callable[[int], None]
) -> NDArray[np.int64]:
    """The numbers of the rows to leave out, sorted.

    Ids that only rise have no repeats, which one look at each shows. Others are spread over partitions by
    their hash, each small enough to be sorted.
    """
    if _rising(key, rows, done):
        return np.empty(0, np.int64)
    n = max(1, -(-rows.count * _BYTES // budget.share)) if budget.partitions is None else budget.partitions
    spread, spill, first = Partitions(n), None, 0
    try:
        for piece in rows.pieces([key.name], budget.chunk or _PIECE):
            ids = checked(piece.column(key.name), key, f"{rows.thing}, {key.name}")
            numbers = pa.array(np.arange(first, first + len(ids)))
            table = pa.table({key.name: ids, ROW: numbers})
            spill = spill or Spill(disk, path, table.schema)
            spread.scatter(table, [key.name], spill)
            first += len(ids)
        found = [_later(spill.read(spill.pieces(number))) for number in spill.numbers()] if spill else []
    finally:
        if spill is not None:
            spill.remove()
    return np.sort(np.concatenate([np.empty(0, np.int64), *found]))


def _rising(key: FieldPlan, rows: Rows, done: Callable[[int], None]) -> bool:
    last, rising = -(2**63), True
    for piece in rows.pieces([key.name], _PIECE):
        if rising:
            ids = checked(piece.column(key.name), key, f"{rows.thing}, {key.name}")
            if not pa.types.is_int64(ids.type):
                rising = False
            elif len(ids):
                held = ids.to_numpy()
                rising = bool(held[0] > last and (held[1:] > held[:-1]).all())
                last = int(held[-1])
        if not rising:
            return False
        done(piece.num_rows)
    return True


def _later(table: pa.Table) -> NDArray[np.int64]:
    """The rows whose id an earlier row of the table has."""
    ids = one(table.column(0))
    same = ids.to_numpy() if pa.types.is_int64(ids.type) else ids.dictionary_encode().indices.to_numpy()
    order = np.argsort(same, kind="stable")
    again = np.flatnonzero(same[order[1:]] == same[order[:-1]]) + 1
    rows: NDArray[np.int64] = table.column(ROW).to_numpy()[order[again]]
    return rows
