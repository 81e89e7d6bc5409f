"""Declaration in, Plan out: groups shared by stream and keys, slots by aggregation, rings by hop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from heptad.algebra import catalogue
from heptad.algebra.window import Window
from heptad.declare.data import Data, SourceScore
from heptad.declare.expressions import Expressible
from heptad.declare.features import Calendar, Decay, Derived, Rate, Windowed, columns_of
from heptad.declare.labels import FollowedBy, Label
from heptad.declare.schema import Event, Field, Schema, Table
from heptad.declare.types import Kind, Role
from heptad.errors import PlanError
from heptad.plan.expressions import HOLDS, expression_column, reads
from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    ConditionPlan,
    DecayColumn,
    DerivedColumn,
    ExpressionColumn,
    FactColumn,
    FieldPlan,
    GroupPlan,
    LookupPlan,
    Plan,
    RateColumn,
    RequestColumn,
    RingPlan,
    SlotPlan,
    StreamPlan,
    WindowColumn,
)


@dataclass
class _Draft:
    """A group while features are still being added to it."""

    stream: type[Schema]
    keys: tuple[str, ...]
    slots: list[SlotPlan] = field(default_factory=list)
    rings: dict[int | None, dict[int, None]] = field(default_factory=dict)  #: hop -> slots, in order
    retention: dict[int | None, int | None] = field(default_factory=dict)

    def add(self, slot: SlotPlan, window: Window) -> tuple[int, int]:
        """The places of the slot and of the ring that serves the window."""
        if slot not in self.slots:
            self.slots.append(slot)
        hop = None if window.width is None else window.hop
        place = self.slots.index(slot)
        self.rings.setdefault(hop, {})[place] = None
        kept = self.retention.get(hop)
        self.retention[hop] = None if hop is None else max(kept or 0, window.retention or 0)
        return place, list(self.rings).index(hop)

    def done(self) -> GroupPlan:
        lists = [i for i, key in enumerate(self.keys) if self.stream.fields[key].kind is Kind.TEXTS]
        if issubclass(self.stream, Table):
            facts = tuple(f.name for f in self.stream.facts())
            return GroupPlan(self.stream.__name__, self.keys, None, (), (), facts)
        rings = tuple(RingPlan(hop, self.retention[hop], tuple(slots)) for hop, slots in self.rings.items())
        name = self.stream.__name__
        return GroupPlan(name, self.keys, lists[0] if lists else None, tuple(self.slots), rings)


def compile_features(data: Data, label: Label) -> Plan:
    """The plan of these features for requests shaped like the label's event. Raises PlanError."""
    request = label.event
    drafts: dict[tuple[str, tuple[str, ...]], _Draft] = {}
    columns: list[ColumnPlan] = []

    def windowed(feature: Windowed, window: Window) -> WindowColumn:
        draft = drafts.setdefault((feature.event.__name__, feature.keys), _Draft(feature.event, feature.keys))
        slot, ring = draft.add(_slot(feature), window)
        return WindowColumn(_place(drafts, draft), slot, ring, window, feature.aggregation, feature.params)

    for name, fact in data.static.items():
        columns.append(_static(name, fact, drafts, request))
    for table in _lookup_tables(request, label, data):
        _table_draft(drafts, table)
    reach = set(request.fields) | set(data.static)
    for name, feature in data.dynamic.items():
        _check_keys(name, feature.sides[0].keys, feature.sides[0].event, reach)
        columns += _dynamic(name, feature, windowed)
    columns += _contextual(data.contextual, columns, request)
    streams = _streams(request, label, data, drafts)
    ordered = _ordered(columns)
    groups = tuple(draft.done() for draft in drafts.values())
    needed = tuple(_field(f) for f in request.fields.values() if f.role is not Role.TIME)
    return Plan(streams, groups, ordered, needed)


def compile_search(data: Data, table: type[Table]) -> Plan:
    """The plan of a search over a table: one stream, no state, and the facts a request may filter by as columns."""
    columns = tuple(
        ColumnPlan(
            name, "static", HOLDS.get(fact.kind, "number"), fact.kind, RequestColumn(fact.name), fact.size
        )
        for name, fact in data.static.items()
    )
    fields = tuple(_field(column) for column in table.fields.values())
    stream = StreamPlan(table.__name__, True, fields, None, None, table.lag, table.ttl)
    return Plan((stream,), (), columns, ())


def _dynamic(
    name: str, feature: Windowed | Rate | Decay, windowed: Callable[[Windowed, Window], WindowColumn]
) -> Iterator[ColumnPlan]:
    """The columns of a feature: one per window, or one of all windows of a decay."""
    match feature:
        case Decay(total, half_life):
            source = DecayColumn(tuple(windowed(total, window) for window in total.windows), half_life)
            yield ColumnPlan(name, "dynamic", "number", Kind.FLOAT, source)
        case Rate(above, below, prior, strength):
            for column, window in columns_of(name, feature).items():
                rate = RateColumn(windowed(above, window), windowed(below, window), prior, strength)
                yield ColumnPlan(column, "dynamic", "number", Kind.FLOAT, rate)
        case Windowed():
            for column, window in columns_of(name, feature).items():
                holds, kind, size = _returned(feature)
                yield ColumnPlan(column, "dynamic", holds, kind, windowed(feature, window), size)


