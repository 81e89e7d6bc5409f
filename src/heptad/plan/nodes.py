"""The Plan: plain frozen data that says which states exist, how events update them, and what a read returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from heptad.algebra import catalogue
from heptad.algebra.spec import Params, Segment
from heptad.algebra.window import BEGINNING, Window
from heptad.declare.expectation import Expectation
from heptad.declare.types import Kind, Role


@dataclass(frozen=True)
class LookupPlan:
    """A table column joined to an event at append: ``table.column`` where the key equals the event's ``on``."""

    table: str
    column: str
    on: str


@dataclass(frozen=True)
class FieldPlan:
    name: str
    kind: Kind
    role: Role
    optional: bool
    lookup: LookupPlan | None = None
    #: Decides what comes in, never what a value is: no part of the plan's hash.
    expect: Expectation | None = field(default=None, compare=False, repr=False)
    size: int = 0  #: of a vector


@dataclass(frozen=True)
class StreamPlan:
    """One event or table class.

    ``lateness`` and ``max_future`` are microseconds; None for a table, whose rows may be of any age.
    """

    name: str
    is_table: bool
    fields: tuple[FieldPlan, ...]
    lateness: int | None
    max_future: int | None
    lag: int = 0  #: of a table: a read at t sees the rows valid before t - lag; microseconds
    ttl: int | None = None  #: of a table: how long before t - lag a row may have become valid

    @cached_property
    def by_name(self) -> dict[str, FieldPlan]:
        return {f.name: f for f in self.fields}

    @cached_property
    def key(self) -> FieldPlan | None:
        return next((f for f in self.fields if f.role is Role.KEY), None)

    @cached_property
    def time(self) -> FieldPlan | None:
        return next((f for f in self.fields if f.role is Role.TIME), None)

    @cached_property
    def version(self) -> FieldPlan | None:
        return next((f for f in self.fields if f.role is Role.VERSION), None)

    @cached_property
    def deleted(self) -> FieldPlan | None:
        return next((f for f in self.fields if f.role is Role.DELETED), None)

    @cached_property
    def entity(self) -> FieldPlan:
        """A table's key."""
        return next(f for f in self.fields if f.kind is Kind.ID)

    @cached_property
    def facts(self) -> tuple[FieldPlan, ...]:
        """A table's columns that say something about the entity."""
        return tuple(f for f in self.fields if f.role is Role.VALUE and f.kind is not Kind.ID)

    @cached_property
    def known_at(self) -> FieldPlan | None:
        """The column that says when an event of a history could first be known."""
        return next((f for f in self.fields if f.role is Role.KNOWN_AT), None)


@dataclass(frozen=True)
class ConditionPlan:
    column: str
    op: str
    bound: float | str | bool

    def __str__(self) -> str:
        return f"{self.column} {self.op} {self.bound!r}"


@dataclass(frozen=True)
class SlotPlan:
    """One state of one column under one condition: a fixed number of words in every tile that holds it.

    ``aggregation`` is the one whose state it is; others may be read from it too (`Aggregation.state_of`).
    """

    aggregation: str
    column: str | None
    params: Params
    where: ConditionPlan | None

    @property
    def segments(self) -> tuple[Segment, ...]:
        return catalogue.get(self.aggregation).segments(self.params)

    @property
    def words(self) -> int:
        return catalogue.get(self.aggregation).words(self.params)

    def __str__(self) -> str:
        said = catalogue.get(self.aggregation).said(self.params)
        text = " ".join([f"{self.aggregation}({self.column or ''})", *said])
        return f"{text} where {self.where}" if self.where else text


@dataclass(frozen=True)
class RingPlan:
    """Tiles of one hop: each holds the slots whose windows have that hop. ``hop`` None: one tile, all time."""

    hop: int | None
    retention: int | None
    slots: tuple[int, ...]


@dataclass(frozen=True)
class GroupPlan:
    """All states of one stream per one tuple of keys: one record per key in the store; one in all without keys.

    ``list_key`` is the position of the key that is a list column: an event belongs to one record per
    distinct element, and a read of several elements merges their states.
    ``facts``: for a table, the columns kept of each entity's rows (decision record 19); it has no slots and no
    rings. None for events.
    """

    stream: str
    keys: tuple[str, ...]
    list_key: int | None
    slots: tuple[SlotPlan, ...]
    rings: tuple[RingPlan, ...]
    facts: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return f"{self.stream} per {', '.join(self.keys)}" if self.keys else f"{self.stream}, all of them"


@dataclass(frozen=True)
class WindowColumn:
    """A slot of a group over a window: the words to merge, and the aggregation that finalizes them."""

    group: int
    slot: int
    ring: int
    window: Window
    aggregation: str
    params: Params = field(default_factory=Params)  #: the slot's, and those that matter at finalize only


@dataclass(frozen=True)
class RateColumn:
    numerator: WindowColumn
    denominator: WindowColumn
    prior: float
    strength: float


