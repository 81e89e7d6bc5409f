"""Batches put together and taken apart: several of one stream as one, and the rows of one as Python values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from heptad.declare.types import Kind
from heptad.plan.batch import Batch, Column, Factors, Repeating


def joined(batches: Sequence[Batch]) -> Batch:
    """The events of one or more batches of one stream, in this order."""
    if len(batches) == 1:
        return batches[0]
    columns = {name: _column([batch.columns[name] for batch in batches]) for name in batches[0].columns}
    time = np.concatenate([batch.time for batch in batches])
    tie = np.concatenate([batch.tie for batch in batches])
    offset = np.concatenate([batch.offset for batch in batches])
    return Batch(batches[0].stream, time, tie, offset, columns)


def _column(parts: Sequence[Column]) -> Column:
    """The parts of one column; ids that are all ints in one part and not in another become objects."""
    valid = np.concatenate([part.valid for part in parts])
    if all(part.values.dtype != object for part in parts):
        return Column(np.concatenate([part.values for part in parts]), valid)
    if any(part.values.dtype != object for part in parts):
        return Column(np.concatenate([part.values.astype(object) for part in parts]), valid)
    places: dict[Any, int] = {}
    which = []
    for part in parts:
        distinct, of = part.factors()
        mine = np.array([places.setdefault(value, len(places)) for value in distinct.tolist()], np.int64)
        which.append(mine[of] if len(mine) else of)
    return Repeating.of(Factors(np.fromiter(places, object, len(places)), np.concatenate(which)), valid)


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """The rows as they were checked (`Schema.parse`): null is None, a list of texts is a list."""
    names = [f.name for f in batch.stream.fields]
    cells = [_cells(batch.columns[f.name], f.kind) for f in batch.stream.fields]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _cells(column: Column, kind: Kind) -> list[Any]:
    values: list[Any] = column.values.tolist()
    if kind is Kind.BOOL:
        values = [bool(value) for value in values]
    elif kind is Kind.TEXTS:
        values = [list(value) if value is not None else None for value in values]
    if not column.valid.all():
        values = [v if there else None for v, there in zip(values, column.valid.tolist(), strict=True)]
    return values