def _place(drafts: Mapping[tuple[str, tuple[str, ...]], _Draft], draft: _Draft) -> int:
    return next(i for i, other in enumerate(drafts.values()) if other is draft)


def _slot(feature: Windowed) -> SlotPlan:
    asked = feature.where
    where = None if asked is None else ConditionPlan(asked.field.name, asked.op, asked.bound)
    spec = catalogue.get(feature.aggregation)
    return SlotPlan(spec.state_of or spec.name, feature.column, spec.state(feature.params), where)


def _returned(feature: Windowed) -> tuple[str, Kind, int]:
    """What the columns of a feature hold, of which kind, and the size of a vector."""
    spec = catalogue.get(feature.aggregation)
    if spec.returns == "numbers":
        return "vector", Kind.VECTOR, spec.size(feature.params)
    if spec.returns == "number" or feature.column is None:
        return "number", Kind.FLOAT, 0
    column = feature.event.fields[feature.column]
    if spec.returns == "value":
        return HOLDS.get(column.kind, "number"), column.kind, column.size
    return "list", column.kind, 0


def _table_draft(drafts: dict[tuple[str, tuple[str, ...]], _Draft], table: type[Table]) -> _Draft:
    """The group that holds the rows of a table, newest first, per entity."""
    keys = (table.entity().name,)
    return drafts.setdefault((table.__name__, keys), _Draft(table, keys))


def _static(
    name: str, fact: Field, drafts: dict[tuple[str, tuple[str, ...]], _Draft], request: type[Event]
) -> ColumnPlan:
    holds = HOLDS.get(fact.kind, "number")
    if not issubclass(fact.owner, Table):
        source = RequestColumn(_of_request(name, fact, request))
        return ColumnPlan(name, "static", holds, fact.kind, source, fact.size)
    key = fact.owner.entity().name
    if key not in request.fields:
        raise PlanError(
            f"Data.static[{name!r}]",
            f"a column {key!r}, the key of {fact.owner.__name__}, in {request.__name__}",
            f"columns {', '.join(request.fields)}",
            "name the entity alike in the table and in the request's event",
        )
    if not fact.is_fact:
        got = "its key" if fact is fact.owner.entity() else f"the table's {fact.role.value}"
        raise PlanError(f"Data.static[{name!r}]", "a fact about the entity", got, "use another column")
    draft = _table_draft(drafts, fact.owner)
    held = FactColumn(_place(drafts, draft), fact.name)
    return ColumnPlan(name, "static", holds, fact.kind, held, fact.size)


def _of_request(name: str, fact: Field, request: type[Event]) -> str:
    if fact.owner is not request:
        raise PlanError(
            f"feature {name!r}",
            f"a column of {request.__name__}, the request's event, or of a table",
            str(fact),
            f"use {request.__name__}.{fact.name}, or an aggregate of {fact.owner.__name__}",
        )
    return fact.name


def _contextual(
    features: Mapping[str, Any], others: Sequence[ColumnPlan], request: type[Event]
) -> list[ColumnPlan]:
    """The contextual columns as declared; an expression is checked once the columns it names are known."""
    known = {column.name: column for column in others}
    plain = {name: _plain(name, feature) for name, feature in features.items()}
    known |= {name: column for name, column in plain.items() if column is not None}
    waiting = {name: features[name].expression() for name, column in plain.items() if column is None}
    while waiting:
        ready = [name for name, expression in waiting.items() if not reads(expression) & waiting.keys()]
        if not ready:
            raise _cycle({name: reads(expression) for name, expression in waiting.items()})
        for name in ready:
            known[name] = expression_column(name, waiting.pop(name), known, request)
    return [known[name] for name in features]


def _cycle(needs: Mapping[str, Collection[str]]) -> PlanError:
    """Every one of these features needs another of them: the error that names a way round."""
    way = [next(iter(needs))]
    while len(set(way)) == len(way):
        way.append(min(name for name in needs[way[-1]] if name in needs))
    way = way[way.index(way[-1]) :]
    return PlanError(
        f"Data.contextual[{way[0]!r}]", "features that do not need each other", " -> ".join(way),
        "compute one of them from other columns",
    )  # fmt: skip


