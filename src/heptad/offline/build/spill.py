"""Record batches on disk under numbers: appended as they come, read back number by number.

One file for all numbers, written in one direction. A piece is one record batch in Arrow's stream format, its
integers narrowed to the bytes they need (each column less its smallest value), since the disk is the slowest part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from heptad.offline.build.disk import Disk

_NARROW = ((8, np.uint8), (16, np.uint16), (32, np.uint32))


class Piece(NamedTuple):
    """Where a record batch lies, how many rows it has, and the range of its times."""

    position: int
    size: int
    rows: int
    low: int
    high: int


class Spill:
    """A file of pieces. Any number of threads may append and read; what was appended can be read at once."""

    def __init__(self, disk: Disk, path: Path, schema: pa.Schema, time: str | None = None) -> None:
        self.schema, self._time, self._path = schema, time, path
        self._file = disk.create(path)
        self._reading = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.exists() else -1
        self._pieces: dict[int, list[Piece]] = {}
        self._end = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return self._end

    def append(self, parts: Iterable[tuple[int, pa.RecordBatch]]) -> None:
        """Write each batch under its number; empty ones leave nothing."""
        made = [(number, batch, *self._range(batch)) for number, batch in parts if batch.num_rows]
        packed = [pack(batch) for _, batch, _, _ in made]
        with self._lock:
            for (number, batch, low, high), data in zip(made, packed, strict=True):
                piece = Piece(self._end, data.size, batch.num_rows, low, high)
                self._end += self._file.write(data)
                self._pieces.setdefault(number, []).append(piece)

    def _range(self, batch: pa.RecordBatch) -> tuple[int, int]:
        if self._time is None:
            return 0, 0
        times = batch.column(self._time).to_numpy()
        return int(times.min()), int(times.max())

    def numbers(self) -> list[int]:
        """The numbers that something was written under, sorted."""
        return sorted(self._pieces)

    def pieces(self, number: int) -> list[Piece]:
        """The pieces of a number, in the order they were appended."""
        return list(self._pieces.get(number, ()))

    def rows(self, number: int) -> int:
        return sum(piece.rows for piece in self._pieces.get(number, ()))

    def read(self, pieces: Sequence[Piece], columns: Sequence[str] | None = None) -> pa.Table:
        """These pieces one after the other."""
        batches = [unpack(self._data(piece), self.schema) for piece in pieces]
        table = pa.Table.from_batches(batches, self.schema)
        return table if columns is None else table.select(list(columns))

    def _data(self, piece: Piece) -> Any:
        parts, at, left = [], piece.position, piece.size
        while left:
            part = os.pread(self._reading, left, at)
            if not part:
                raise OSError(f"{self._path.name} ends before byte {at + left}")
            parts.append(part)
            at, left = at + len(part), left - len(part)
        return pa.py_buffer(parts[0] if len(parts) == 1 else b"".join(parts))

    def remove(self) -> None:
        """Close the file and give its space back."""
        self._file.close()
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1
        self._path.unlink(missing_ok=True)


def pack(batch: pa.RecordBatch) -> Any:
    """A record batch as bytes, integers narrowed where all of a column are near each other."""
    columns, fields = [], []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        narrow, base = _narrowed(column)
        columns.append(narrow)
        metadata = {b"base": str(base).encode()} if narrow is not column else None
        fields.append(pa.field(field.name, narrow.type, metadata=metadata))
    small = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, small.schema) as writer:
        writer.write_batch(small)
    return sink.getvalue()


def unpack(data: Any, schema: pa.Schema) -> pa.RecordBatch:
    """The record batch that `pack` made bytes of."""
    with pa.ipc.open_stream(data) as reader:
        small = reader.read_next_batch()
    columns: list[Any] = []
    for field, wide, column in zip(small.schema, schema, small.columns, strict=True):
        if field.metadata is not None:
            base = int(field.metadata[b"base"])
            held = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
            held += base
            mask = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
            columns.append(pa.array(held, mask=mask))
        else:
            columns.append(column if column.type == wide.type else column.cast(wide.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _narrowed(column: Any) -> tuple[Any, int]:
    if not pa.types.is_int64(column.type) or len(column) == 0 or column.null_count:
        return column, 0
    held = column.to_numpy()
    low, high = int(held.min()), int(held.max())
    for bits, kind in _NARROW:
        if high - low < 1 << bits:
            return pa.array((held - low).astype(kind)), low
    return column, 0
