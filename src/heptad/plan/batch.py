"""Rows of one stream as columns: how values are held between the log, the engines and the kernels.

A column is a numpy array of n values and a mask of the valid ones: float64, int64, bool, or object for
ids, texts and lists of texts. Ids that are all integers are held as int64.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.plan.nodes import FieldPlan, StreamPlan

_DTYPE: dict[Kind, tuple[type, Any]] = {
    Kind.FLOAT: (np.float64, 0.0),
    Kind.INT: (np.int64, 0),
    Kind.BOOL: (np.int64, 0),
    Kind.TIME: (np.int64, 0),
}


class Logged(NamedTuple):
    """One record of the log, decoded: its offset, its arrival time, its stream and its row."""

    offset: int
    arrival: int
    stream: str
    row: Mapping[str, Any]


class Factors(NamedTuple):
    """The different values of a column, and for each row which of them it has (n,); of a null row it says nothing."""

    distinct: NDArray[Any]
    which: NDArray[np.int64]


class Column(NamedTuple):
    """Values (n,) and which of them are not null (n,)."""

    values: NDArray[Any]
    valid: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Column:
        return Column(self.values[rows], self.valid[rows])

    def factors(self) -> Factors:
        """The different values of an object column, in order of appearance."""
        values = self.values.tolist()
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        which = np.fromiter(map(places.__getitem__, values), np.int64, len(values))
        return Factors(np.fromiter(places, object, len(places)), which)


class Different(Column):
    """A column of which no two rows are alike, and none is null: nobody need look for that."""


class Repeating(Column):
    """An object column that knows its different values: what is done once for each need not be done per row."""

    known: Factors

    @classmethod
    def of(cls, factors: Factors, valid: NDArray[np.bool_]) -> Repeating:
        """``which`` must be a place of ``distinct`` where the row is valid; elsewhere the value is None."""
        if len(factors.distinct):
            values = factors.distinct[factors.which]
            if not valid.all():
                values[~valid] = None
        else:
            values = np.full(len(valid), None, object)
        column = cls(values, valid)
        column.known = factors
        return column

    def take(self, rows: NDArray[Any]) -> Column:
        column = Repeating(self.values[rows], self.valid[rows])
        column.known = Factors(self.known.distinct, self.known.which[rows])
        return column

    def factors(self) -> Factors:
        return self.known


@dataclass(frozen=True)
class Batch:
    """n events of one stream: their times, ties, log offsets and columns."""

    stream: StreamPlan
    time: NDArray[np.int64]
    tie: NDArray[np.int64]
    offset: NDArray[np.int64]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: NDArray[Any]) -> Batch:
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return Batch(self.stream, self.time[rows], self.tie[rows], self.offset[rows], columns)


def column_of(values: Sequence[Any], kind: Kind) -> Column:
    """A column of Python values; None is null, and so is NaN; -0.0 becomes 0.0."""
    n, types = len(values), set(map(type, values))
    valid = (
        np.fromiter((v is not None for v in values), np.bool_, n)
        if type(None) in types
        else np.ones(n, np.bool_)
    )
    if kind in _DTYPE:
        dtype, blank = _DTYPE[kind]
        if type(None) in types:
            values = [blank if v is None else v for v in values]
        held: NDArray[Any] = np.fromiter(values, dtype, n)
        if kind is Kind.FLOAT:
            valid &= ~np.isnan(held)
            held = np.where(valid, held, 0.0) + 0.0
        return Column(held, valid)
    if kind is Kind.ID and types <= {int}:
        return Column(np.fromiter(values, np.int64, n), valid)
    if kind is Kind.TEXTS:
        values = [None if v is None else tuple(v) for v in values]
    return Column(np.fromiter(values, object, n), valid)


def tie_of(row: Mapping[str, Any], stream: StreamPlan, offset: int) -> int:
    """What orders events of one time: the id, a hash of a text id, a hash of a row without id.

    A table's rows are ordered by their place in the log: of two rows valid from one time the later stands.
    """
    if stream.is_table:
        return offset
    if stream.key is None:  # enriched columns too: rows that tie here are then alike in every value
        return _mixed(row, stream.fields)
    value = row[stream.key.name]
    return value if type(value) is int else hash64(value)


def fingerprint(row: Mapping[str, Any], stream: StreamPlan) -> int:
    """A hash of what the sender sent: two rows of one id with other fingerprints contradict each other.

    Enriched columns are left out, since a table may have changed between two posts of one event.
    """
    return _mixed(row, [f for f in stream.fields if f.lookup is None])


def fingerprints(columns: Mapping[str, Column], stream: StreamPlan) -> NDArray[np.int64]:
    """`fingerprint` of every row of checked columns."""
    return _all_mixed(columns, [f for f in stream.fields if f.lookup is None])


def ties(columns: Mapping[str, Column], stream: StreamPlan, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """`tie_of` every row of checked columns."""
    if stream.is_table:
        return offsets
    if stream.key is None:
        return _all_mixed(columns, stream.fields)
    return _words(columns[stream.key.name], stream.key.kind)


# A row's hash: its cells as 64-bit words, mixed one after the other by the finalizer of SplitMix64 (Steele, Lea and
# Flood, OOPSLA 2014). A text or a list is hashed once however often it occurs, so that whole columns are hashed fast.
_BITS: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15
_NULL: Final = 0xD1B54A32D192ED03
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _word(value: Any, kind: Kind) -> int:
    """A cell that is not null, as a signed 64-bit integer: numbers as they are or by their bits, the rest hashed."""
    if kind is Kind.FLOAT:
        return int.from_bytes(struct.pack("<d", value + 0.0), "little", signed=True)
    return int(value) if isinstance(value, int) else hash64(value)


def _mixed(row: Mapping[str, Any], fields: Sequence[FieldPlan]) -> int:
    h = 0
    for f in fields:
        value = row.get(f.name)
        null = value is None or value != value
        h = (h + _NULL if null else (h ^ _word(value, f.kind) & _BITS) + _STEP) & _BITS
        h = (h ^ h >> 30) * _FIRST & _BITS
        h = (h ^ h >> 27) * _SECOND & _BITS
        h ^= h >> 31
    return h - 2**64 if h >> 63 else h


def _words(column: Column, kind: Kind) -> NDArray[np.int64]:
    """`_word` of every cell; where it is null, anything."""
    values = column.values
    if values.dtype == np.float64:
        return (values + 0.0).view(np.int64)
    if values.dtype != object:
        return values.astype(np.int64, copy=False)
    distinct, which = column.factors()
    words = np.array([0 if value is None else _word(value, kind) for value in distinct.tolist()], np.int64)
    return words[which] if len(words) else np.zeros(len(values), np.int64)


def _all_mixed(columns: Mapping[str, Column], fields: Sequence[FieldPlan]) -> NDArray[np.int64]:
    n = len(columns[fields[0].name].valid)
    h = np.zeros(n, np.uint64)
    for f in fields:
        column = columns[f.name]
        valid = column.valid
        mixed = (h ^ _words(column, f.kind).view(np.uint64)) + np.uint64(_STEP)
        h = mixed if valid.all() else np.where(valid, mixed, h + np.uint64(_NULL))
        h = (h ^ h >> np.uint64(30)) * np.uint64(_FIRST)
        h = (h ^ h >> np.uint64(27)) * np.uint64(_SECOND)
        h ^= h >> np.uint64(31)
    return h.view(np.int64)


def hash64(value: object) -> int:
    """The first 8 bytes of BLAKE2b over the value's msgpack, as a signed little-endian int64."""
    digest = hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def batch_of(stream: StreamPlan, rows: Sequence[Mapping[str, Any]], offsets: Sequence[int]) -> Batch:
    """Checked rows (see `Schema.parse`) as a batch. A table without a time column is valid from the beginning."""
    columns = {f.name: column_of([row.get(f.name) for row in rows], f.kind) for f in stream.fields}
    return batch_from(stream, columns, np.fromiter(offsets, np.int64, len(rows)))


def batch_from(stream: StreamPlan, columns: Mapping[str, Column], offsets: NDArray[np.int64]) -> Batch:
    """Checked columns, one for each of the stream, as a batch."""
    time = columns[stream.time.name].values if stream.time else np.full(len(offsets), TIMELESS, np.int64)
    return Batch(stream, time, ties(columns, stream, offsets), offsets, columns)


#: valid_from of a table row that states none: before every event, and still a time.
TIMELESS = -(2**62)
