"""A plan in shards: the columns that share a tuple of keys are computed together, key by key, apart from all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from heptad.algebra.spec import Merge
from heptad.declare.types import Kind
from heptad.offline.engines.slot import columns_of
from heptad.plan.nodes import (
    ColumnPlan,
    FactColumn,
    FieldPlan,
    Plan,
    RequestColumn,
    StreamPlan,
    windows_of,
)

_ORDERLESS = frozenset({Merge.ADD, Merge.MIN, Merge.MAX})


@dataclass(frozen=True)
class Need:
    """What a shard keeps of one stream: ``columns`` of its events, of which ``hashed`` say to which partition
    one goes; ``ties`` where some value depends on the order of events of one time."""

    stream: StreamPlan
    columns: tuple[str, ...]
    hashed: tuple[str, ...]
    ties: bool


@dataclass(frozen=True)
class Shard:
    """The stored columns whose groups have the keys ``keys``.

    ``plan`` is the whole plan cut down to these columns. ``hashed`` are the keys that say to which partition a row
    goes: all but a list, since an event belongs to each of its elements. ``late`` where a key is itself a stored
    column, so that another shard must be computed first; ``bare`` where the keys are the request's own, as
    static columns see them.
    """

    name: str
    keys: tuple[str, ...]
    hashed: tuple[str, ...]
    plan: Plan
    needs: tuple[Need, ...]
    late: bool
    bare: bool

    @property
    def words(self) -> int:
        """Words of the states that are read for one row."""
        parts = dict.fromkeys(part for column in self.plan.columns for part in windows_of(column.source))
        return sum(self.plan.slot_of(part).words for part in parts)

    @property
    def has_facts(self) -> bool:
        return any(isinstance(column.source, FactColumn) for column in self.plan.columns)


def is_stored(column: ColumnPlan) -> bool:
    """Whether a column's value lies in the events or rows of a key, rather than in the request."""
    return bool(windows_of(column.source)) or isinstance(column.source, FactColumn)


def shards(plan: Plan) -> tuple[Shard, ...]:
    """Every stored column in one of them; those that others need as keys come first."""
    static = {
        c.name: c for c in plan.columns if c.group == "static" and c.kind not in (Kind.FLOAT, Kind.VECTOR)
    }
    by_key: dict[tuple[tuple[str, ...], bool], list[ColumnPlan]] = {}
    for column in plan.columns:
        if is_stored(column):
            keys = plan.groups[_groups(column)[0]].keys
            bare = column.group == "static" or not any(key in static for key in keys)
            by_key.setdefault((keys, bare), []).append(column)
    found = [_shard(plan, keys, bare, columns, static) for (keys, bare), columns in by_key.items()]
    return tuple(sorted(found, key=lambda shard: shard.late))


def _shard(
    plan: Plan,
    keys: tuple[str, ...],
    bare: bool,
    columns: Sequence[ColumnPlan],
    static: dict[str, ColumnPlan],
) -> Shard:
    groups = tuple(dict.fromkeys(group for column in columns for group in _groups(column)))
    lists = {plan.groups[g].list_key for g in groups}
    hashed = tuple(key for place, key in enumerate(keys) if place not in lists)
    cut = replace(plan, columns=tuple(columns))
    late = not bare and any(is_stored(static[key]) for key in keys if key in static)
    streams = tuple(dict.fromkeys(plan.groups[g].stream for g in groups))
    needs = tuple(_need(cut, plan.stream(name), groups, hashed) for name in streams)
    name = ", ".join(keys) if keys else "all rows"
    return Shard(name, keys, hashed, cut, needs, late, bare)


def _groups(column: ColumnPlan) -> tuple[int, ...]:
    if isinstance(column.source, FactColumn):
        return (column.source.group,)
    return tuple(part.group for part in windows_of(column.source))


def _need(plan: Plan, stream: StreamPlan, groups: Sequence[int], hashed: tuple[str, ...]) -> Need:
    if stream.is_table:
        return Need(stream, tuple(f.name for f in stream.fields), hashed, True)
    columns: dict[str, None] = {}
    ties = False
    for column in plan.columns:
        for part in windows_of(column.source):
            group = plan.groups[part.group]
            if part.group in groups and group.stream == stream.name:
                slot = plan.slot_of(part)
                columns |= dict.fromkeys((*group.keys, *columns_of(slot)))
                ties |= any(segment.merge not in _ORDERLESS for segment in slot.segments)
    return Need(stream, tuple(columns), hashed, ties)


def wanted(found: Sequence[Shard]) -> dict[str, tuple[str, ...]]:
    """The columns of each stream that some shard keeps."""
    out: dict[str, dict[str, None]] = {}
    for shard in found:
        for need in shard.needs:
            out.setdefault(need.stream.name, {}).update(dict.fromkeys(need.columns))
    return {name: tuple(columns) for name, columns in out.items()}


def remaining(plan: Plan, name: str = "@stored:") -> Plan:
    """The plan whose stored columns are brought by the request, under their names after ``name``."""
    columns = tuple(_brought(column, name) if is_stored(column) else column for column in plan.columns)
    return replace(plan, columns=columns)


def _brought(column: ColumnPlan, name: str) -> ColumnPlan:
    group = column.group if column.group == "static" else "contextual"
    return replace(column, group=group, source=RequestColumn(name + column.name))


def request_fields(plan: Plan) -> Iterator[FieldPlan]:
    """The request's columns, each allowed to be null: an unknown entity is an answer, not a mistake."""
    for field in plan.request:
        yield replace(field, optional=True)
