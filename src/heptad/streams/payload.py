"""A row as the bytes of a log record, and back: a msgpack array of version, stream, schema and values.

``[1, "Rating", 2749103341, value, ...]``: the values in the order of the class's columns. The third entry is
the schema's fingerprint, so a class that changed since the record was written is an error and never a wrong
value. What does not fit the schema is refused before it is logged: a record in the log can always be applied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from heptad.declare.types import Kind
from heptad.declare.vectors import WIDTH
from heptad.errors import DataError, StateError
from heptad.plan.batch import Batch, Column, Logged, batch_from, batch_of
from heptad.plan.nodes import FieldPlan, Plan, StreamPlan
from heptad.streams.block import ROW_VERSION
from heptad.streams.block import decode as decode_block
from heptad.streams.block import encode as encode_block
from heptad.streams.columns import FARTHEST, LOWEST, may_be_null
from heptad.streams.frame import Run
from heptad.streams.log import Columns

_HEAD: Final = 3  # entries before the first value
_INT = Annotated[int, msgspec.Meta(ge=LOWEST, le=2**63 - 1)]
_TIME = Annotated[int, msgspec.Meta(ge=-FARTHEST, le=FARTHEST)]
_TYPES: Final[dict[Kind, Any]] = {
    Kind.ID: _INT | str,
    Kind.TEXT: str,
    Kind.FLOAT: float,
    Kind.INT: _INT,
    Kind.BOOL: bool,
    Kind.TEXTS: list[str],
    Kind.TIME: _TIME,
}


def schema_fingerprint(stream: StreamPlan) -> int:
    """32 bits of a hash of the columns' names, kinds and places: what the bytes of a row depend on.

    A column that became optional does not change it.
    """
    described = msgspec.msgpack.encode([_described(f) for f in stream.fields])
    return int.from_bytes(hashlib.blake2b(described, digest_size=4).digest(), "little")


def _described(field: FieldPlan) -> tuple[str | int, ...]:
    said = field.name, field.kind.value, field.role.value
    return (*said, field.size) if field.size else said


def _cell(field: FieldPlan) -> Any:
    if field.kind is Kind.VECTOR:
        width = WIDTH * field.size
        return Annotated[bytes, msgspec.Meta(min_length=width, max_length=width)]
    return _TYPES[field.kind]


class _Stream:
    """One stream's way of writing rows."""

    def __init__(self, stream: StreamPlan) -> None:
        self.name, self.plan = stream.name, stream
        self.head = (ROW_VERSION, stream.name, schema_fingerprint(stream))
        self.columns = tuple(f.name for f in stream.fields)
        self.kinds = tuple(f.kind for f in stream.fields)
        self.names = frozenset(self.columns)
        self.floats = tuple(_HEAD + i for i, f in enumerate(stream.fields) if f.kind is Kind.FLOAT)
        cells = [_cell(f) | None if may_be_null(f, stream) else _cell(f) for f in stream.fields]
        row: Any = tuple.__class_getitem__((Literal[1], str, int, *cells))
        self.strict: Callable[[bytes], tuple[Any, ...]] = msgspec.msgpack.Decoder(row).decode

    def refusal(self, error: Exception, row: Mapping[str, Any]) -> DataError:
        """What does not fit, in words a sender can act on."""
        said, _, path = str(error).partition(" - at ")
        place = re.match(r"`\$\[(\d+)\]", path)
        if place is None:  # not even msgpack
            return DataError(
                f"row of {self.name}", f"values of its columns' types ({', '.join(self.columns)})", said,
                f"check the row with {self.name}.parse before it is appended",
            )  # fmt: skip
        column = self.columns[int(place[1]) - _HEAD]
        return DataError(
            f"{self.name}.{column}", said.split(", got")[0].removeprefix("Expected ").replace("`", ""),
            repr(row.get(column))[:80], f"check the row with {self.name}.parse before it is appended",
        )  # fmt: skip

    def stranger(self, row: Mapping[str, Any]) -> DataError:
        unknown = sorted(row.keys() - self.names)[0]
        return DataError(
            f"{self.name}.{unknown}", f"one of {', '.join(self.columns)}", "an unknown column",
            "remove it or declare it in the class",
        )  # fmt: skip


