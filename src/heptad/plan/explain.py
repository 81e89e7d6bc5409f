"""The plan as text a reviewer can read and diff: streams, groups, rings, columns by kind, bytes per key."""

from __future__ import annotations

from collections.abc import Iterator

from heptad.plan.nodes import (
    CalendarColumn,
    ColumnPlan,
    DecayColumn,
    DerivedColumn,
    ExpressionColumn,
    FactColumn,
    GroupPlan,
    Plan,
    RateColumn,
    RequestColumn,
    RingPlan,
    WindowColumn,
)
from heptad.times import format_duration

_WORD = 8


def explain(plan: Plan) -> str:
    """The whole plan, one fact a line. Deterministic: equal plans print alike."""
    return "\n".join(_lines(plan)) + "\n"


def tile_bytes(group: GroupPlan, ring: RingPlan) -> int:
    """Bytes of one tile: its index and the words of its slots."""
    return _WORD * (1 + sum(group.slots[slot].words for slot in ring.slots))


def most_tiles(ring: RingPlan) -> int:
    """The most tiles a key can hold in a ring: one for all time, else retention / hop, rounded up, and one."""
    if ring.hop is None or ring.retention is None:
        return 1
    return -(-ring.retention // ring.hop) + 1


def key_bytes(group: GroupPlan) -> int:
    """The most bytes a key's record can take: a word of header, a count for each ring, and the rings' tiles.

    A table's record holds the newest row, and with a lag the rows of the lag behind the frontier besides:
    these bytes are those with one row, `row_bytes` each other one.
    """
    if group.facts is not None:
        return 2 * _WORD + row_bytes(group)
    header = _WORD * (1 + len(group.rings))
    return header + sum(tile_bytes(group, ring) * most_tiles(ring) for ring in group.rings)


def row_bytes(group: GroupPlan) -> int:
    """Bytes of one row of a table in its entity's record: time, version, offset, flags, and a word per fact."""
    facts = len(group.facts or ())
    return _WORD * (3 + 1 + facts // 62 + facts)


def _lines(plan: Plan) -> Iterator[str]:
    kinds = ("static", "dynamic", "contextual")
    counts = ", ".join(f"{sum(c.group == kind for c in plan.columns)} {kind}" for kind in kinds)
    yield f"plan {plan.hash}  {len(plan.columns)} columns ({counts}), {len(plan.groups)} groups"
    yield ""
    yield "streams"
    for stream in plan.streams:
        late = "any age" if stream.lateness is None else f"lateness {format_duration(stream.lateness)}"
        yield f"  {stream.name:<16} {'table' if stream.is_table else 'event'}, {len(stream.fields)} columns, {late}"
        for field in stream.fields:
            if field.lookup is not None:
                yield f"    {field.name} = {field.lookup.table}.{field.lookup.column} by {field.lookup.on}, at append"
    for place, group in enumerate(plan.groups):
        yield ""
        repeated = (
            f" (one record per element of {group.keys[group.list_key]})" if group.list_key is not None else ""
        )
        if group.facts is not None:
            yield from _table(plan, place, group)
            continue
        yield f"group {place}  {group.name}{repeated}, at most {key_bytes(group):,} bytes per key"
        for ring in group.rings:
            span = "all time" if ring.hop is None else f"tiles of {format_duration(ring.hop)}"
            kept = "" if ring.retention is None else f", kept {format_duration(ring.retention)}"
            size = f"{most_tiles(ring)} × {tile_bytes(group, ring)} bytes"
            yield f"  ring {span}{kept}, at most {size}"
            for slot in ring.slots:
                yield f"    {group.slots[slot]}"
    yield ""
    yield "columns"
    width = max((len(c.name) for c in plan.columns), default=0)
    for column in plan.columns:
        yield f"  {column.name:<{width}}  {column.group:<10}  {column.holds:<8}  {_source(plan, column)}"


def _table(plan: Plan, place: int, group: GroupPlan) -> Iterator[str]:
    stream = plan.stream(group.stream)
    more = (
        f", {row_bytes(group):,} for each row of the last {format_duration(stream.lag)}" if stream.lag else ""
    )
    yield f"group {place}  {group.name}, {key_bytes(group):,} bytes per key{more}"
    behind = f", valid before t - {format_duration(stream.lag)}" if stream.lag else ""
    yield f"  newest row{behind}{f', for {format_duration(stream.ttl)}' if stream.ttl is not None else ''}"
    for name in group.facts or ():
        yield f"    {name}"


def _source(plan: Plan, column: ColumnPlan) -> str:
    match column.source:
        case WindowColumn():
            return _window(plan, column.source)
        case FactColumn(group, name):
            return f"{plan.groups[group].stream}.{name} by {plan.groups[group].keys[0]}"
        case RateColumn(numerator, denominator, prior, strength):
            above, below = _window(plan, numerator), _window(plan, denominator)
            return f"({above} + {strength:g} * {prior:g}) / ({below} + {strength:g})"
        case DecayColumn(parts, half_life):
            hops = f"{_window(plan, parts[-1])}, and {len(parts) - 1} more before"
            return f"{hops}, halved every {format_duration(half_life)}"
        case RequestColumn(name):
            return f"request {name}"
        case CalendarColumn(part):
            return f"{part} of t"
        case DerivedColumn(inputs):
            return f"{column.name}({', '.join(inputs)})"
        case ExpressionColumn(text=text):
            return text


def _window(plan: Plan, column: WindowColumn) -> str:
    group = plan.groups[column.group]
    return f"{group.name}: {plan.said(column)} over {column.window.label}"
