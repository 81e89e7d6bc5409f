"""One read as every engine does it: states fetched by the engine become the plan's columns here.

Static columns come first because the keys of dynamic ones may need them (a film's genres); derived
columns come last. Engines differ only in `Fetch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.declare.types import Kind
from heptad.errors import ReadError
from heptad.plan.batch import Column, column_of
from heptad.plan.coding import Dictionary
from heptad.plan.evaluate import evaluate
from heptad.plan.finalize import Finalized, displayed
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


#: The finalized values of each column of each group read, in the order asked.
Fetch = Callable[[Sequence[GroupRead]], Sequence[Sequence[Finalized]]]


class FactRead(NamedTuple):
    """Facts to read for n rows: columns ``names`` of each row's entity in a table's group, ``key`` (n,)."""

    group: int
    names: tuple[str, ...]
    key: Column


#: The facts of each row by name, as `shown` shows them; null where the entity has no row.
Facts = Callable[[FactRead], Mapping[str, NDArray[Any]]]


class Assembly:
    """A plan made ready for reads: what has to be fetched for its columns is looked up once, not per read."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        keys = {key for group in plan.groups for key in group.keys}
        static = [c for c in plan.columns if c.group == "static"]
        self._keys = [c for c in static if c.name in keys and c.kind not in (Kind.FLOAT, Kind.VECTOR)]
        self._brought = [c for c in static if isinstance(c.source, RequestColumn)]
        self._static, self._dynamic = _Stored.of(plan, "static"), _Stored.of(plan, "dynamic")
        self._facts = _facts_of(plan)
        self._contextual = [
            c for c in plan.columns if isinstance(c.source, _CONTEXTUAL) and c.group != "static"
        ]

    def __call__(
        self,
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
        plan, n = self._plan, len(t)
        known: dict[str, Column] = dict(request)
        out: dict[str, NDArray[Any]] = {}
        self._static.read(plan, known, n, fetch, dictionary, bare, out)
        for group, key, columns in self._facts:
            names = tuple(dict.fromkeys(name for _, name in columns))
            found = facts(FactRead(group, names, _key(known, key)))
            out.update((column.name, _shaped(column, found[name])) for column, name in columns)
        out.update((c.name, _requested(c, request, n)) for c in self._brought)
        known.update((c.name, as_key(out[c.name], c.kind)) for c in self._keys)
        self._dynamic.read(plan, known, n, fetch, dictionary, bare, out)

        def leaf(node: Node) -> NDArray[Any]:
            name = str(node.value)
            if node.op == "column":
                return out[name]
            return calendar(name, t) if node.op == "calendar" else brought(node, request.get(name), n)

        for column in self._contextual:
            match column.source:
                case CalendarColumn(part):
                    out[column.name] = calendar(part, t)
                case RequestColumn():
                    out[column.name] = _requested(column, request, n)
                case DerivedColumn(inputs, function):
                    values = [out[i] if i in out else _bare(plan, i, request[i]) for i in inputs]
                    out[column.name] = _derive(
                        column.name, function, dict(zip(inputs, values, strict=True)), n
                    )
                case ExpressionColumn():
                    out[column.name] = evaluate(column.source, leaf, n)
        return {column.name: out[column.name] for column in plan.columns}


_NULL: Final = np.array(None, object)
_CONTEXTUAL = (CalendarColumn, RequestColumn, DerivedColumn, ExpressionColumn)


@dataclass(frozen=True)
class _Stored:
    """Columns that live in states, read with one fetch: windows by group, and each column's places among all of them.

    Those of ``plain`` are one number of one window, and are shown as they were fetched.
    """

    windows: tuple[tuple[int, tuple[WindowColumn, ...]], ...]
    columns: tuple[tuple[ColumnPlan, tuple[int, ...]], ...]
    plain: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, plan: Plan, phase: str) -> _Stored:
        wanted: dict[int, dict[WindowColumn, None]] = {}
        stored = [(c, windows_of(c.source)) for c in plan.columns if c.group == phase]
        for _, parts in stored:
            for part in parts:
                wanted.setdefault(part.group, {})[part] = None
        places = {part: i for i, part in enumerate(chain.from_iterable(wanted.values()))}
        return cls(
            tuple((group, tuple(parts)) for group, parts in wanted.items()),
            tuple(
                (column, tuple(places[part] for part in parts))
                for column, parts in stored
                if parts and not _is_plain(column)
            ),
            tuple((column.name, places[parts[0]]) for column, parts in stored if parts and _is_plain(column)),
        )

    def read(
        self,
        plan: Plan,
        known: Mapping[str, Column],
        n: int,
        fetch: Fetch,
        dictionary: Dictionary,
        bare: frozenset[str],
        out: dict[str, Any],
    ) -> None:
        reads = [
            GroupRead(group, parts, _keys(plan.groups[group], known, n)) for group, parts in self.windows
        ]
        values = list(chain.from_iterable(fetch(reads)))
        for name, place in self.plain:
            out[name] = values[place]
        for column, places in self.columns:
            found = [values[place] for place in places]
            out[column.name] = (
                found[0] if column.name in bare else _shaped(column, _value(column, found, dictionary))
            )


