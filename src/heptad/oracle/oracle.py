"""value(key, t, o): a function of the accepted events with event time < t and log offset < o, and nothing else.

Plain Python over the raw log. Every engine is held to it, bit for bit, and the audit recomputes by it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from heptad.algebra import catalogue
from heptad.algebra.spec import Seen
from heptad.declare.types import Kind
from heptad.declare.vectors import unpacked
from heptad.oracle.admission import judged, time_of
from heptad.oracle.expressions import value_of
from heptad.plan.batch import Logged, tie_of
from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    ConditionPlan,
    DecayColumn,
    DerivedColumn,
    ExpressionColumn,
    FactColumn,
    GroupPlan,
    Node,
    Plan,
    RateColumn,
    RequestColumn,
    SlotPlan,
    StreamPlan,
    WindowColumn,
)

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


#: (time, tie, offset, row) of the accepted events of each key of a group
_Records = dict[tuple[Any, ...], list[tuple[int, int, int, dict[str, Any]]]]


class Oracle:
    """The definition of every column of a plan over a log, whose records are looked at once, in their order.

    ``asked`` are the requests that will be read, where they are known: the whole log is judged all the same, but
    records of other keys, which no such read looks at, are not kept.
    """

    def __init__(
        self, plan: Plan, log: Iterable[Logged], asked: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        self.plan = plan
        self.verdicts: list[str] = []
        self._wanted = [_Wanted(group, asked) for group in plan.groups]
        self._records = self._by_key(log)
        self._met: dict[tuple[Any, ...], Any] = {}  #: the windows of the last (t, o) that was read
        self._at: tuple[int, int] | None = None

    def covers(self, asked: Sequence[Mapping[str, Any]]) -> bool:
        """Whether these requests can be read: the records of all their keys were kept."""
        return all(wanted.keys.issuperset(wanted.of(row)) for wanted in self._wanted for row in asked)

    def _by_key(self, log: Iterable[Logged]) -> list[_Records]:
        """(time, tie, offset, row) of the accepted events of each key of each group."""
        plan = self.plan
        records: list[_Records] = [{} for _ in plan.groups]
        fed: dict[str, list[tuple[GroupPlan, _Wanted, _Records]]] = {}
        for group, wanted, kept in zip(plan.groups, self._wanted, records, strict=True):
            fed.setdefault(group.stream, []).append((group, wanted, kept))
        for record, verdict in judged(plan, log):
            self.verdicts.append(verdict)
            if verdict != "accepted":
                continue
            taken = [one for one in fed.get(record.stream, ()) if one[1].takes(record.row)]
            if not taken:
                continue
            stream, row = plan.stream(record.stream), {k: _clean(value) for k, value in record.row.items()}
            tie = tie_of(record.row, stream, record.offset)
            for group, _, kept in taken:
                for key in _keys(group, [row.get(name) for name in group.keys]):
                    kept.setdefault(key, []).append((time_of(record, stream), tie, record.offset, row))
        return records

    def read(
        self, request: Mapping[str, Any], t: int, o: int, columns: Collection[str] | None = None
    ) -> dict[str, Any]:
        """All columns of the plan for one request: numbers as float (NaN is null), the rest as Python values.

        ``columns`` are those to read, where not all; they must hold what they need of each other.
        """
        if self._at != (t, o):
            self._at, self._met = (t, o), {}
        chosen = [c for c in self.plan.columns if columns is None or c.name in columns]
        asked = {name: _clean(value) for name, value in request.items()}
        known, out = dict(asked), dict[str, Any]()
        for column in chosen:
            if column.group == "static":
                out[column.name] = _whole(column, self._value(column, asked, known, out, t, o))
        known |= out
        for column in chosen:
            if column.group != "static":
                out[column.name] = _whole(column, self._value(column, asked, known, out, t, o))
        return out

    def _value(
        self,
        column: ColumnPlan,
        asked: Mapping[str, Any],
        known: Mapping[str, Any],
        out: Mapping[str, Any],
        t: int,
        o: int,
    ) -> Any:
        match column.source:
            case WindowColumn():
                return self._window(column.source, column.kind, known, t, o)
            case FactColumn(group, name):
                return _shown(self._fact(group, name, known, t, o), column.kind)
            case RateColumn(numerator, denominator, prior, strength):
                above = self._window(numerator, Kind.FLOAT, known, t, o)
                below = self._window(denominator, Kind.FLOAT, known, t, o)
                return (above + strength * prior) / (below + strength)
            case DecayColumn(parts):
                total = 0.0
                for part, weight in zip(parts, column.source.weights, strict=True):
                    total += self._window(part, Kind.FLOAT, known, t, o) * weight
                return total
            case RequestColumn(name):
                return _shown(known.get(name), column.kind)
            case CalendarColumn(part):
                return _calendar(part, t)
            case DerivedColumn(inputs, function):
                kinds = {f.name: f.kind for f in self.plan.request}
                given = {i: _shown(known.get(i), kinds.get(i, Kind.FLOAT)) for i in inputs if i not in out}
                sizes = {f.name: f.size for f in self.plan.request} | {
                    c.name: c.size for c in self.plan.columns
                }
                values = {i: _one(out[i] if i in out else given[i], sizes.get(i, 0)) for i in inputs}
                return float(np.asarray(function(**values), np.float64)[0])
            case ExpressionColumn(root=root):
                return value_of(root, lambda node: self._leaf(node, asked, out, t))

    def _leaf(self, node: Node, asked: Mapping[str, Any], out: Mapping[str, Any], t: int) -> Any:
        """What an expression reads: the moment, another column, or what the request brought."""
        if node.op == "calendar":
            return _calendar(str(node.value), t)
        if node.op == "column":
            return _null_or(out[str(node.value)]) if node.size else out[str(node.value)]
        field = next(f for f in self.plan.request if f.name == node.value)
        return _shown(asked.get(field.name), field.kind)

    def _fact(self, group: int, name: str, known: Mapping[str, Any], t: int, o: int) -> Any:
        entity = (known.get(self.plan.groups[group].keys[0]),)
        rows = [
            (time, offset, row) for time, _, offset, row in self._records[group].get(entity, ()) if offset < o
        ]
        row = newest(self.plan.stream(self.plan.groups[group].stream), rows, t)
        return None if row is None else row[name]

    def _window(self, column: WindowColumn, kind: Kind, known: Mapping[str, Any], t: int, o: int) -> Any:
        group = self.plan.groups[column.group]
        values = [known.get(name) for name in group.keys]
        same = (id(column), kind, *values)  # one user, many candidates: defined once
        if same not in self._met:
            self._met[same] = self._defined(column, kind, values, t, o)
        return self._met[same]

    def _defined(self, column: WindowColumn, kind: Kind, values: list[Any], t: int, o: int) -> Any:
        group = self.plan.groups[column.group]
        slot = group.slots[column.slot]
        start, end = column.window.start(t), column.window.end(t)
        events = []
        for key in _keys(group, values):
            for event_time, tie, offset, row in self._records[column.group].get(key, ()):
                if start <= event_time < end and event_time < t and offset < o and _counts(row, slot):
                    events += [Seen(event_time, tie, value) for value in _values(row, slot)]
        events.sort(key=lambda e: (e.time, e.tie))
        spec = catalogue.get(column.aggregation)
        value = spec.define(events, t, column.params)
        if spec.returns in ("values", "choices"):
            return tuple(_shown(one, kind) for one in value)  # type: ignore[attr-defined]
        return _shown(value, kind) if spec.returns == "value" else value


def _whole(column: ColumnPlan, value: Any) -> Any:
    """A value as its column has it: a vector's null is as many NaN."""
    return (math.nan,) * column.size if column.size and value is None else value


