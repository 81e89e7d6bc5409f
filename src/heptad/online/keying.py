"""Rows to records: which records the rows of a read need, each once, and how their values become rows again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress, repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.online.index import Keys, distinct
from heptad.plan.batch import Column, Different
from heptad.state.keys import encode_rows
from heptad.state.read import Query, combine

Ints = NDArray[np.int64]
_ROOM: Final = 2**62  #: what one integer per tuple may reach


@dataclass(frozen=True)
class Keyed:
    """The records that n rows of a read need.

    ``values``: the distinct keys, tuples of values, or the values themselves where a key is of one column
    (``bare``), in an array where they are integers. ``of`` (n,): which key, or list of keys, a row reads; one past the last where a key is null, which
    ``nulls`` says; None where row i reads key i. ``lists``: members and bounds of each distinct list of keys, where the
    key is a list.
    """

    values: Keys
    bare: bool
    of: Ints | None
    nulls: bool = False
    lists: tuple[Ints, Ints] | None = None

    def keys(self, places: Sequence[int]) -> list[bytes]:
        """The bytes of the keys at these places."""
        some = plain(self.chosen(places))
        return encode_rows([(value,) for value in some] if self.bare else some)

    def chosen(self, places: Sequence[int]) -> Keys:
        """The keys at these places."""
        return (
            [self.values[i] for i in places]
            if type(self.values) is list
            else self.values[np.asarray(places, np.int64)]
        )

    def states(self, query: Query, rows: Ints, blank: Ints) -> Ints:
        """Rows (distinct, words) of those of the keys: lists merged, and where a row needs it one of no events."""
        if self.lists is not None:
            rows = combine(query, rows, *self.lists)
        return np.concatenate([rows, blank[None]]) if self.nulls else rows


class Coded(NamedTuple):
    """A key column by its distinct values: row i holds ``values[codes[i]]``, or null at ``len(values)``.

    ``codes`` None: row i holds ``values[i]``. ``constant``: all rows hold the one value.
    """

    values: Keys
    codes: Ints | None
    constant: bool = False

    def every(self, n: int) -> Ints:
        """The codes of n rows, written out."""
        return np.arange(n) if self.codes is None else self.codes


def plain(keys: Keys) -> list[Any]:
    """The keys as Python values."""
    return keys if type(keys) is list else np.asarray(keys).tolist()


def code(column: Column) -> Coded:
    """A column's distinct values in order of appearance, and which of them each row holds."""
    n = len(column.values)
    if type(column) is Different:
        return Coded(column.values if column.values.dtype == np.int64 else column.values.tolist(), None)
    if n > 1 and column.values.strides == column.valid.strides == (0,) and column.valid[0]:
        one = column.values[:1]
        values = one.copy() if one.dtype == np.int64 else one.tolist()
        return Coded(values, np.zeros(n, np.int64), True)  # one value under all rows
    if column.values.dtype == np.int64:
        found, of = distinct(column.values, column.valid)
        return Coded(found, None if len(found) == n else of)
    rows = column.values.tolist()
    if column.valid.all():
        places = dict.fromkeys(rows)
        if len(places) == len(rows):
            return Coded(rows, None)
        places = dict(zip(places, range(len(places)), strict=True))
        return Coded(list(places), np.fromiter(map(places.__getitem__, rows), np.int64, len(rows)))
    valid = column.valid.tolist()
    places = {value: i for i, value in enumerate(dict.fromkeys(compress(rows, valid)))}
    null = len(places)
    codes = [places[row] if known else null for row, known in zip(rows, valid, strict=True)]
    return Coded(list(places), np.array(codes, np.int64))


def keyed(columns: Sequence[Coded], list_key: int | None, n: int) -> Keyed:
    """The records of n rows whose keys are these columns; ``list_key`` is the place of a list of elements."""
    if len(columns) == 1 and list_key is None:
        (column,) = columns
        return Keyed(column.values, True, column.codes, _has_nulls(column.codes, len(column.values)))
    distinct, of = _tuples(columns, n)
    nulls = _has_nulls(of, len(distinct))
    if list_key is None:
        return Keyed(distinct, False, of, nulls)
    elements = [
        [(*row[:list_key], element, *row[list_key + 1 :]) for element in dict.fromkeys(row[list_key])]
        for row in distinct
    ]
    places = {key: i for i, key in enumerate(dict.fromkeys(chain.from_iterable(elements)))}
    members = np.array([places[key] for keys in elements for key in keys], np.int64)
    bounds = np.cumsum([0, *map(len, elements)], dtype=np.int64)
    return Keyed(list(places), False, of, nulls, (members, bounds))


def _has_nulls(of: Ints | None, distinct: int) -> bool:
    return of is not None and len(of) > 0 and int(of.max()) == distinct


def _tuples(columns: Sequence[Coded], n: int) -> tuple[list[tuple[Any, ...]], Ints | None]:
    """The distinct tuples of values that rows hold, and which of them each row holds; nulls come last."""
    if len(columns) == 1:
        return [(value,) for value in plain(columns[0].values)], columns[0].codes
    varying = [column for column in columns if not column.constant]
    if len(varying) == 1:
        parts = [repeat(*plain(c.values)) if c.constant else plain(c.values) for c in columns]
        return list(zip(*parts, strict=False)), varying[0].codes
    mixed, bound = columns[0].every(n), len(columns[0].values) + 1
    null = mixed == len(columns[0].values)
    for column in columns[1:]:  # one integer per tuple
        codes, wide = column.every(n), len(column.values) + 1
        if bound * wide > _ROOM:
            mixed, bound = np.unique(mixed, return_inverse=True)[1], len(mixed)
        mixed, bound = mixed * wide + codes, bound * wide
        null = null | (codes == len(column.values))
    _, first, of = np.unique(np.where(null, -1, mixed), return_index=True, return_inverse=True)
    if null.any():  # -1 sorts first: let it come last instead
        first, of = first[1:], np.where(null, len(first) - 1, of - 1)
    parts = [[plain(column.values)[c] for c in column.every(n)[first].tolist()] for column in columns]
    return list(zip(*parts, strict=True)), of
