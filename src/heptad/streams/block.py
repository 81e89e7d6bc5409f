"""A block: many rows of one stream as columns, in the place of as many records of the log.

Byte layout, little-endian, version 1 (golden vectors: ``tests/unit/streams/test_block.py``)::

    at  bytes  what
     0  1      0xC1, which no msgpack begins with
     1  1      version, 1
     2  2      c, the number of columns
     4  4      n, the number of rows, at least 1
     8  4      the schema's fingerprint (`heptad.streams.payload`)
    12  2      bytes of the stream's name, which follows
    then c columns, one after the other, in the order of the class:
     0  1      encoding: 0 integers, 1 booleans, 2 floats, 3 dictionary
     1  1      bytes of one value: 1, 2, 4 or 8
     2  1      1 where some rows are null, else 0
     3  1      zero
     4  4      d, bytes of the dictionary
     8  8      base, int64
    16  n/8    only where some are null: a bit per row, lowest first, set where there is a value; rounded up
        d      dictionary: a msgpack array of the different values, in order of appearance
        n w    values: unsigned integers of w bytes, each less than the value by base (with w = 8 and base 0: int64);
               float64; or places in the dictionary.

A row of a block and the same row logged alone are one event: `payloads` gives the very bytes of the latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.plan.batch import Column, Factors, Repeating

VERSION: Final = 1
ROW_VERSION: Final = 1  #: of a row logged alone, see `heptad.streams.payload`
MARK: Final = 0xC1
_HEAD, _COLUMN = Struct("<BBHIIH"), Struct("<BBBBIq")
_INTEGERS, _BOOLEANS, _FLOATS, _DICTIONARY = range(4)
_UNSIGNED: Final = {1: "u1", 2: "<u2", 4: "<u4"}
_pack, _unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


class Block(NamedTuple):
    """Rows as they were logged: the stream, its schema's fingerprint, and a column for each of its columns."""

    stream: str
    schema: int
    columns: tuple[Column, ...]


def encode(stream: str, schema: int, kinds: Sequence[Kind], columns: Sequence[Column]) -> bytes:
    """The bytes of n >= 1 rows, held as `plan.batch.column_of` holds columns of these kinds."""
    name = stream.encode()
    parts = [_HEAD.pack(MARK, VERSION, len(columns), len(columns[0].valid), schema, len(name)), name]
    for kind, column in zip(kinds, columns, strict=True):
        parts += _encoded(kind, column)
    return b"".join(parts)


def _encoded(kind: Kind, column: Column) -> list[bytes]:
    values, valid = column
    nulls = b"" if valid.all() else np.packbits(valid, bitorder="little").tobytes()
    flag = 1 if nulls else 0
    if values.dtype == object:
        distinct, which = column.factors()
        if flag:
            which = np.where(valid, which, 0)
        width = _width(max(len(distinct) - 1, 0))
        dictionary = _pack(distinct.tolist())
        codes = which.astype(_UNSIGNED[width]).tobytes()
        return [_COLUMN.pack(_DICTIONARY, width, flag, 0, len(dictionary), 0), nulls, dictionary, codes]
    if kind is Kind.FLOAT:
        return [_COLUMN.pack(_FLOATS, 8, flag, 0, 0, 0), nulls, values.astype("<f8", copy=False).tobytes()]
    encoding = _BOOLEANS if kind is Kind.BOOL else _INTEGERS
    base = int(values.min())
    width = _width(int(values.max()) - base)
    if width == 8:
        return [_COLUMN.pack(encoding, 8, flag, 0, 0, 0), nulls, values.astype("<i8", copy=False).tobytes()]
    less = (values - np.int64(base)).astype(_UNSIGNED[width])
    return [_COLUMN.pack(encoding, width, flag, 0, 0, base), nulls, less.tobytes()]


def _width(largest: int) -> int:
    return 1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4 if largest < 1 << 32 else 8


def decode(data: bytes) -> Block:
    """The rows of a block. Raises StateError for bytes that are none, or of another version."""
    name, schema, columns = _parsed(data)
    return Block(name, schema, tuple(column for _, column in columns))


def stream_of(data: bytes) -> str:
    """The name of a block's stream."""
    length = _HEAD.unpack_from(data)[5]
    return data[_HEAD.size : _HEAD.size + length].decode()


def payloads(data: bytes, start: int, stop: int) -> list[bytes]:
    """Rows ``[start, stop)`` of a block as records: each the bytes it would have had if it was logged alone."""
    stream, schema, columns = _parsed(data)
    cells = [_cells(encoding, column.take(np.arange(start, stop))) for encoding, column in columns]
    return [_pack((ROW_VERSION, stream, schema, *row)) for row in zip(*cells, strict=True)]


def _cells(encoding: int, column: Column) -> list[Any]:
    values: list[Any] = column.values.tolist()
    if encoding == _BOOLEANS:
        values = [value != 0 for value in values]
    if not column.valid.all():
        values = [v if there else None for v, there in zip(values, column.valid.tolist(), strict=True)]
    return values


def _parsed(data: bytes) -> tuple[str, int, list[tuple[int, Column]]]:
    """(stream, schema, (encoding, column) of each column)."""
    try:
        mark, version, count, n, schema, length = _HEAD.unpack_from(data)
        if (mark, version) != (MARK, VERSION):
            raise _misfit(f"the bytes {data[:2].hex()}")
        at = _HEAD.size + length
        name, columns = data[_HEAD.size : at].decode(), list[tuple[int, Column]]()
        for _ in range(count):
            encoding, column, at = _column(data, at, n)
            columns.append((encoding, column))
    except (ValueError, IndexError, KeyError, StructError, msgspec.DecodeError) as error:
        raise _misfit(f"{len(data)} bytes that end or change too early ({error})") from error
    return name, schema, columns


def _column(data: bytes, at: int, n: int) -> tuple[int, Column, int]:
    """(encoding, column, where the next one begins)."""
    encoding, width, flag, _, size, base = _COLUMN.unpack_from(data, at)
    at += _COLUMN.size
    valid = np.ones(n, np.bool_)
    if flag:
        bits = np.frombuffer(data, np.uint8, -(-n // 8), at)
        valid = np.unpackbits(bits, count=n, bitorder="little").astype(np.bool_)
        at += len(bits)
    extra, at = data[at : at + size], at + size
    end = at + n * width
    if encoding == _FLOATS:
        column = Column(np.frombuffer(data, "<f8", n, at).astype(np.float64), valid)
    elif encoding in (_INTEGERS, _BOOLEANS):
        less = np.frombuffer(data, _UNSIGNED.get(width, "<i8"), n, at)
        column = Column(less.astype(np.int64) + np.int64(base), valid)
    elif encoding == _DICTIONARY:
        listed = [tuple(value) if isinstance(value, list) else value for value in _unpack(extra)]
        which = np.frombuffer(data, _UNSIGNED[width], n, at).astype(np.int64)
        column = Repeating.of(Factors(np.fromiter(listed, object, len(listed)), which), valid)
    else:
        raise _misfit(f"a column in encoding {encoding}")
    return encoding, column, end


def _misfit(got: str) -> StateError:
    return StateError(
        "a block of the log", f"rows as columns in format {VERSION}", got,
        "read the log with the heptad that wrote it, or restore it from a copy",
    )  # fmt: skip