@dataclass(frozen=True)
class DecayColumn:
    """Values of windows one hop wide, the oldest first, each times its weight, added up in this order."""

    parts: tuple[WindowColumn, ...]
    half_life: int  #: microseconds

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Of each part: 2 to the power of minus its age, in half-lives; the newest has age 0."""
        newest = self.parts[-1].window.delay
        return tuple(2.0 ** ((newest - part.window.delay) / self.half_life) for part in self.parts)


@dataclass(frozen=True)
class FactColumn:
    """A column of the newest row of a table, for the entity that the request names."""

    group: int
    name: str


@dataclass(frozen=True)
class RequestColumn:
    """A value the request brings (or a candidate source's score)."""

    name: str


@dataclass(frozen=True)
class CalendarColumn:
    part: str


@dataclass(frozen=True)
class DerivedColumn:
    inputs: tuple[str, ...]
    function: Callable[..., Any] = field(compare=False, hash=False, repr=False)
    code: str = ""  #: SHA-256 of the function's bytecode and constants


@dataclass(frozen=True)
class Node:
    """One operation of an expression. ``holds``: number, category, list or vector (of ``size`` numbers).

    ``value`` is a constant, the name of a ``column`` of the plan or of the ``request``, the part of a
    ``calendar``, or the buckets of a ``cross``.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: str | float | None = None
    holds: str = "number"
    size: int = 0


class Step(NamedTuple):
    """A node that is computed once, however often it is written; ``args`` are the places of earlier steps."""

    node: Node
    args: tuple[int, ...]


@dataclass(frozen=True)
class ExpressionColumn:
    """A derived column that is declared: the columns of the plan and of the request it reads, and what it does."""

    inputs: tuple[str, ...]
    brings: tuple[str, ...]
    root: Node
    text: str  #: as its author wrote it

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The nodes in an order in which they can be computed, equal ones once; the root is the last."""
        places: dict[Node, int] = {}
        steps: list[Step] = []

        def place(node: Node) -> int:
            if node not in places:
                args = tuple(place(arg) for arg in node.args)
                places[node] = len(steps)
                steps.append(Step(node, args))
            return places[node]

        place(self.root)
        return tuple(steps)


Source = (
    WindowColumn
    | FactColumn
    | RateColumn
    | DecayColumn
    | RequestColumn
    | CalendarColumn
    | DerivedColumn
    | ExpressionColumn
)


@dataclass(frozen=True)
class ColumnPlan:
    """One output column. ``holds``: number (float64, NaN null), category (text or id), list, or vector.

    A vector has ``size`` float32 numbers; its null is a row of NaN.
    """

    name: str
    group: str  #: static, dynamic or contextual
    holds: str
    kind: Kind
    source: Source
    size: int = 0


@dataclass(frozen=True)
class TallyPlan:
    """Events of a stream counted by the values of one of its columns: what popularity is read from."""

    stream: str
    column: str

    def start(self, t: int) -> int:
        """The first instant that a read at ``t`` counts."""
        return BEGINNING


@dataclass(frozen=True)
class TrendPlan(TallyPlan):
    """The same in a window of width and hop, microseconds: a read at t counts [floor((t - width) / hop) * hop, t)."""

    width: int
    hop: int

    def start(self, t: int) -> int:
        """The first instant that a read at ``t`` counts."""
        return (t - self.width) // self.hop * self.hop

    @property
    def slots(self) -> int:
        """How many hops a read can cover, the one it lies in among them."""
        return -(-self.width // self.hop) + 1


@dataclass(frozen=True)
class Plan:
    """What every engine runs. ``request`` names the columns a read must bring."""

    streams: tuple[StreamPlan, ...]
    groups: tuple[GroupPlan, ...]
    columns: tuple[ColumnPlan, ...]
    request: tuple[FieldPlan, ...]
    tallies: tuple[TallyPlan, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that changes a state or a value: 16 hex digits."""
        return hashlib.sha256(repr((self.streams, self.groups, self.columns)).encode()).hexdigest()[:16]

    @cached_property
    def state_hash(self) -> str:
        """SHA-256 of what the stored states depend on: streams, groups, slots and rings, tallies."""
        stored = self.streams, self.groups, *self.tallies
        return hashlib.sha256(repr(stored).encode()).hexdigest()[:16]

    def stream(self, name: str) -> StreamPlan:
        return next(s for s in self.streams if s.name == name)

    def column(self, name: str) -> ColumnPlan:
        return next(c for c in self.columns if c.name == name)

    def needed(self, names: Collection[str]) -> tuple[str, ...]:
        """These columns and all that derived ones among them are derived from, in the plan's order."""
        wanted = set(names)
        for column in reversed(self.columns):  # inputs come before what is derived from them
            if column.name in wanted and isinstance(column.source, (DerivedColumn, ExpressionColumn)):
                wanted |= set(column.source.inputs)
        return tuple(column.name for column in self.columns if column.name in wanted)

    def slot_of(self, column: WindowColumn) -> SlotPlan:
        return self.groups[column.group].slots[column.slot]

    def said(self, column: WindowColumn) -> str:
        """What a window column aggregates, as its author would say it."""
        return str(replace(self.slot_of(column), aggregation=column.aggregation))


def windows_of(source: Source) -> tuple[WindowColumn, ...]:
    """The windows whose states a column is made of; none for one that needs no state of events."""
    match source:
        case WindowColumn():
            return (source,)
        case RateColumn(numerator, denominator):
            return numerator, denominator
        case DecayColumn(parts):
            return parts
        case _:
            return ()
