"""The Plan: plain frozen data that says which states exist, how events update them, and what a read returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from heptad.algebra import catalogue
from heptad.algebra.spec import Params, Segment
from heptad.algebra.window import Window
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
    """One aggregation of one column under one condition: a fixed number of words in every tile that holds it."""

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
        text = f"{self.aggregation}({self.column or ''})"
        text += f" n={self.params.n}" if self.aggregation == "last_n" else ""
        return f"{text} where {self.where}" if self.where else text


@dataclass(frozen=True)
class RingPlan:
    """Tiles of one hop: each holds the slots whose windows have that hop. ``hop`` None: one tile, all time."""

    hop: int | None
    retention: int | None
    slots: tuple[int, ...]


@dataclass(frozen=True)
class GroupPlan:
    """All states of one stream per one tuple of keys: one record per key in the store.

    ``list_key`` is the position of the key that is a list column: an event belongs to one record per
    distinct element, and a read of several elements merges their states.
    """

    stream: str
    keys: tuple[str, ...]
    list_key: int | None
    slots: tuple[SlotPlan, ...]
    rings: tuple[RingPlan, ...]

    @property
    def name(self) -> str:
        return f"{self.stream} per {', '.join(self.keys)}"


@dataclass(frozen=True)
class WindowColumn:
    """A slot of a group over a window: the words to merge, and how to finalize them."""

    group: int
    slot: int
    ring: int
    window: Window


@dataclass(frozen=True)
class RateColumn:
    numerator: WindowColumn
    denominator: WindowColumn
    prior: float
    strength: float


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


Source = WindowColumn | RateColumn | RequestColumn | CalendarColumn | DerivedColumn


@dataclass(frozen=True)
class ColumnPlan:
    """One output column. ``holds``: number (float64, NaN null), category (text or id), or list."""

    name: str
    group: str  #: static, dynamic or contextual
    holds: str
    kind: Kind
    source: Source


@dataclass(frozen=True)
class Plan:
    """What every engine runs. ``request`` names the columns a read must bring."""

    streams: tuple[StreamPlan, ...]
    groups: tuple[GroupPlan, ...]
    columns: tuple[ColumnPlan, ...]
    request: tuple[FieldPlan, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that changes a state or a value: 16 hex digits."""
        return hashlib.sha256(repr((self.streams, self.groups, self.columns)).encode()).hexdigest()[:16]

    @cached_property
    def state_hash(self) -> str:
        """SHA-256 of what the stored states depend on: streams, groups, slots and rings."""
        return hashlib.sha256(repr((self.streams, self.groups)).encode()).hexdigest()[:16]

    def stream(self, name: str) -> StreamPlan:
        return next(s for s in self.streams if s.name == name)

    def column(self, name: str) -> ColumnPlan:
        return next(c for c in self.columns if c.name == name)

    def slot_of(self, column: WindowColumn) -> SlotPlan:
        return self.groups[column.group].slots[column.slot]