def _null_or(vector: tuple[float, ...]) -> tuple[float, ...] | None:
    return None if math.isnan(vector[0]) else vector


def _calendar(part: str, t: int) -> float:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)
    return float(when.hour if part == "hour" else when.weekday())


def newest(
    table: StreamPlan, rows: Sequence[tuple[int, int, Mapping[str, Any]]], t: int
) -> Mapping[str, Any] | None:
    """The row of an entity that counts at t, of its rows (valid_from, offset, row); None where none does.

    The newest with valid_from < t - lag: of those valid from one time that of the greatest version, then the
    later in the log. None where it is older than the ttl, or deletes the entity.
    """
    before = t - table.lag
    visible = [
        (time, row[table.version.name] if table.version else 0, offset, row)
        for time, offset, row in rows
        if time < before
    ]
    if not visible:
        return None
    time, _, _, row = max(visible, key=lambda seen: seen[:3])
    expired = table.ttl is not None and time < before - table.ttl
    deleted = table.deleted is not None and row[table.deleted.name]
    return None if expired or deleted else row


def enrich(plan: Plan, log: Sequence[Logged], stream_name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its lookups filled as the appender must: as a read at the event's time, from the log so far."""
    stream = plan.stream(stream_name)
    out = dict(row)
    for field in stream.fields:
        if field.lookup is not None:
            table = plan.stream(field.lookup.table)
            rows = [
                (time_of(r, table), r.offset, r.row)
                for r in log
                if r.stream == table.name and r.row[table.entity.name] == row[field.lookup.on]
            ]
            found = newest(table, rows, time_of(Logged(0, 0, stream_name, row), stream))
            out[field.name] = None if found is None else found[field.lookup.column]
    return out


class _Wanted:
    """The records of a group that requests read: by those of its keys that every request brings."""

    def __init__(self, group: GroupPlan, asked: Sequence[Mapping[str, Any]] | None) -> None:
        self._group = group
        self._sent = tuple(n for n in group.keys if asked is not None and all(n in row for row in asked))
        self.keys = frozenset(key for row in asked or () for key in self.of(row))

    def of(self, row: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The keys that a request or a record names, as far as requests bring them."""
        names, group = self._sent, self._group
        if not names:  # all of the group, as where its key is looked up and not sent
            return []
        listed = None if group.list_key is None else group.keys[group.list_key]
        place = names.index(listed) if listed in names else None
        return _spread([_clean(row.get(name)) for name in names], place)

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether some request reads the row's key: no key of one has a null."""
        if not self._sent:
            return True
        if self._group.list_key is None:
            return tuple([_clean(row.get(name)) for name in self._sent]) in self.keys
        return not self.keys.isdisjoint(self.of(row))


def _keys(group: GroupPlan, values: list[Any]) -> list[tuple[Any, ...]]:
    return _spread(values, group.list_key)


def _spread(values: list[Any], listed: int | None) -> list[tuple[Any, ...]]:
    """The keys that the values name: none where one is null, one per distinct element of the list at ``listed``."""
    if any(value is None for value in values):
        return []
    if listed is None:
        return [tuple(values)]
    elements = dict.fromkeys(values[listed])
    return [(*values[:listed], e, *values[listed + 1 :]) for e in elements]


def _values(row: Mapping[str, Any], slot: SlotPlan) -> list[Any]:
    """What an event brings to a slot: its value, or each distinct element of its list."""
    value = row[slot.column] if slot.column else None
    return list(dict.fromkeys(value)) if isinstance(value, tuple) else [value]


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
    if kind is Kind.VECTOR and value is not None:
        return unpacked(value)
    return value


def _one(value: Any, size: int) -> Any:
    """A derived feature's input as it gets it: an array of one."""
    if size:
        return np.array([(math.nan,) * size if value is None else value], np.float32)
    if isinstance(value, (float, int)):
        return np.array([value], np.float64)
    array = np.empty(1, object)
    array[0] = value
    return array
