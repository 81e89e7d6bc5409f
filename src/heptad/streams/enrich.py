"""The appender's lookups: the newest row of a table before an event's time, by what the log holds so far.

Every row version of the tables that events look up is kept in memory, since an event may come late and must
still meet the row of its own time. The definition is `heptad.oracle.enrich`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.plan.batch import TIMELESS
from heptad.plan.nodes import Plan, StreamPlan
from heptad.streams.log import Log
from heptad.streams.payload import Codec


class _Versions:
    """One column of one table: per entity its values that are not null, by (valid_from, place in the log)."""

    def __init__(self) -> None:
        self._of: dict[Any, tuple[list[int], list[Any]]] = {}

    def add(self, entity: Any, time: int, value: Any) -> None:
        times, values = self._of.setdefault(entity, ([], []))
        at = bisect_right(times, time)  # of two rows valid from one time the later in the log stands
        times.insert(at, time)
        values.insert(at, value)

    def before(self, entity: Any, time: int) -> Any:
        """The newest value valid from strictly before ``time``; None where there is none."""
        if type(entity) not in (int, str):
            return None
        times, values = self._of.get(entity, ((), ()))
        at = bisect_left(times, time)
        return values[at - 1] if at else None


class _Kept(NamedTuple):
    """What is kept of a table: the name of its key and of its time, and the columns that are looked up."""

    entity: str
    time: str | None
    columns: dict[str, _Versions]


class _Filled(NamedTuple):
    """A column of an event that is looked up: by which of its columns, and where."""

    name: str
    on: str
    versions: _Versions


class Lookups:
    """Fills the looked-up columns of events, and learns from the rows of tables, in the order of the log."""

    def __init__(self, plan: Plan) -> None:
        self._tables: dict[str, _Kept] = {}
        self._events: dict[str, tuple[str, list[_Filled]]] = {}
        for stream in plan.streams:
            filled = [
                _Filled(f.name, f.lookup.on, self._kept(plan.stream(f.lookup.table), f.lookup.column))
                for f in stream.fields
                if f.lookup is not None
            ]
            if filled and stream.time is not None:
                self._events[stream.name] = stream.time.name, filled

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables whose rows matter here."""
        return tuple(self._tables)

    def _kept(self, table: StreamPlan, column: str) -> _Versions:
        if table.name not in self._tables:
            entity = next(f.name for f in table.fields if f.kind is Kind.ID)
            self._tables[table.name] = _Kept(entity, table.time.name if table.time else None, {})
        return self._tables[table.name].columns.setdefault(column, _Versions())

    def learn(self, stream: str, row: Mapping[str, Any]) -> None:
        """Take note of a row as the log holds it."""
        kept = self._tables.get(stream)
        if kept is None:
            return
        time = TIMELESS if kept.time is None else row[kept.time]
        for name, versions in kept.columns.items():
            if row[name] is not None:
                versions.add(row[kept.entity], time, row[name])

    def enriched(self, stream: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with its looked-up columns filled, whatever the sender put there."""
        found = self._events.get(stream)
        if found is None:
            return row
        time, filled = found
        at = row.get(time)
        if type(at) is not int:
            return row  # it will be refused for its time
        return {**row, **{f.name: f.versions.before(row.get(f.on), at) for f in filled}}

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
        for start in range(0, log.end, batch):
            records = log.read_columns(start, start + batch)
            for offset, payload in zip(records.offsets.tolist(), records.payloads, strict=True):
                if payload.startswith(marks):
                    self.learn(*codec.decode(payload, offset))
