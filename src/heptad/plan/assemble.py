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
from heptad.plan.evaluate import evaluate
from heptad.plan.lift import key_columns
from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    DecayColumn,
    DerivedColumn,
    ExpressionColumn,
    FactColumn,
    GroupPlan,
    Node,
    Plan,
    RateColumn,
    RequestColumn,
    WindowColumn,
    windows_of,
)
from heptad.plan.vectors import matrix_of
from heptad.times import DAY, HOUR


class GroupRead(NamedTuple):
    """A group's windows to read for n rows: ``keys`` holds one column (n,) per key of the group."""

    group: int
    columns: tuple[WindowColumn, ...]
    keys: tuple[Column, ...]


#: What a kernel's `finalize` returns for n rows: float64 (n,), or codes int64 (n, k) and how many are present (n,).
Finalized = NDArray[np.float64] | tuple[NDArray[np.int64], NDArray[np.int64]]
#: The finalized values of each column of each group read, in the order asked.
Fetch = Callable[[Sequence[GroupRead]], Sequence[Sequence[Finalized]]]


class FactRead(NamedTuple):
    """Facts to read for n rows: columns ``names`` of each row's entity in a table's group, ``key`` (n,)."""

    group: int
    names: tuple[str, ...]
    key: Column


#: The facts of each row by name, as `shown` shows them; null where the entity has no row.
Facts = Callable[[FactRead], Mapping[str, NDArray[Any]]]


def assemble(
    plan: Plan,
    request: Mapping[str, Column],
    t: NDArray[np.int64],
    fetch: Fetch,
    facts: Facts,
    dictionary: Dictionary,
    bare: frozenset[str] = frozenset(),
) -> dict[str, NDArray[Any]]:
    """Every column of the plan for n rows: float64 (n,) for numbers, objects (n,) for the rest.

    Vectors are float32 (n, size), a row of NaN for null; several numbers of one aggregation float64 (n, size).
    Columns named in ``bare``, windows that no other column is made of, stay as they were fetched (`Finalized`).
    """
    known: dict[str, Column] = dict(request)
    out: dict[str, NDArray[Any]] = {}
    for phase in ("static", "dynamic"):
        stored = [c for c in plan.columns if c.group == phase and windows_of(c.source)]
        out.update(_stored(plan, stored, known, t, fetch, dictionary, bare))
        if phase == "static":
            out.update(_facts(plan, known, facts))
            out.update(
                (c.name, _requested(c, request, len(t))) for c in plan.columns if _is_request(c, phase)
            )
            keys = {key for group in plan.groups for key in group.keys}
            for c in plan.columns:
                if (
                    c.group == "static" and c.name in keys and c.kind not in (Kind.FLOAT, Kind.VECTOR)
                ):  # never a key
                    known[c.name] = as_key(out[c.name], c.kind)

    def leaf(node: Node) -> NDArray[Any]:
        name = str(node.value)
        if node.op == "column":
            return out[name]
        return calendar(name, t) if node.op == "calendar" else _brought(node, request.get(name), len(t))

    for column in plan.columns:
        match column.source:
            case CalendarColumn(part):
                out[column.name] = calendar(part, t)
            case RequestColumn() if column.group == "contextual":
                out[column.name] = _requested(column, request, len(t))
            case DerivedColumn(inputs, function):
                values = [out[i] if i in out else _bare(plan, i, request[i]) for i in inputs]
                out[column.name] = _derive(
                    column.name, function, dict(zip(inputs, values, strict=True)), len(t)
                )
            case ExpressionColumn():
                out[column.name] = evaluate(column.source, leaf, len(t))
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
    bare: frozenset[str],
) -> dict[str, Any]:
    """Columns that live in states, read with one fetch."""
    wanted: dict[int, dict[WindowColumn, None]] = {}
    for column in columns:
        for part in windows_of(column.source):
            wanted.setdefault(part.group, {})[part] = None
    reads = [
        GroupRead(group, tuple(parts), _keys(plan.groups[group], known, len(t)))
        for group, parts in wanted.items()
    ]
    values = {
        part: value
        for read, found in zip(reads, fetch(reads), strict=True)
        for part, value in zip(read.columns, found, strict=True)
    }
    return {
        column.name: values[windows_of(column.source)[0]]
        if column.name in bare
        else _shaped(column, _value(plan, column, values, dictionary))
        for column in columns
    }


def _facts(plan: Plan, known: Mapping[str, Column], facts: Facts) -> dict[str, NDArray[Any]]:
    """Columns that are facts of a table, each table looked at once."""
    wanted: dict[int, dict[str, ColumnPlan]] = {}
    for column in plan.columns:
        if isinstance(column.source, FactColumn):
            wanted.setdefault(column.source.group, {})[column.name] = column
    out: dict[str, NDArray[Any]] = {}
    for group, columns in wanted.items():
        key = _key(known, plan.groups[group].keys[0])
        names = {name: column.source.name for name, column in columns.items()}  # type: ignore[union-attr]
        found = facts(FactRead(group, tuple(dict.fromkeys(names.values())), key))
        out.update((name, _shaped(columns[name], found[fact])) for name, fact in names.items())
    return out


