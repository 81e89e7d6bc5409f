"""Rows of one stream as columns: how values are held between the log, the engines and the kernels.

A column is a numpy array of n values and a mask of the valid ones: float64, int64, bool, or object for
ids, texts and lists of texts. Ids that are all integers are held as int64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.plan.nodes import StreamPlan

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


class Column(NamedTuple):
    """Values (n,) and which of them are not null (n,)."""

    values: NDArray[Any]
    valid: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Column:
        return Column(self.values[rows], self.valid[rows])


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
    n = len(values)
    if kind in _DTYPE:
        dtype, blank = _DTYPE[kind]
        valid = np.fromiter((v is not None for v in values), np.bool_, n)
        held: NDArray[Any] = np.fromiter((blank if v is None else v for v in values), dtype, n)
        if kind is Kind.FLOAT:
            valid &= ~np.isnan(held)
            held = np.where(valid, held, 0.0) + 0.0
        return Column(held, valid)
    if kind is Kind.ID and all(type(v) is int for v in values):
        return Column(np.fromiter(values, np.int64, n), np.ones(n, np.bool_))
    plain = (tuple(v) if kind is Kind.TEXTS and v is not None else v for v in values)
    array = np.fromiter(plain, object, n)
    return Column(array, np.fromiter((v is not None for v in values), np.bool_, n))


def tie_of(row: Mapping[str, Any], stream: StreamPlan, offset: int) -> int:
    """What orders events of one time: the id, a hash of a text id, a hash of a row without id.

    A table's rows are ordered by their place in the log: of two rows valid from one time the later stands.
    """
    if stream.is_table:
        return offset
    if stream.key is None:  # enriched columns too: rows that tie here are then alike in every value
        return hash64([row.get(f.name) for f in stream.fields])
    value = row[stream.key.name]
    return value if type(value) is int else hash64(value)


def fingerprint(row: Mapping[str, Any], stream: StreamPlan) -> int:
    """A hash of what the sender sent: two rows of one id with other fingerprints contradict each other.

    Enriched columns are left out, since a table may have changed between two posts of one event.
    """
    return hash64([row.get(f.name) for f in stream.fields if f.lookup is None])


def hash64(value: object) -> int:
    """The first 8 bytes of BLAKE2b over the value's msgpack, as a signed little-endian int64."""
    digest = hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def batch_of(stream: StreamPlan, rows: Sequence[Mapping[str, Any]], offsets: Sequence[int]) -> Batch:
    """Checked rows (see `Schema.parse`) as a batch. A table without a time column is valid from the beginning."""
    columns = {f.name: column_of([row.get(f.name) for row in rows], f.kind) for f in stream.fields}
    n = len(rows)
    time = columns[stream.time.name].values if stream.time else np.full(n, TIMELESS, np.int64)
    tie = np.fromiter((tie_of(row, stream, o) for row, o in zip(rows, offsets, strict=True)), np.int64, n)
    return Batch(stream, time, tie, np.fromiter(offsets, np.int64, n), columns)


#: valid_from of a table row that states none: before every event, and still a time.
TIMELESS = -(2**62)