class Codec:
    """Writes and reads the records of a plan's streams."""

    def __init__(self, plan: Plan) -> None:
        self._streams = {stream.name: _Stream(stream) for stream in plan.streams}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder().decode

    def encode(self, stream: str, row: Mapping[str, Any]) -> bytes:
        """The record of a row, lookups filled; absent columns and NaN are null. DataError where one does not fit."""
        form = self._streams[self.plan_of(stream).name]
        if not row.keys() <= form.names:
            raise form.stranger(row)
        try:
            whole = form.strict(self._encode((*form.head, *map(row.get, form.columns))))
            if any(whole[place] != whole[place] for place in form.floats):
                whole = tuple(None if entry != entry else entry for entry in whole)
            return self._encode(whole)
        except (msgspec.ValidationError, TypeError, OverflowError, UnicodeEncodeError) as error:
            raise form.refusal(error, row) from None

    def decode(self, payload: bytes, offset: int = 0) -> tuple[str, dict[str, Any]]:
        """(stream, row) of a record. Raises StateError for one that this plan's schemas did not write."""
        try:
            version, name, schema, *values = self._decode(payload)
        except (msgspec.DecodeError, TypeError, ValueError):
            version, name, schema, values = None, None, None, []
        form = self._streams.get(name) if type(name) is str else None
        if form is None or (version, name, schema) != form.head or len(values) != len(form.columns):
            raise self._misfit(offset, version, name, form)
        return name, dict(zip(form.columns, values, strict=True))

    def logged(self, records: Columns) -> list[Logged]:
        """Records of the log, decoded, in their order."""
        sides = zip(records.offsets.tolist(), records.arrivals.tolist(), records.payloads, strict=True)
        return [Logged(offset, arrival, *self.decode(data, offset)) for offset, arrival, data in sides]

    def block(self, stream: str, columns: Mapping[str, Column]) -> bytes:
        """The block (`heptad.streams.block`) of rows that fit the schema, lookups filled."""
        form = self._streams[stream]
        _, name, schema = form.head
        return encode_block(name, schema, form.kinds, [columns[column] for column in form.columns])

    def plan_of(self, stream: str) -> StreamPlan:
        """The stream of this name. Raises DataError where the plan has none."""
        form = self._streams.get(stream)
        if form is None:
            raise DataError(
                f"stream {stream!r}", f"one of {', '.join(self._streams)}", repr(stream),
                "name a class the system's features, label or requests use",
            )  # fmt: skip
        return form.plan

    def batches(self, runs: Sequence[Run]) -> list[Batch]:
        """Records of the log as batches, a few per stream; within one the offsets ascend."""
        out: list[Batch] = []
        alone: dict[str, tuple[list[dict[str, Any]], list[int]]] = {}
        for run in runs:
            if run.block:
                out.append(self._batch(run))
            for offset, payload in enumerate(run.alone, run.first):
                name, row = self.decode(payload, offset)
                rows, offsets = alone.setdefault(name, ([], []))
                rows.append(row)
                offsets.append(offset)
        return out + [batch_of(self._streams[name].plan, *some) for name, some in alone.items()]

    def _batch(self, run: Run) -> Batch:
        name, schema, columns = decode_block(run.block)
        form = self._streams.get(name)
        if form is None or (ROW_VERSION, name, schema) != form.head or len(columns) != len(form.columns):
            raise self._misfit(run.first, ROW_VERSION, name, form)
        offsets = np.arange(run.first, run.end, dtype=np.int64)
        held = dict(zip(form.columns, columns, strict=True))
        if len(columns[0].valid) != len(offsets):
            rows = offsets - run.first + run.row
            held = {column: values.take(rows) for column, values in held.items()}
        return batch_from(form.plan, held, offsets)

    def begins(self, stream: str) -> bytes:
        """The bytes that every record of a stream, and no other, begins with."""
        form = self._streams[stream]
        ones = (*form.head, *(None for _ in form.columns))
        return self._encode(ones)[: -len(form.columns)]

    def _misfit(self, offset: int, version: object, name: object, form: _Stream | None) -> StateError:
        if version != ROW_VERSION:
            expected, got = f"a row in format {ROW_VERSION}", f"format {version!r}"
        elif form is None:
            expected, got = f"a stream of the plan: {', '.join(self._streams)}", f"{name!r}"
        else:
            expected, got = f"the columns of {form.name}: {', '.join(form.columns)}", "a row of other columns"
        return StateError(
            f"record {offset} of the log", expected, got,
            "go back to the classes that wrote the log, or start a new log and post its history there",
        )  # fmt: skip
