"""One read as every engine does it: states fetched by the engine become the plan's columns here.

Static columns come first because the keys of dynamic ones may need them (a film's genres); derived
columns come last. Engines differ only in `Fetch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.base import kernel
from heptad.declare.types import Kind
from heptad.errors import ReadError
from heptad.plan.batch import Column, column_of
from heptad.plan.coding import Dictionary, decoded
from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    DerivedColumn,
    Plan,
    RateColumn,
    RequestColumn,
    WindowColumn,
)
from heptad.times import DAY, HOUR


class GroupRead(NamedTuple):
    """A group's windows to read for n rows: ``keys`` holds one column (n,) per key of the group."""

    group: int
    columns: tuple[WindowColumn, ...]
    keys: tuple[Column, ...]


#: The merged words of each column of each group read: int64 (n, words), in the order asked.
Fetch = Callable[[Sequence[GroupRead]], Sequence[Sequence[NDArray[np.int64]]]]


def assemble(
    plan: Plan, request: Mapping[str, Column], t: NDArray[np.int64], fetch: Fetch, dictionary: Dictionary
) -> dict[str, NDArray[Any]]:
    """Every column of the plan for n rows: float64 (n,) for numbers, objects (n,) for the rest."""
    known: dict[str, Column] = dict(request)
    out: dict[str, NDArray[Any]] = {}
    for phase in ("static", "dynamic"):
        stored = [
            c for c in plan.columns if c.group == phase and isinstance(c.source, (WindowColumn, RateColumn))
        ]
        out.update(_stored(plan, stored, known, t, fetch, dictionary))
        if phase == "static":
            out.update(
                (c.name, _requested(c, request, len(t))) for c in plan.columns if _is_request(c, phase)
            )
            for c in plan.columns:
                if c.group == "static" and c.kind is not Kind.FLOAT:  # a float is never a key
                    known[c.name] = _as_key(out[c.name], c.kind)
    for column in plan.columns:
        match column.source:
            case CalendarColumn(part):
                out[column.name] = calendar(part, t)
            case RequestColumn() if column.group == "contextual":
                out[column.name] = _requested(column, request, len(t))
            case DerivedColumn(inputs, function):
                values = [out[i] if i in out else _plain(request[i]) for i in inputs]
                out[column.name] = _derive(
                    column.name, function, dict(zip(inputs, values, strict=True)), len(t)
                )
    return {column.name: out[column.name] for column in plan.columns}


def _is_request(column: ColumnPlan, phase: str) -> bool:
    return column.group == phase and isinstance(column.source, RequestColumn)


def _stored(
    plan: Plan,
    columns: Sequence[ColumnPlan],
    known: Mapping[str, Column],
    t: NDArray[np.int64],
    fetch: Fetch,
    dictionary: Dictionary,
) -> dict[str, NDArray[Any]]:
    """Columns that live in states, read with one fetch."""
    wanted: dict[int, dict[WindowColumn, None]] = {}
    for column in columns:
        for part in _windows(column):
            wanted.setdefault(part.group, {})[part] = None
    reads = [
        GroupRead(group, tuple(parts), tuple(_key(known, key) for key in plan.groups[group].keys))
        for group, parts in wanted.items()
    ]
    words = {
        part: matrix
        for read, matrices in zip(reads, fetch(reads), strict=True)
        for part, matrix in zip(read.columns, matrices, strict=True)
    }
    return {column.name: _value(plan, column, words, t, dictionary) for column in columns}


def _windows(column: ColumnPlan) -> tuple[WindowColumn, ...]:
    match column.source:
        case WindowColumn():
            return (column.source,)
        case RateColumn(numerator, denominator):
            return numerator, denominator
        case _:
            return ()


def _key(known: Mapping[str, Column], name: str) -> Column:
    if name not in known:
        raise ReadError("read", f"a value of {name!r} for every row", "none", f"add {name}= to the request")
    return known[name]


