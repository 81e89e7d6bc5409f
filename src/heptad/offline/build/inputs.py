"""The sources of a build: which streams it needs, what they would take in memory, and the types of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.offline.build.budget import event_bytes, row_bytes
from heptad.offline.build.columns import checked
from heptad.offline.build.events import Events
from heptad.offline.build.files import Rows, all_of
from heptad.offline.build.labels import Labels
from heptad.offline.build.shards import Shard, wanted
from heptad.offline.build.types import feature_types
from heptad.offline.sources import read
from heptad.plan.batch import Batch
from heptad.plan.nodes import ColumnPlan, FieldPlan, Plan

_SAMPLE = 400_000  #: events looked at to find the hot keys


@dataclass(frozen=True)
class Inputs:
    """The sources by stream. ``known``: whether rows of the history may be known later than their time."""

    plan: Plan
    rows: Mapping[str, Rows]
    labels: Labels
    shards: Sequence[Shard]
    known: bool

    def streams(self) -> list[str]:
        """The streams that some shard keeps events of."""
        return list(wanted(self.shards))

    def used(self) -> dict[str, Rows]:
        """The sources that are read at all. Raises DataError where one is missing."""
        names = self.streams()
        names += self.lookups(names)
        for name in names:
            if name not in self.rows:
                raise DataError(
                    "events", f"a source for each of {', '.join(names)}", f"no {name}",
                    f"name it: events={{{name!r}: path}}",
                )  # fmt: skip
        return {name: self.rows[name] for name in names}

    def types(self) -> dict[str, Any]:
        """The Arrow type of every feature."""
        schemas = {name: rows.schema for name, rows in self.rows.items()}
        return feature_types(self.plan, schemas, self.labels.rows.schema)

    def cost(self) -> int:
        """Bytes that all of it would take in memory."""
        cost = self.labels.rows.count * (
            row_bytes(sum(shard.words for shard in self.shards), len(self.plan.columns))
            + 16 * len(self.labels.rows.schema)
        )
        for stream in self.plan.streams:
            if stream.name in self.rows:
                texts = sum(not _is_number(self.rows[stream.name].schema, f.name) for f in stream.fields)
                cost += self.rows[stream.name].count * (event_bytes(len(stream.fields)) + 60 * texts)
        return cost

    def lookups(self, names: Sequence[str]) -> list[str]:
        tables = {
            field.lookup.table: None
            for name in names
            for field in self.plan.stream(name).fields
            if field.lookup is not None and self._needs_lookups(name)
        }
        return [table for table in tables if table not in names]

    def _needs_lookups(self, name: str) -> bool:
        return self.events(name, {}).whole

    def events(self, name: str, tables: Mapping[str, Batch], dropped: Any = None) -> Events:
        needs = [need for shard in self.shards for need in shard.needs if need.stream.name == name]
        none = np.empty(0, np.int64)
        return Events(
            self.plan, self.plan.stream(name), self.rows[name] if name in self.rows else _Missing(name),
            wanted(self.shards)[name], any(need.ties for need in needs), self.known,
            none if dropped is None else dropped, tables,
        )  # fmt: skip

    def tables(self, names: Sequence[str], free: int) -> dict[str, Batch]:
        """The tables that events look columns up in: those must fit in memory."""
        needed = {
            field.lookup.table: None
            for name in names
            if self._needs_lookups(name)
            for field in self.plan.stream(name).fields
            if field.lookup is not None
        }
        out = {}
        for name in needed:
            rows, stream = self.rows[name], self.plan.stream(name)
            cost = rows.count * (event_bytes(len(stream.fields)) + 100 * len(stream.fields))
            if cost > free // 3:
                raise DataError(
                    f"table {name}, which events look up", f"one that fits in {free // 3:,} bytes",
                    f"about {cost:,} bytes ({rows.count:,} rows)",
                    "allow more memory, or write the looked-up columns into the events' files",
                )  # fmt: skip
            out[name] = read(stream, all_of(rows, self._present(name)))
        return out

    def _present(self, name: str) -> list[str]:
        rows = self.rows[name]
        return [f.name for f in self.plan.stream(name).fields if f.name in rows.schema.names]

    def key_type(self, shard: Shard, key: str) -> Any:
        static = next((c for c in self.plan.columns if c.group == "static" and c.name == key), None)
        if shard.bare or static is None or static.kind is Kind.FLOAT:
            return self.labels.key_type(key)
        kind = self.types()[key]
        if pa.types.is_string(kind):
            return pa.large_string()
        return pa.int64() if pa.types.is_float64(kind) else kind

    def sample(self, rows: Rows, shard: Shard) -> pa.Table:
        need = next(need for need in shard.needs if self.rows[need.stream.name] is rows)
        names = [key for key in shard.hashed if key in rows.schema.names]
        if len(names) < len(shard.hashed):  # looked up: not in the files
            return pa.table({key: pa.array([], pa.int64()) for key in shard.hashed})
        table = rows.sample(names, _SAMPLE)
        return pa.table({k: checked(table.column(k), need.stream.by_name[k], k) for k in names})


class _Missing:
    """Stands for a stream nobody has named a source for, until that is said."""

    def __init__(self, name: str) -> None:
        self.thing, self.schema, self.count = name, pa.schema([]), 0

    def pieces(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        return iter(())

    def sample(self, columns: Sequence[str], size: int) -> pa.Table:
        return self.schema.empty_table()


def field_of(column: ColumnPlan) -> FieldPlan:
    """A static column as a column of the request."""
    return FieldPlan(column.name, column.kind, Role.VALUE, True)


def _is_number(held: pa.Schema, name: str) -> bool:
    """Whether a source's column holds numbers."""
    if name not in held.names:
        return True
    kind = held.field(name).type
    return bool(pa.types.is_primitive(kind))
