"""The appender's lookups: the row of a table that counts at an event's time, by what the log holds so far.

Of the tables that events look up, the looked-up columns of every row that stands at its valid_from are kept in
memory, since an event may come late and must still meet the row of its own time. A row that another of the
same valid_from has replaced is forgotten, so that redelivered rows take no room. The definition is
`heptad.oracle.oracle.newest`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.alike import distinct_rows as alike
from heptad.errors import StateError
from heptad.plan.batch import TIMELESS, Column, Factors, Repeating, column_of
from heptad.plan.nodes import Plan, StreamPlan
from heptad.plan.rows import rows_of
from heptad.streams.block import stream_of
from heptad.streams.log import Log
from heptad.streams.payload import Codec


class _Rows(NamedTuple):
    """Rows of one entity by valid_from, ascending and none twice: their versions, and their values (None: deleted)."""

    times: list[int]
    versions: list[int]
    values: list[tuple[Any, ...] | None]


class _Kept:
    """What is kept of a table: of every row its looked-up columns, by entity."""

    def __init__(self, table: StreamPlan) -> None:
        self._time = table.time.name if table.time else None
        self._version = table.version.name if table.version else None
        self._deleted = table.deleted.name if table.deleted else None
        self._entity, self._lag, self._ttl = table.entity.name, table.lag, table.ttl
        self.columns: list[str] = []
        self._of: dict[Any, _Rows] = {}

    def place(self, column: str) -> int:
        """Where a looked-up column is among a row's values; asked before any row is added."""
        if column not in self.columns:
            self.columns.append(column)
        return self.columns.index(column)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take note of a row that comes after all others in the log."""
        time = TIMELESS if self._time is None else row[self._time]
        version = 0 if self._version is None else row[self._version]
        gone = self._deleted is not None and row[self._deleted]
        values = None if gone else tuple(row[name] for name in self.columns)
        kept = self._of.setdefault(row[self._entity], _Rows([], [], []))
        at = bisect_left(kept.times, time)
        if at == len(kept.times) or kept.times[at] != time:
            kept.times.insert(at, time)
            kept.versions.insert(at, version)
            kept.values.insert(at, values)
        elif version >= kept.versions[at]:  # of rows alike the later in the log stands
            kept.versions[at], kept.values[at] = version, values

    def seen(self, entity: Any, t: int) -> tuple[Any, ...] | None:
        """The values of the row that counts at t; None where there is none."""
        if type(entity) not in (int, str) or entity not in self._of:
            return None
        kept, before = self._of[entity], t - self._lag
        at = bisect_left(kept.times, before) - 1
        if at < 0 or (self._ttl is not None and kept.times[at] < before - self._ttl):
            return None
        return kept.values[at]

    def seen_by(
        self, entities: Column, times: NDArray[np.int64]
    ) -> tuple[list[tuple[Any, ...] | None], NDArray[np.int64]]:
        """What each of n events sees: rows' values (or None), and which of them it is, (n,)."""
        if entities.values.dtype == object:
            distinct, which = entities.factors()
        else:
            first, which = alike(entities.values.reshape(-1, 1))
            distinct = entities.values[first]
        if len(times) == 0 or len(distinct) == 0:
            return [None], np.zeros(len(times), np.int64)
        earliest, seen, moving = int(times.min()) - self._lag, list[tuple[Any, ...] | None](), []
        for place, entity in enumerate(distinct.tolist()):
            kept = self._of.get(entity)
            seen.append(None if kept is None else kept.values[-1])
            if kept is not None and (self._ttl is not None or kept.times[-1] >= earliest):
                moving.append(place)  # not all its events see the newest row
        which = np.where(entities.valid, which, len(seen))
        seen.append(None)
        if moving:
            changes = np.zeros(len(seen), np.bool_)
            changes[moving] = True
            rows = np.flatnonzero(changes[which])
            which[rows] = len(seen) + np.arange(len(rows))
            asked = zip(entities.values[rows].tolist(), times[rows].tolist(), strict=True)
            seen += [self.seen(entity, t) for entity, t in asked]
        return seen, which


def _spread(few: Column, which: NDArray[np.int64]) -> Column:
    """The rows ``which`` of a column, which still knows that its values are few."""
    if few.values.dtype != object:
        return few.take(which)
    distinct, of = few.factors()
    return Repeating.of(Factors(distinct, of[which]), few.valid[which])


class _Join(NamedTuple):
    """Columns of an event that are looked up in one table by one of its columns: (name, place) of each."""

    on: str
    table: _Kept
    columns: list[tuple[str, int]]


class Lookups:
    """Fills the looked-up columns of events, and learns from the rows of tables, in the order of the log."""

    def __init__(self, plan: Plan) -> None:
        self._tables: dict[str, _Kept] = {}
        self._events: dict[str, tuple[str, list[_Join]]] = {}
        for stream in plan.streams:
            joins: dict[tuple[str, str], _Join] = {}
            for f in stream.fields:
                if f.lookup is not None:
                    kept = self._kept(plan.stream(f.lookup.table))
                    join = joins.setdefault((f.lookup.table, f.lookup.on), _Join(f.lookup.on, kept, []))
                    join.columns.append((f.name, kept.place(f.lookup.column)))
            if joins and stream.time is not None:
                self._events[stream.name] = stream.time.name, list(joins.values())

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables whose rows matter here."""
        return tuple(self._tables)

    def _kept(self, table: StreamPlan) -> _Kept:
        if table.name not in self._tables:
            self._tables[table.name] = _Kept(table)
        return self._tables[table.name]

    def learn(self, stream: str, row: Mapping[str, Any]) -> None:
        """Take note of a row as the log holds it."""
        kept = self._tables.get(stream)
        if kept is not None:
            kept.add(row)

    def enriched(self, stream: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with its looked-up columns filled, whatever the sender put there."""
        found = self._events.get(stream)
        if found is None:
            return row
        time, joins = found
        at = row.get(time)
        if type(at) is not int:
            return row  # it will be refused for its time
        out = dict(row)
        for on, table, columns in joins:
            values = table.seen(row.get(on), at)
            for name, place in columns:
                out[name] = None if values is None else values[place]
        return out

    def columns(self, stream: StreamPlan, columns: Mapping[str, Column]) -> dict[str, Column]:
        """The columns of a stream with those that are looked up filled: `enriched` for whole columns."""
        time, joins = self._events.get(stream.name, ("", []))
        out = dict(columns)
        for on, table, filled in joins:
            values, which = table.seen_by(columns[on], columns[time].values)
            for name, place in filled:
                few = column_of(
                    [None if row is None else row[place] for row in values], stream.by_name[name].kind
                )
                out[name] = _spread(few, which)
        return out

    def rebuild(self, log: Log, codec: Codec, batch: int = 65_536) -> None:
        """Learn from a whole log. Raises StateError where its beginning, and with it table rows, is gone."""
        if not self._tables:
            return
        if log.first > 0:
            raise StateError(
                f"log {log.path}", f"all rows of {', '.join(self._tables)}, which events look up",
                f"a log that begins at offset {log.first}", "keep the log whole, or post the tables again in a new one",
            )  # fmt: skip
        marks = tuple(codec.begins(table) for table in self._tables)
        start = 0
        while start < log.end:
            records = log.read_runs(start, start + batch)
            for run in records.runs:
                if run.block and stream_of(run.block) in self._tables:
                    for part in codec.batches([run]):
                        for row in rows_of(part):
                            self.learn(part.stream.name, row)
                for offset, payload in enumerate(run.alone, run.first):
                    if payload.startswith(marks):
                        self.learn(*codec.decode(payload, offset))
            start = records.end
