"""Rows to records: which records the rows of a read need, each once, and how their states become rows again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.plan.batch import Column
from heptad.state.keys import encode_rows
from heptad.state.read import Query, combine

Ints = NDArray[np.int64]
_ROOM: Final = 2**62  #: what one integer per tuple may reach


@dataclass(frozen=True)
class Keyed:
    """The records that n rows of a read need.

    ``keys``: the distinct keys as bytes. ``of`` (n,): which key, or list of keys, a row reads; one past the
    last where a key is null. ``lists``: members and bounds of each distinct list of keys, where the key is a
    list.
    """

    keys: list[bytes]
    of: Ints
    lists: tuple[Ints, Ints] | None = None

    def spread(self, query: Query, words: Ints) -> Ints:
        """Rows (n, words) of the states (keys, words): lists merged, nulls the state of no events."""
        if self.lists is not None:
            words = combine(query, words, *self.lists)
        if len(words) == 1 and not self.of.any():  # one user, many candidates
            if len(self.of) == 1:
                return words
            return np.broadcast_to(words, (len(self.of), words.shape[1]))
        return np.concatenate([words, query.blank[None]])[self.of]


class Coded(NamedTuple):
    """A key column by its distinct values: row i holds ``values[codes[i]]``, or null at ``len(values)``."""

    values: list[Any]
    codes: Ints


def code(column: Column) -> Coded:
    """A column's distinct values, and which of them each row holds."""
    n = len(column.values)
    if column.values.dtype == np.int64 and column.valid.all():
        first = column.values[:1]
        if (column.values == first).all():
            return Coded(first.tolist(), np.zeros(n, np.int64))
        values, codes = np.unique(column.values, return_inverse=True)
        return Coded(values.tolist(), codes)
    rows = column.values.tolist()
    places = {value: i for i, value in enumerate(dict.fromkeys(_whole(rows, column)))}
    codes = np.fromiter(map(places.__getitem__, rows) if len(places) and column.valid.all() else [
        places[row] if valid else len(places) for row, valid in zip(rows, column.valid.tolist(), strict=True)
    ], np.int64, n)  # fmt: skip
    return Coded(list(places), codes)


def _whole(rows: list[Any], column: Column) -> list[Any]:
    """The values of a column that are not null."""
    return (
        rows if column.valid.all() else [row for row, valid in zip(rows, column.valid, strict=True) if valid]
    )


def keyed(columns: Sequence[Coded], list_key: int | None) -> Keyed:
    """The records of n rows whose keys are these columns; ``list_key`` is the place of a list of elements."""
    distinct, of = _tuples(columns)
    if list_key is None:
        return Keyed(encode_rows(distinct), of)
    elements = [
        [(*row[:list_key], element, *row[list_key + 1 :]) for element in dict.fromkeys(row[list_key])]
        for row in distinct
    ]
    places = {key: i for i, key in enumerate(dict.fromkeys(chain.from_iterable(elements)))}
    members = np.array([places[key] for keys in elements for key in keys], np.int64)
    bounds = np.cumsum([0, *map(len, elements)], dtype=np.int64)
    return Keyed(encode_rows(places), of, (members, bounds))


def _tuples(columns: Sequence[Coded]) -> tuple[list[tuple[Any, ...]], Ints]:
    """The distinct tuples of values that rows hold, and which of them each row holds; nulls come last."""
    if len(columns) == 1:
        return [(value,) for value in columns[0].values], columns[0].codes
    mixed, null, bound = (
        columns[0].codes,
        columns[0].codes == len(columns[0].values),
        len(columns[0].values) + 1,
    )
    for column in columns[1:]:  # one integer per tuple
        wide = len(column.values) + 1
        if bound * wide > _ROOM:
            mixed, bound = np.unique(mixed, return_inverse=True)[1], len(mixed)
        mixed, bound = mixed * wide + column.codes, bound * wide
        null = null | (column.codes == len(column.values))
    if len(mixed) and not mixed.any() and not null.any():  # one row, or rows that are alike
        return [tuple(column.values[0] for column in columns)], mixed
    _, first, of = np.unique(np.where(null, -1, mixed), return_index=True, return_inverse=True)
    if null.any():  # -1 sorts first: let it come last instead
        first, of = first[1:], np.where(null, len(first) - 1, of - 1)
    parts = [[column.values[c] for c in column.codes[first].tolist()] for column in columns]
    return list(zip(*parts, strict=True)), of
