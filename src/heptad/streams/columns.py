"""Rows posted in bulk as checked columns: what a row alone must satisfy, asked of whole columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from heptad.declare.types import Kind
from heptad.declare.vectors import WIDTH
from heptad.errors import DataError
from heptad.plan.batch import Column, column_of
from heptad.plan.nodes import FieldPlan, StreamPlan

LOWEST: Final = -(2**63) + 1  #: the least int of a row
FARTHEST: Final = 2**61  #: microseconds: windows reach around a time without overflow

_NULL: Final = type(None)
_TYPES: Final[dict[Kind, frozenset[type]]] = {
    Kind.ID: frozenset({int, str, _NULL}),
    Kind.TEXT: frozenset({str, _NULL}),
    Kind.FLOAT: frozenset({float, int, _NULL}),
    Kind.INT: frozenset({int, _NULL}),
    Kind.BOOL: frozenset({bool, _NULL}),
    Kind.TEXTS: frozenset({list, tuple, _NULL}),
    Kind.VECTOR: frozenset({bytes, _NULL}),
    Kind.TIME: frozenset({int}),
}


def may_be_null(field: FieldPlan, stream: StreamPlan) -> bool:
    """Whether a row of the log may hold no value there."""
    spare = stream.deleted is not None and field in stream.facts  # a row that deletes says nothing else
    return field.optional or field.lookup is not None or field.kind is Kind.FLOAT or spare


def columns_of(stream: StreamPlan, rows: Sequence[Mapping[str, Any]]) -> dict[str, Column] | None:
    """The columns of rows, but for those that are looked up; None where any cell is not plainly right.

    None says nothing about the rows: checked one by one they may still fit, and if not, that says why.
    """
    fields = [f for f in stream.fields if f.lookup is None]
    cells = _cells(stream, fields, rows)
    if cells is None:
        return None
    columns = {}
    for f, values in zip(fields, cells, strict=True):
        if not _plain(f, values):
            return None
        try:
            columns[f.name] = column_of(values, f.kind)
        except OverflowError:
            return None
        if misfit(stream, f, columns[f.name]) is not None:
            return None
    return columns


def _cells(
    stream: StreamPlan, fields: Sequence[FieldPlan], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]] | None:
    """The values of each field; None where a row has columns of its own."""
    known = stream.by_name.keys()
    sizes = set(map(len, rows))
    for sent in (fields, stream.fields):  # rows that have all of these columns have no others
        if sizes == {len(sent)}:
            try:  # column by column: no tuple per row for the collector to look at
                cells = {f.name: tuple(map(itemgetter(f.name), rows)) for f in sent}
            except KeyError:
                continue
            return [cells[f.name] for f in fields]
    if not all(row.keys() <= known for row in rows):
        return None
    return [tuple([row.get(f.name) for row in rows]) for f in fields]


def _plain(field: FieldPlan, values: Sequence[Any]) -> bool:
    if not set(map(type, values)) <= _TYPES[field.kind]:
        return False
    if field.kind is Kind.TEXTS:
        return set(map(type, chain.from_iterable(value for value in values if value is not None))) <= {str}
    if field.kind is Kind.VECTOR:
        return {len(value) for value in values if value is not None} <= {WIDTH * field.size}
    return True


def checked(stream: StreamPlan, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Columns of a batch that fit the stream, but for those that are looked up. Raises DataError."""
    out = {f.name: columns[f.name] for f in stream.fields if f.lookup is None}
    for f in stream.fields:
        if f.lookup is None:
            expected = misfit(stream, f, out[f.name])
            if expected is not None:
                raise DataError(
                    f"{stream.name}.{f.name}", expected, "another one in a batch",
                    f"check the rows with {stream.name}.parse before they are appended",
                )  # fmt: skip
    return out


def misfit(stream: StreamPlan, field: FieldPlan, column: Column) -> str | None:
    """What the column's values should be and some are not; None where all fit."""
    if not column.valid.all() and not may_be_null(field, stream):
        return "a value in every row"
    if column.values.dtype != object:
        return None if not len(column.values) else _RANGES.get(field.kind, _any)(column)
    if field.kind is Kind.ID:
        whole = [value for value in column.factors().distinct.tolist() if type(value) is int]
        return None if all(LOWEST <= value < 2**63 for value in whole) else "`int` within 64 bits"
    return None


def _any(column: Column) -> str | None:
    return None


def _whole(column: Column) -> str | None:
    return None if column.values.min() >= LOWEST else f"`int` >= {LOWEST}"


def _time(column: Column) -> str | None:
    fits = column.values.min() >= -FARTHEST and column.values.max() <= FARTHEST
    return None if fits else f"microseconds within {FARTHEST} of 1970"


_RANGES: Final[dict[Kind, Callable[[Column], str | None]]] = {
    Kind.ID: _whole, Kind.INT: _whole, Kind.TIME: _time,
}  # fmt: skip
