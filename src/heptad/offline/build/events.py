"""The events of one stream piece by piece: checked, looked up, without repeats, as the columns a spill holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.offline.build.columns import arrow, checked, column, is_text
from heptad.offline.build.files import Rows
from heptad.offline.build.types import cast
from heptad.offline.enrichment import enrich
from heptad.offline.intake import unexpected
from heptad.offline.sources import read
from heptad.plan.batch import TIMELESS, Batch, ties
from heptad.plan.nodes import FieldPlan, Plan, StreamPlan

TIME, TIE, OFFSET = "@time", "@tie", "@offset"
#: Before every moment, with room for the numbers of a table's rows: each is known by the time it is valid.
ALWAYS_KNOWN = -(2**62)


@dataclass(frozen=True)
class Events:
    """One stream of a history.

    ``wanted`` columns are kept. ``dropped`` are the row numbers, sorted, of repeated ids. ``tables`` are those
    that the stream looks up, in memory. ``known``: whether rows of this history may be known later than their
    time, so that offsets matter; then an event's offset is the moment it became known.
    """

    plan: Plan
    stream: StreamPlan
    rows: Rows
    wanted: tuple[str, ...]
    ties: bool
    known: bool
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    tables: Mapping[str, Batch] = field(default_factory=dict)

    def pieces(self, size: int) -> Iterator[pa.Table]:
        """The wanted columns of at most ``size`` rows at a time, with `TIME`, and `TIE` and `OFFSET` where they matter."""
        first = 0
        for table in self.rows.pieces(self._columns(), size):
            yield self._without_repeats(self._checked(table, first), first)
            first += table.num_rows

    @property
    def whole(self) -> bool:
        """Whether every column is needed: for what is looked up, and for the hash that orders rows without ids."""
        by_name = self.stream.by_name
        looked_up = any(by_name[name].lookup is not None for name in self.wanted)
        return looked_up or (self.ties and self.stream.key is None) or self.stream.is_table

    def held(self, name: str) -> Any:
        """The type a column has in a spill: an id's is its file's."""
        one, source = self.stream.by_name[name], self.rows.schema
        if one.kind is Kind.ID and name in source.names and not is_text(source.field(name).type):
            return pa.int64()
        return _HELD.get(one.kind, pa.int64())

    def _columns(self) -> list[str]:
        fields = self.stream.fields if self.whole else [f for f in self.stream.fields if self._is_read(f)]
        missing = [f for f in fields if f.name not in self.rows.schema.names]
        for one in missing:
            if one.lookup is None and not one.optional:
                raise DataError(
                    f"{self.stream.name}.{one.name}", f"a column {one.name!r}",
                    f"columns {', '.join(self.rows.schema.names)}", "rename it in the files, or in the class",
                )  # fmt: skip
        names = [f.name for f in fields if f not in missing]
        return names or list(self.rows.schema.names[:1])

    def _is_read(self, one: FieldPlan) -> bool:
        own = {self.stream.time, self.stream.key if self.ties else None, self.stream.known_at}
        return one.name in self.wanted or one in own or one.expect is not None

    def _checked(self, table: pa.Table, first: int) -> pa.Table:
        try:
            return self._of_batch(self._batch(table, first)) if self.whole else self._of_columns(table)
        except DataError as error:
            error.add_note(f"in rows {first} to {first + table.num_rows - 1} of {self.rows.thing}")
            raise

    def _batch(self, table: pa.Table, first: int) -> Batch:
        batch = read(self.stream, table)
        self._expected(batch)
        if self.stream.is_table:
            place = batch.offset + first
            return Batch(batch.stream, batch.time, place, place + ALWAYS_KNOWN, batch.columns)
        if any(f.lookup is not None for f in self.stream.fields):
            batch = enrich(self.plan, {**self.tables, self.stream.name: batch})[self.stream.name]
        return batch

    def _of_batch(self, batch: Batch) -> pa.Table:
        held = {
            name: cast(arrow(batch.columns[name], self.stream.by_name[name].kind), self.held(name))
            for name in self.wanted
        } | {TIME: pa.array(batch.time)}
        if self.ties:
            held[TIE] = pa.array(batch.tie)
        if self.known:
            held[OFFSET] = pa.array(batch.offset if self.stream.is_table else self._known_from(batch))
        return pa.table(held)

    def _of_columns(self, table: pa.Table) -> pa.Table:
        """Without a Python object per row: what is not needed is not read."""
        stream, n = self.stream, table.num_rows
        held = {
            one.name: checked(table.column(one.name), one, f"{stream.name}.{one.name}")
            if one.name in table.column_names
            else _absent(one, n)
            for one in stream.fields
            if self._is_read(one)
        }
        limited = [one for one in stream.fields if one.expect is not None]
        columns = {one.name: column(held[one.name], one) for one in limited}
        if stream.time is None:
            time = np.full(n, TIMELESS, np.int64)
        else:
            time = held[stream.time.name].to_numpy(zero_copy_only=False)
        none = np.zeros(n, np.int64)
        batch = Batch(stream, time, none, none, columns)
        self._expected(batch)
        out = {name: held[name] for name in self.wanted} | {TIME: pa.array(time)}
        if self.ties and stream.key is not None:
            ids = {stream.key.name: column(held[stream.key.name], stream.key)}
            out[TIE] = pa.array(ties(ids, stream, none))
        if self.known:
            late = {} if stream.known_at is None else {
                stream.known_at.name: column(held[stream.known_at.name], stream.known_at)
            }  # fmt: skip
            out[OFFSET] = pa.array(self._known_from(Batch(stream, time, none, none, late)))
        return pa.table(out)

    def _known_from(self, batch: Batch) -> NDArray[np.int64]:
        """When each event became known. Raises DataError where the log's rules might call one late: those rules
        need all streams in the order of their arrival, which only memory has."""
        known_at, lateness = self.stream.known_at, self.stream.lateness or 0
        if known_at is None:
            return batch.time
        from_when: NDArray[np.int64] = np.maximum(batch.time, batch.columns[known_at.name].values)
        longest = int((from_when - batch.time).max(initial=0))
        if longest > lateness:
            raise DataError(
                f"{self.stream.name}.{known_at.name}", f"at most its lateness, {lateness / 1e6:g} s, after the event",
                f"{longest / 1e6:g} s", f"declare class {self.stream.name}(hp.Event, lateness='{-(-longest // 1_000_000)}s')",
            )  # fmt: skip
        return from_when

    def _expected(self, batch: Batch) -> None:
        for name, (bad, wording) in unexpected(batch).items():
            row = int(np.argmax(bad))
            raise DataError(
                f"{self.stream.name}.{name}", wording, f"{batch.columns[name].values[row]!r} in row {row} of these",
                "mend the rows, or put them aside first",
            )  # fmt: skip

    def _without_repeats(self, table: pa.Table, first: int) -> pa.Table:
        low, high = np.searchsorted(self.dropped, (first, first + table.num_rows))
        if low == high:
            return table
        kept = np.ones(table.num_rows, np.bool_)
        kept[self.dropped[low:high] - first] = False
        return table.filter(pa.array(kept))


def _absent(one: FieldPlan, n: int) -> Any:
    return pa.nulls(n, _HELD.get(one.kind, pa.int64()))


_HELD: dict[Kind, Any] = {
    Kind.FLOAT: pa.float64(), Kind.TEXT: pa.large_string(), Kind.ID: pa.large_string(),
    Kind.TEXTS: pa.list_(pa.string()), Kind.VECTOR: pa.binary(),
}  # fmt: skip


def schema(events: Events, columns: Sequence[str], ties: bool) -> pa.Schema:
    """The schema of these columns in a spill."""
    own = (TIME, *((TIE,) if ties else ()), *((OFFSET,) if events.known else ()))
    return pa.schema(
        [*((name, events.held(name)) for name in columns), *((name, pa.int64()) for name in own)]
    )
