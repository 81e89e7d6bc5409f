"""A table's column that stays where it is, in Arrow or in a Parquet file, until it is asked for, and then only where.

A lookup join needs a few rows of a table that may have millions. A column is deferred only where its conversion
cannot fail, so that a bad row is refused when its source is read, as everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.offline.conversion import Reading, convert
from heptad.plan.batch import Column
from heptad.plan.nodes import FieldPlan

_MANY = 200_000  #: values from which threads are worth their start
_LEAST = -(2**63)

Longs = NDArray[np.int64]


class Held(Protocol):
    """Where a column's values are. ``least`` is a bound below its integers, -2**63 where none is known."""

    @property
    def type(self) -> Any: ...
    @property
    def null_count(self) -> int: ...
    @property
    def least(self) -> int: ...
    def whole(self) -> Any: ...
    def take(self, rows: Longs) -> Any: ...


class Deferred:
    """What a `Column` is, made when its values are asked for; ``take`` converts the rows taken and no other."""

    def __init__(self, held: Held, field: FieldPlan, thing: str, reading: Reading) -> None:
        self._held, self._field, self._thing, self._reading = held, field, thing, reading

    @cached_property
    def whole(self) -> Column:
        return self._converted(self._held.whole())

    @property
    def values(self) -> NDArray[Any]:
        return self.whole.values

    @property
    def valid(self) -> NDArray[np.bool_]:
        return self.whole.valid

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self.whole)

    def take(self, rows: NDArray[Any]) -> Column:
        """The column at these places, or where a mask is true."""
        if "whole" in self.__dict__:
            return self.whole.take(rows)
        return self._converted(self._held.take(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows))

    def _converted(self, values: Any) -> Column:
        return convert(
            values.combine_chunks(), replace(self._field, optional=True), self._thing, self._reading
        )


def deferred(held: Held | None, field: FieldPlan, thing: str, reading: Reading) -> Column | None:
    """The column, yet to be made; None where making it may find a bad row."""
    if held is None or (held.null_count > 0 and not field.optional) or field.expect is not None:
        return None
    return cast("Column", Deferred(held, field, thing, reading)) if _safe(held, field.kind) else None


def _safe(held: Held, kind: Kind) -> bool:
    arrow = held.type.value_type if pa.types.is_dictionary(held.type) else held.type
    match kind:
        case Kind.FLOAT:
            return bool(pa.types.is_floating(arrow) or pa.types.is_signed_integer(arrow))
        case Kind.INT:
            return bool(pa.types.is_signed_integer(arrow)) and held.least > _LEAST
        case Kind.BOOL:
            return bool(pa.types.is_boolean(arrow))
        case Kind.TEXT:
            return bool(pa.types.is_string(arrow) or pa.types.is_large_string(arrow))
        case _:
            return False


@dataclass(frozen=True)
class InArrow:
    """A chunked Arrow array."""

    values: Any

    @property
    def type(self) -> Any:
        return self.values.type

    @property
    def null_count(self) -> int:
        return int(self.values.null_count)

    @property
    def least(self) -> int:
        found = pc.min(self.values).as_py()
        return 0 if found is None else int(found)

    def whole(self) -> Any:
        return self.values

    def take(self, rows: Longs) -> Any:
        return self.values.take(pa.array(rows))


@dataclass(frozen=True)
class InParquet:
    """A column of an open Parquet file, and what the file says of it."""

    file: ParquetColumns
    name: str
    type: Any
    null_count: int
    least: int

    def whole(self) -> Any:
        return self.file.reader().read(columns=[self.name]).column(0)

    def take(self, rows: Longs) -> Any:
        return self.file.take(self.name, rows)


class ParquetColumns:
    """Columns of a Parquet file, read when they are asked for: of each row group only the rows taken are kept.

    A file that was written anew in between is a DataError. ``coded``: texts to leave coded.
    """

    def __init__(self, path: Path, coded: Sequence[str]) -> None:
        self._path, self._coded, self._stamp = path, list(coded), _stamp(path)
        self._metadata = parquet.read_metadata(path)
        self.schema = self._metadata.schema.to_arrow_schema()
        self._groups = [self._metadata.row_group(g) for g in range(self._metadata.num_row_groups)]
        self._bounds = np.cumsum([0, *(group.num_rows for group in self._groups)])
        self._split: tuple[Longs, list[tuple[int, Any]], Any] | None = None

    def column(self, name: str) -> InParquet | None:
        """The column of this name; None where the file does not say how many of its values are null."""
        if any(pa.types.is_nested(kind) for kind in self.schema.types):
            return None  # then a column's place in the file is another than in the schema
        place = self.schema.get_field_index(name)
        said: list[Any] = [group.column(place).statistics for group in self._groups]
        if any(one is None or not one.has_null_count for one in said):
            return None
        kind = self.schema.field(place).type
        least = 0
        if pa.types.is_signed_integer(kind):
            bounds = [one.min if one.has_min_max else _LEAST for one in said if one.num_values > 0]
            least = min(bounds, default=0)
        return InParquet(self, name, kind, int(sum(one.null_count for one in said)), least)

    def reader(self) -> Any:
        """A reader of its own for each call: one is not for several threads."""
        if _stamp(self._path) != self._stamp:
            raise DataError(
                f"file {self._path}", "the file as it was when it was opened", "a file written since",
                "read it again once nobody writes it",
            )  # fmt: skip
        return parquet.ParquetFile(
            self._path, metadata=self._metadata, read_dictionary=self._coded, pre_buffer=False
        )

    def take(self, name: str, rows: Longs) -> Any:
        """The rows of a column, in their order."""
        groups, back = self._places(rows)
        reader = self.reader()
        parts = [
            reader.read_row_group(group, columns=[name], use_threads=False).column(0).take(places)
            for group, places in groups
        ]
        kind = parts[0].type if parts else self.schema.field(name).type
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind).take(back)

    def _places(self, rows: Longs) -> tuple[list[tuple[int, Any]], Any]:
        """The rows of each row group, ascending, and where each went; made once for all columns."""
        split = self._split
        if split is None or split[0] is not rows:
            distinct, back = np.unique(rows, return_inverse=True)
            edges = np.searchsorted(distinct, self._bounds).tolist()
            groups = [
                (group, pa.array(distinct[a:b] - self._bounds[group]))
                for group, (a, b) in enumerate(pairwise(edges))
                if b > a
            ]
            split = self._split = rows, groups, pa.array(back)
        return split[1], split[2]


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes with a file's bytes."""
    seen = path.stat()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def taken(columns: Mapping[str, Column], names: Sequence[str], rows: Longs) -> dict[str, Column]:
    """These columns at these places, several at a time where there is much to read."""
    if len(rows) * len(names) < _MANY:
        return {name: columns[name].take(rows) for name in names}
    first = columns[names[0]].take(rows)  # what they share is made once
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        rest = list(pool.map(lambda name: columns[name].take(rows), names[1:]))
    return {names[0]: first, **dict(zip(names[1:], rest, strict=True))}