def _is_plain(column: ColumnPlan) -> bool:
    source = column.source
    return isinstance(source, WindowColumn) and catalogue.get(source.aggregation).returns == "number"


def _facts_of(plan: Plan) -> list[tuple[int, str, list[tuple[ColumnPlan, str]]]]:
    """Columns that are facts of a table: for each table its group and key, and the columns with the facts they show."""
    wanted: dict[int, list[tuple[ColumnPlan, str]]] = {}
    for column in plan.columns:
        if isinstance(column.source, FactColumn):
            wanted.setdefault(column.source.group, []).append((column, column.source.name))
    return [(group, plan.groups[group].keys[0], columns) for group, columns in wanted.items()]


def _keys(group: GroupPlan, known: Mapping[str, Column], n: int) -> tuple[Column, ...]:
    return key_columns(group, {name: _key(known, name) for name in group.keys}, n)


def _key(known: Mapping[str, Column], name: str) -> Column:
    if name not in known:
        raise missing(name)
    return known[name]


def missing(name: str) -> ReadError:
    """A request without a key."""
    return ReadError("read", f"a value of {name!r} for every row", "none", f"add {name}= to the request")


def _value(column: ColumnPlan, values: Sequence[Finalized], dictionary: Dictionary) -> NDArray[Any]:
    """A column of the values of its windows, in the order of `windows_of`."""
    match column.source:
        case RateColumn(numerator, denominator, prior, strength):
            above = displayed(numerator, values[0], Kind.FLOAT, dictionary)
            below = displayed(denominator, values[1], Kind.FLOAT, dictionary)
            rate: NDArray[np.float64] = (above + strength * prior) / (below + strength)
            return rate
        case DecayColumn(parts):
            total: Any = 0.0  # oldest first: floats add up alike in one order only
            for part, value, weight in zip(parts, values, column.source.weights, strict=True):
                total = total + displayed(part, value, Kind.FLOAT, dictionary) * weight
            return np.asarray(total, np.float64)
        case WindowColumn():
            return displayed(column.source, values[0], column.kind, dictionary)
        case _:
            raise TypeError(column.source)


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
    whole = column.valid.all()
    if column.values.dtype == object:
        objects = column.values.copy()
        if not whole:
            objects[~column.valid] = None
        return objects
    numbers = column.values.astype(np.float64)
    return numbers if whole else np.where(column.valid, numbers, np.nan)


def _requested(column: ColumnPlan, request: Mapping[str, Column], n: int) -> NDArray[Any]:
    if not isinstance(column.source, RequestColumn):
        raise TypeError(column.source)
    found = request.get(column.source.name)
    if found is None:
        return _shaped(column, _plain(column_of([None] * n, column.kind)))
    if column.holds == "category" and column.kind is Kind.ID:
        return found.values.astype(object)
    return _shaped(column, _plain(found))


def brought(node: Node, column: Column | None, n: int) -> NDArray[Any]:
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
    if kind is Kind.TEXT and values.dtype == object:
        return Column(values, np.asarray(values != _NULL, np.bool_))
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