def _value(
    plan: Plan,
    column: ColumnPlan,
    words: Mapping[WindowColumn, NDArray[np.int64]],
    t: NDArray[np.int64],
    dictionary: Dictionary,
) -> NDArray[Any]:
    match column.source:
        case RateColumn(numerator, denominator, prior, strength):
            above = finalize(plan, numerator, words[numerator], t, Kind.FLOAT, dictionary)
            below = finalize(plan, denominator, words[denominator], t, Kind.FLOAT, dictionary)
            rate: NDArray[np.float64] = (above + strength * prior) / (below + strength)
            return rate
        case WindowColumn():
            return finalize(plan, column.source, words[column.source], t, column.kind, dictionary)
        case _:
            raise TypeError(column.source)


def finalize(
    plan: Plan,
    column: WindowColumn,
    words: NDArray[np.int64],
    t: NDArray[np.int64],
    kind: Kind,
    dictionary: Dictionary,
) -> NDArray[Any]:
    """The values of merged words (n, words): numbers as float64 (n,), ids and texts and lists as objects."""
    if len(words) > 1 and words.strides[0] == 0 and (t == t[0]).all():  # one state under many rows
        return np.repeat(finalize(plan, column, words[:1], t[:1], kind, dictionary), len(words))
    slot = plan.slot_of(column)
    result = kernel(slot.aggregation).finalize(words, t, slot.params)
    if not isinstance(result, tuple):
        return result
    codes, present = result
    values = decoded(codes, np.arange(codes.shape[1]) < present[:, None], kind, dictionary)
    if catalogue.get(slot.aggregation).returns == "value":
        return values[:, 0]
    return _lists(values, present)


def _lists(values: NDArray[Any], present: NDArray[np.int64]) -> NDArray[Any]:
    """The first ``present`` values of each row as a tuple, objects (n,)."""
    out = np.empty(len(values), object)
    for n in np.unique(present).tolist():
        rows = np.flatnonzero(present == n)
        columns = [values[rows, place].tolist() for place in range(n)]
        tuples = zip(*columns, strict=True) if n else repeat((), len(rows))
        out[rows] = np.fromiter(tuples, object, len(rows))
    return out


def calendar(part: str, t: NDArray[np.int64]) -> NDArray[np.float64]:
    """Hour 0..23 or weekday 0 (Monday)..6 of instants, UTC; 1970-01-01 was a Thursday."""
    values = t // HOUR % 24 if part == "hour" else (t // DAY + 3) % 7
    return values.astype(np.float64)


def _plain(column: Column) -> NDArray[Any]:
    """Numbers as float64 with NaN for null, the rest as objects with None."""
    if column.values.dtype == object:
        objects = column.values.copy()
        objects[~column.valid] = None
        return objects
    return np.where(column.valid, column.values.astype(np.float64), np.nan)


def _requested(column: ColumnPlan, request: Mapping[str, Column], n: int) -> NDArray[Any]:
    if not isinstance(column.source, RequestColumn):
        raise TypeError(column.source)
    found = request.get(column.source.name)
    if found is None:
        return _plain(column_of([None] * n, column.kind))
    return (
        found.values.astype(object)
        if column.holds == "category" and column.kind is Kind.ID
        else _plain(found)
    )


def _as_key(values: NDArray[Any], kind: Kind) -> Column:
    """A looked-up column as a key of dynamic features."""
    if values.dtype == object:
        return column_of(values.tolist(), kind)
    valid = np.abs(values) < 2.0**63  # false for NaN, and for a float that no int64 key can equal
    return Column(np.where(valid, values, 0.0).astype(np.int64), valid)


def _derive(
    name: str, function: Callable[..., Any], inputs: Mapping[str, NDArray[Any]], n: int
) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):  # x / 0 is what the function's author says it is: inf, or NaN
        values = np.asarray(function(**inputs), np.float64)
    if values.shape != (n,):
        raise ReadError(
            f"feature {name!r}", f"{n} numbers, one per row", f"shape {values.shape}",
            "return one number per row of its inputs",
        )  # fmt: skip
    return values