def _plain(name: str, feature: Any) -> ColumnPlan | None:
    """The column of a contextual feature that is no expression."""
    match feature:
        case Calendar(part):
            return ColumnPlan(name, "contextual", "number", Kind.FLOAT, CalendarColumn(part))
        case Derived():
            digest = hashlib.sha256(_spelled(feature.function.__code__).encode()).hexdigest()
            derived = DerivedColumn(feature.inputs, feature.function, digest[:16])
            return ColumnPlan(name, "contextual", "number", Kind.FLOAT, derived)
        case SourceScore(source_name):
            return ColumnPlan(name, "contextual", "number", Kind.FLOAT, RequestColumn(f"score:{source_name}"))
        case Field():
            holds, source = HOLDS.get(feature.kind, "number"), RequestColumn(feature.name)
            return ColumnPlan(name, "contextual", holds, feature.kind, source, feature.size)
        case Expressible():
            return None
        case _:
            raise TypeError(feature)


def _spelled(constant: object) -> str:
    """A function's code, or one of its constants, as text that is alike in every process.

    Names of locals, files and lines leave it alone. What the function refers to (globals, other functions)
    is not part of it.
    """
    match constant:
        case CodeType():
            inner = ", ".join(map(_spelled, constant.co_consts))
            return f"code({constant.co_code!r}, {constant.co_names!r}, {inner})"
        case frozenset():
            return f"frozenset({sorted(map(_spelled, constant))})"
        case tuple():
            return f"({', '.join(map(_spelled, constant))})"
        case _:
            return f"{type(constant).__name__} {constant!r}"


def _check_keys(name: str, keys: tuple[str, ...], event: type[Event], reach: set[str]) -> None:
    missing = [key for key in keys if key not in reach]
    if missing:
        raise PlanError(
            f"Data.dynamic[{name!r}]",
            f"keys the request brings or Data.static looks up: {', '.join(sorted(reach))}",
            f"{missing[0]!r} of {event.__name__}",
            f"add {missing[0]!r} to the request's event, or to Data.static from a table",
        )


def _lookup_tables(request: type[Event], label: Label, data: Data) -> list[type[Table]]:
    outcomes = [label.outcome] if isinstance(label, FollowedBy) else []
    events = {request, *outcomes, *_events_of(data)}
    tables = [
        f.lookup.field.owner
        for e in sorted(events, key=lambda e: e.__name__)
        for f in e.fields.values()
        if f.lookup
    ]
    return list(dict.fromkeys(t for t in tables if issubclass(t, Table)))


def _events_of(data: Data) -> list[type[Event]]:
    found: list[type[Event]] = []
    for feature in data.dynamic.values():
        sides = feature.sides
        found += [side.event for side in sides]
    return list(dict.fromkeys(found))


def _field(column: Field) -> FieldPlan:
    found = None
    if column.lookup is not None:
        table = column.lookup.field.owner
        on = column.lookup.on or next(f.name for f in table.fields.values() if f.kind is Kind.ID)
        found = LookupPlan(table.__name__, column.lookup.field.name, on)
    return FieldPlan(
        column.name, column.kind, column.role, column.optional, found, column.expect, column.size
    )


def _streams(
    request: type[Event], label: Label, data: Data, drafts: Mapping[tuple[str, tuple[str, ...]], _Draft]
) -> tuple[StreamPlan, ...]:
    classes: list[type[Schema]] = [request, *_events_of(data), *(d.stream for d in drafts.values())]
    if isinstance(label, FollowedBy):
        classes.append(label.outcome)
    by_name: dict[str, type[Schema]] = {}
    for cls in classes:
        if by_name.setdefault(cls.__name__, cls) is not cls:
            raise PlanError(
                f"stream {cls.__name__!r}", "one class of this name", "two classes", "rename one of them"
            )
    for cls in by_name.values():
        picture = next((f for f in cls.fields.values() if f.kind is Kind.IMAGE), None)
        if picture is not None:
            raise PlanError(
                f"stream {cls.__name__!r}", "columns that a feature can read", f"{picture}, a picture",
                "move the picture to a table of its own, which hp.Retrieval searches",
            )  # fmt: skip
    return tuple(
        StreamPlan(
            cls.__name__,
            issubclass(cls, Table),
            tuple(_field(f) for f in cls.fields.values()),
            None if issubclass(cls, Table) else cls.lateness,
            None if issubclass(cls, Table) else cls.max_future,
            *((cls.lag, cls.ttl) if issubclass(cls, Table) else ()),
        )
        for cls in sorted(by_name.values(), key=lambda c: (not issubclass(c, Table), c.__name__))
    )


def _ordered(columns: list[ColumnPlan]) -> tuple[ColumnPlan, ...]:
    """Columns with every derived one after its inputs. Raises PlanError on a cycle."""
    derived = {c.name: c.source for c in columns if isinstance(c.source, (DerivedColumn, ExpressionColumn))}
    done = [c for c in columns if c.name not in derived]
    waiting = [c for c in columns if c.name in derived]
    while waiting:
        placed = {c.name for c in done}
        ready = [c for c in waiting if not (set(derived[c.name].inputs) & set(derived)) - placed]
        if not ready:
            raise _cycle({c.name: derived[c.name].inputs for c in waiting})
        done += ready
        waiting = [c for c in waiting if c not in ready]
    return tuple(done)
