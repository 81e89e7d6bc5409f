"""Rows on disk under numbers: scattered as they come, read back number by number.

One file for all numbers, written in one direction. A piece is what one call wrote under one number: numbers as plain
bytes (`flat`), other columns as a record batch in Arrow's stream format.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.offline.build.columns import one
from heptad.offline.build.disk import Disk
from heptad.offline.build.flat import Codes, Form, is_flat, ranges, scattered, unpacked
from heptad.offline.build.hashing import by_partition

Longs = NDArray[np.int64]


class Piece(NamedTuple):
    """Where a piece lies, how many rows it has, the range of its times, and how it lies there (None: Arrow's way)."""

    position: int
    size: int
    rows: int
    low: int
    high: int
    form: Form | None


class _Wave(NamedTuple):
    """The pieces of one call, by number: number n lies at ``starts[n]:starts[n + 1]``."""

    starts: Longs
    rows: Longs
    low: Longs
    high: Longs
    form: Form | None


class Spill:
    """A file of pieces. Any number of threads may write and read; what was written can be read at once."""

    def __init__(self, disk: Disk, path: Path, schema: pa.Schema, time: str | None = None) -> None:
        self.schema, self._path = schema, path
        self._time = -1 if time is None else schema.names.index(time)
        self._flat = is_flat(schema)
        self._file = disk.create(path)
        self._reading = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.exists() else -1
        self._waves: list[_Wave] = []
        self._rows = np.empty(0, np.int64)
        self._end = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return self._end

    def scatter(self, table: pa.Table, codes: Codes, n: int) -> None:
        """Write each row of a table of the spill's schema under its code, one of 0..n-1; rows keep their order."""
        if not table.num_rows:
            return
        columns = [one(column) for column in table.columns]
        low = high = np.zeros(n, np.int64)
        if self._time >= 0:
            low, high = ranges(columns[self._time].to_numpy(), codes, n)
        form: Form | None = None
        if self._flat:
            data, starts, rows, form = scattered(columns, codes, n)
        else:
            data, starts, rows = _packed(pa.RecordBatch.from_arrays(columns, schema=self.schema), codes, n)
        with self._lock:
            self._waves.append(_Wave(starts + self._end, rows, low, high, form))
            self._end += self._file.write(data)
            if len(self._rows) < n:
                self._rows = np.concatenate([self._rows, np.zeros(n - len(self._rows), np.int64)])
            self._rows[:n] += rows

    def numbers(self) -> list[int]:
        """The numbers that something was written under, sorted."""
        found: list[int] = np.flatnonzero(self._rows).tolist()
        return found

    def pieces(self, number: int) -> list[Piece]:
        """The pieces of a number, in the order they were written."""
        found = []
        for wave in self._waves:
            if number < len(wave.rows) and wave.rows[number]:
                first, end = int(wave.starts[number]), int(wave.starts[number + 1])
                rows, low, high = wave.rows[number], wave.low[number], wave.high[number]
                found.append(Piece(first, end - first, int(rows), int(low), int(high), wave.form))
        return found

    def rows(self, number: int) -> int:
        return int(self._rows[number]) if number < len(self._rows) else 0

    def read(self, pieces: Sequence[Piece]) -> pa.Table:
        """These pieces one after the other."""
        if not self._flat:
            batches = [unpack(self._data(piece, _room(piece.size)), self.schema) for piece in pieces]
            return pa.Table.from_batches(batches, self.schema)
        n = sum(piece.rows for piece in pieces)
        out = [np.empty(n, kind.to_pandas_dtype()) for kind in self.schema.types]
        null = [any(piece.form.nulls[c] for piece in pieces if piece.form) for c in range(len(out))]
        valid = [np.ones(n if some else 0, np.bool_) for some in null]
        room, at = _room(max((piece.size for piece in pieces), default=0)), 0
        for piece in pieces:
            if piece.form is not None:
                unpacked(self._data(piece, room), piece.rows, piece.form, out, valid, at)
            at += piece.rows
        arrays = [
            pa.array(values, mask=~known if some else None)
            for values, known, some in zip(out, valid, null, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _data(self, piece: Piece, room: memoryview) -> memoryview:
        """The bytes of a piece, in ``room``."""
        into, done = room[: piece.size], 0
        while done < piece.size:
            got = os.preadv(self._reading, [into[done:]], piece.position + done)
            if not got:
                raise OSError(f"{self._path.name} ends before byte {piece.position + piece.size}")
            done += got
        return into

    def remove(self) -> None:
        """Close the file and give its space back."""
        self._file.close()
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1
        self._path.unlink(missing_ok=True)


def _room(size: int) -> memoryview:
    return np.empty(size, np.uint8).data


def pack(batch: pa.RecordBatch) -> Any:
    """A record batch as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def unpack(data: Any, schema: pa.Schema) -> pa.RecordBatch:
    """The record batch that `pack` made bytes of."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return pa.RecordBatch.from_arrays(reader.read_next_batch().columns, schema=schema)


def _packed(batch: pa.RecordBatch, codes: Codes, n: int) -> tuple[Any, Longs, Longs]:
    order, edges = by_partition(codes, n)
    batch, rows = batch.take(pa.array(order)), np.diff(edges)
    parts = [pack(batch.slice(edges[p], rows[p])) if rows[p] else b"" for p in range(n)]
    starts = np.concatenate([[0], np.cumsum([memoryview(part).nbytes for part in parts])]).astype(np.int64)
    return b"".join(parts), starts, rows
