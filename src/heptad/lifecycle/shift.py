"""A shift on demand: from a moment on, half of the items are replaced by new ones nobody has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.lifecycle.history import History
from heptad.plan.batch import Batch, Column, hash64


def renew_items(history: History, item: str, at: int) -> History:
    """The history as if, from ``at`` on, every second item (by a hash of its id) had become a new item.

    ``item`` is the id column's name in events and tables. The new items keep the facts of the old ones in
    the tables; every count, mean and learned neighbour of theirs starts from nothing.
    """
    batches: dict[str, Batch] = {}
    for name, batch in history.batches.items():
        column = batch.columns.get(item)
        if column is None:
            batches[name] = batch
        elif batch.stream.is_table:
            batches[name] = _with_copies(batch, item, column)
        else:
            hit = (batch.time >= at) & column.valid & _replaced(column.values)
            values = np.where(hit, _renamed(column.values), column.values)
            batches[name] = replace(batch, columns=dict(batch.columns) | {item: Column(values, column.valid)})
    return History(history.plan, batches)


def _replaced(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.fromiter((hash64(value) % 2 == 0 for value in values.tolist()), np.bool_, len(values))


def _renamed(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return np.fromiter((f"{value}~new" for value in values), object, len(values))
    return values + 1_000_000_000


def _with_copies(batch: Batch, item: str, column: Column) -> Batch:
    """A table with a row of the same facts for every new item."""
    copied = np.flatnonzero(column.valid & _replaced(column.values))
    twice = np.concatenate([np.arange(len(batch)), copied])
    out = batch.take(twice)
    values = out.columns[item].values.copy()
    values[len(batch) :] = _renamed(column.values[copied])
    columns: Mapping[str, Column] = dict(out.columns) | {item: Column(values, out.columns[item].valid)}
    return replace(out, columns=columns)