def _keys(group: GroupPlan, known: Mapping[str, Column], n: int) -> tuple[Column, ...]:
    return key_columns(group, {name: _key(known, name) for name in group.keys}, n)


def _key(known: Mapping[str, Column], name: str) -> Column:
    if name not in known:
        raise ReadError("read", f"a value of {name!r} for every row", "none", f"add {name}= to the request")
    return known[name]


def _value(
    plan: Plan, column: ColumnPlan, values: Mapping[WindowColumn, Finalized], dictionary: Dictionary
) -> NDArray[Any]:
    match column.source:
        case RateColumn(numerator, denominator, prior, strength):
            above = displayed(plan, numerator, values[numerator], Kind.FLOAT, dictionary)
            below = displayed(plan, denominator, values[denominator], Kind.FLOAT, dictionary)
            rate: NDArray[np.float64] = (above + strength * prior) / (below + strength)
            return rate
        case DecayColumn(parts):
            total: Any = 0.0  # oldest first: floats add up alike in one order only
            for part, weight in zip(parts, column.source.weights, strict=True):
                total = total + displayed(plan, part, values[part], Kind.FLOAT, dictionary) * weight
            return np.asarray(total, np.float64)
        case WindowColumn():
            return displayed(plan, column.source, values[column.source], column.kind, dictionary)
        case _:
            raise TypeError(column.source)


def finalized(plan: Plan, column: WindowColumn, words: NDArray[np.int64], t: NDArray[np.int64]) -> Finalized:
    """The values of merged words (n, words) read at ``t`` (n,), as the aggregation's kernel gives them."""
    slot = plan.slot_of(column)
    if len(words) < 2 or words.strides[0] != 0 or (t != t[0]).any():
        return kernel(slot.aggregation).finalize(words, t, column.params)
    found = kernel(slot.aggregation).finalize(words[:1], t[:1], column.params)  # one state under many rows
    if isinstance(found, tuple):
        codes, present = found
        return np.broadcast_to(codes, (len(words), codes.shape[1])), np.broadcast_to(present, len(words))
    return np.repeat(found, len(words), axis=0)


def displayed(
    plan: Plan, column: WindowColumn, value: Finalized, kind: Kind, dictionary: Dictionary
) -> NDArray[Any]:
    """Finalized values as a column has them: numbers as float64 (n,), ids and texts and lists as objects."""
    if not isinstance(value, tuple):
        return value
    codes, present = value
    if len(codes) > 1 and codes.strides[0] == 0:
        return np.repeat(displayed(plan, column, (codes[:1], present[:1]), kind, dictionary), len(codes))
    returns = catalogue.get(plan.slot_of(column).aggregation).returns
    if returns == "choices":
        return _lists(_chosen(codes, column.params.vocabulary, kind), present)
    values = decoded(codes, np.arange(codes.shape[1]) < present[:, None], kind, dictionary)
    if returns == "value":
        return values[:, 0]
    return _lists(values, present)


def _chosen(places: NDArray[np.int64], vocabulary: tuple[object, ...], kind: Kind) -> NDArray[Any]:
    """Values of the vocabulary by their places: float64 where the kind is numeric, else objects."""
    values = np.fromiter(vocabulary, np.float64 if kind.numeric else object, len(vocabulary))
    chosen: NDArray[Any] = values[places]
    return chosen


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


def shown(column: Column, kind: Kind) -> NDArray[Any]:
    """A column as an answer shows it: numbers as float64 with NaN for null, the rest as objects with None."""
    if kind.numeric:
        return _plain(column)
    objects = column.values.astype(object)
    objects[~column.valid] = None
    return objects


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
        return _shaped(column, _plain(column_of([None] * n, column.kind)))
    if column.holds == "category" and column.kind is Kind.ID:
        return found.values.astype(object)
    return _shaped(column, _plain(found))


def _brought(node: Node, column: Column | None, n: int) -> NDArray[Any]:
    """A column of the request as an expression reads it; nulls where the request has none."""
    if column is None:
        column = column_of([None] * n, Kind.FLOAT if node.holds == "number" else Kind.TEXT)
    if node.holds == "number":
        return _plain(column)
    objects = shown(column, Kind.TEXT)
    return matrix_of(objects, node.size) if node.size else objects


def _shaped(column: ColumnPlan, values: NDArray[Any]) -> NDArray[Any]:
    """Vectors as a matrix; other values as they are."""
    return matrix_of(values, column.size) if column.size and values.ndim == 1 else values


def _bare(plan: Plan, name: str, column: Column) -> NDArray[Any]:
    """A column of the request as a user's function gets it."""
    size = next((field.size for field in plan.request if field.name == name), 0)
    return matrix_of(_plain(column), size) if size else _plain(column)


def as_key(values: NDArray[Any], kind: Kind) -> Column:
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
