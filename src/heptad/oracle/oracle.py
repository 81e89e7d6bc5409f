"""value(key, t, o): a function of the accepted events with event time < t and log offset < o, and nothing else.

Plain Python over the raw log. Every engine is held to it, bit for bit, and the audit recomputes by it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from heptad.algebra import catalogue
from heptad.algebra.spec import Seen
from heptad.declare.types import Kind
from heptad.oracle.admission import time_of, verdicts
from heptad.plan.batch import Logged, tie_of
from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    ConditionPlan,
    DerivedColumn,
    GroupPlan,
    Plan,
    RateColumn,
    RequestColumn,
    SlotPlan,
    WindowColumn,
)

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class Oracle:
    """The definition of every column of a plan over a log."""

    def __init__(self, plan: Plan, log: Sequence[Logged]) -> None:
        self.plan = plan
        self.verdicts = verdicts(plan, log)
        self._records = {group: _by_key(plan, group, log, self.verdicts) for group in range(len(plan.groups))}

    def read(self, request: Mapping[str, Any], t: int, o: int) -> dict[str, Any]:
        """All columns of the plan for one request: numbers as float (NaN is null), the rest as Python values."""
        known = {name: _clean(value) for name, value in request.items()}
        out: dict[str, Any] = {}
        for column in self.plan.columns:
            if column.group == "static":
                out[column.name] = self._value(column, known, out, t, o)
        known |= out
        for column in self.plan.columns:
            if column.group != "static":
                out[column.name] = self._value(column, known, out, t, o)
        return out

    def _value(
        self, column: ColumnPlan, known: Mapping[str, Any], out: Mapping[str, Any], t: int, o: int
    ) -> Any:
        match column.source:
            case WindowColumn():
                return self._window(column.source, column.kind, known, t, o)
            case RateColumn(numerator, denominator, prior, strength):
                above = self._window(numerator, Kind.FLOAT, known, t, o)
                below = self._window(denominator, Kind.FLOAT, known, t, o)
                return (above + strength * prior) / (below + strength)
            case RequestColumn(name):
                return _shown(known.get(name), column.kind)
            case CalendarColumn(part):
                when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)
                return float(when.hour if part == "hour" else when.weekday())
            case DerivedColumn(inputs, function):
                kinds = {f.name: f.kind for f in self.plan.request}
                given = {i: _shown(known.get(i), kinds.get(i, Kind.FLOAT)) for i in inputs if i not in out}
                values = {i: _one(out[i] if i in out else given[i]) for i in inputs}
                return float(np.asarray(function(**values), np.float64)[0])

    def _window(self, column: WindowColumn, kind: Kind, known: Mapping[str, Any], t: int, o: int) -> Any:
        group = self.plan.groups[column.group]
        slot = group.slots[column.slot]
        start, end = column.window.start(t), column.window.end(t)
        events = []
        for key in _keys(group, [known.get(name) for name in group.keys]):
            for event_time, tie, offset, row in self._records[column.group].get(key, ()):
                if start <= event_time < end and event_time < t and offset < o and _counts(row, slot):
                    events.append(Seen(event_time, tie, row[slot.column] if slot.column else None))
        events.sort(key=lambda e: (e.time, e.tie))
        spec = catalogue.get(slot.aggregation)
        value = spec.define(events, t, slot.params)
        if spec.returns == "values":
            return tuple(_shown(one, kind) for one in value)  # type: ignore[attr-defined]
        return _shown(value, kind) if spec.returns == "value" else value


def enrich(plan: Plan, log: Sequence[Logged], stream_name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its lookups filled as the appender must: the newest table row before the event's time."""
    stream = plan.stream(stream_name)
    out = dict(row)
    for field in stream.fields:
        if field.lookup is not None:
            table = plan.stream(field.lookup.table)
            key = next(f.name for f in table.fields if f.kind is Kind.ID)
            rows = [
                (time_of(r, table), r.offset, r.row[field.lookup.column])
                for r in log
                if r.stream == table.name
                and r.row[key] == row[field.lookup.on]
                and time_of(r, table) < time_of(Logged(0, 0, stream_name, row), stream)
                and r.row[field.lookup.column] is not None
            ]
            out[field.name] = max(rows, key=lambda r: r[:2])[2] if rows else None
    return out


def _by_key(
    plan: Plan, group_place: int, log: Sequence[Logged], found: Sequence[str]
) -> dict[tuple[Any, ...], list[tuple[int, int, int, dict[str, Any]]]]:
    """(time, tie, offset, row) of the accepted events of each key of a group."""
    group = plan.groups[group_place]
    stream = plan.stream(group.stream)
    records: dict[tuple[Any, ...], list[tuple[int, int, int, dict[str, Any]]]] = {}
    for record, verdict in zip(log, found, strict=True):
        if record.stream == group.stream and verdict == "accepted":
            row = {name: _clean(value) for name, value in record.row.items()}
            tie = tie_of(record.row, stream, record.offset)
            for key in _keys(group, [row.get(name) for name in group.keys]):
                records.setdefault(key, []).append((time_of(record, stream), tie, record.offset, row))
    return records


def _keys(group: GroupPlan, values: list[Any]) -> list[tuple[Any, ...]]:
    """The keys that the values name: none where one is null, one per distinct element of a list."""
    if any(value is None for value in values):
        return []
    if group.list_key is None:
        return [tuple(values)]
    elements = dict.fromkeys(values[group.list_key])
    return [(*values[: group.list_key], e, *values[group.list_key + 1 :]) for e in elements]


def _counts(row: Mapping[str, Any], slot: SlotPlan) -> bool:
    return (slot.column is None or row[slot.column] is not None) and _passes(row, slot.where)


def _passes(row: Mapping[str, Any], where: ConditionPlan | None) -> bool:
    if where is None:
        return True
    value = row[where.column]
    if value is None:
        return False
    if isinstance(value, str) != isinstance(where.bound, str):
        return where.op == "!="
    return _COMPARE[where.op](value, where.bound)


def _clean(value: Any) -> Any:
    """NaN is null, -0.0 is 0.0, lists are tuples."""
    if isinstance(value, float):
        return None if value != value else value + 0.0
    return tuple(value) if isinstance(value, list) else value


def _shown(value: Any, kind: Kind) -> Any:
    """A value as a column shows it: numbers as float with NaN for null."""
    if kind.numeric:
        return float("nan") if value is None else float(value)
    return value


def _one(value: Any) -> Any:
    """A derived feature's input as it gets it: an array of one."""
    if isinstance(value, (float, int)):
        return np.array([value], np.float64)
    array = np.empty(1, object)
    array[0] = value
    return array
