"""A moment of the past, from the raw event log alone: what a reader of the states saw at (t, o), by the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.oracle.admission import time_of
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Column, Logged
from heptad.plan.nodes import ColumnPlan, Plan
from heptad.run.progress import Stage
from heptad.state.store import Meta
from heptad.state.tally import Counts
from heptad.streams.log import Log
from heptad.streams.payload import Codec, schema_fingerprint

_AT_ONCE: Final = 10_000  #: records decoded at a time
_EPOCH: Final = 1  #: of all counts that come from one log

Rows = Sequence[Mapping[str, Any]]


class Recall:
    """A log as a plan reads it, up to offset ``end``; requests are read at any (t, o) with o <= end.

    ``written_by`` is the plan of the deployment that wrote the log: rows of classes that ``plan`` does not know are
    left out. Records of keys that no request names are judged, not kept; one that asks for others has the log read
    again. Raises StateError where the log is damaged, has lost its beginning, or ends before ``end``.
    """

    def __init__(self, plan: Plan, written_by: Plan, log: Log, end: int, asked: Rows, stage: Stage) -> None:
        if log.first > 0 or log.end < end:
            raise StateError(
                f"log {log.path}", f"the records [0, {end})", f"[{log.first}, {log.end})",
                "bring back its segments from a backup: a value is a function of the whole log",
            )  # fmt: skip
        _same_rows(plan, written_by)
        self.plan, self._codec, self._log, self._end, self._stage = plan, Codec(written_by), log, end, stage
        self._streams = {stream.name for stream in plan.streams}
        self._asked: list[Mapping[str, Any]] = list(asked)
        self._read()

    def at(self, t: int, o: int) -> Recalled:
        """What a request at this time saw of the first ``o`` records."""
        return Recalled(self, t, o)

    def rows(self, asked: Rows, t: int, o: int, columns: tuple[str, ...]) -> list[dict[str, Any]]:
        """The columns of each request at (t, o)."""
        if not self._oracle.covers(asked):
            self._asked += asked
            self._read()
        return [self._oracle.read(row, t, o, columns) for row in asked]

    def counts(self, tally: int, t: int, o: int) -> Counts:
        """How many accepted events before t each value had, of the first ``o`` records, in the tally's window."""
        values, times, offsets, codes = self._counted[tally]
        seen = codes[(times >= self.plan.tallies[tally].start(t)) & (times < t) & (offsets < o)]
        return Counts(_EPOCH, values, np.bincount(seen, minlength=len(values)).astype(np.float64))

    def _read(self) -> None:
        plan = self.plan
        met: list[list[tuple[int, int, Any]]] = [[] for _ in plan.tallies]
        self._oracle = Oracle(plan, self._noted(met), self._asked)
        accepted = np.zeros(self._end, np.bool_)
        accepted[self._offsets] = [verdict == "accepted" for verdict in self._oracle.verdicts]
        self._counted = [_counted([one for one in events if accepted[one[1]]]) for events in met]

    def _noted(self, met: list[list[tuple[int, int, Any]]]) -> Iterator[Logged]:
        """The records that the plan reads, in their order; what tallies count is noted on the way."""
        self._offsets: list[int] = []
        counted = [(tally, self.plan.stream(tally.stream)) for tally in self.plan.tallies]
        for low in range(0, self._end, _AT_ONCE):
            high = min(self._end, low + _AT_ONCE)
            for record in self._codec.logged(self._log.read_columns(low, high)):
                if record.stream not in self._streams:
                    continue
                self._offsets.append(record.offset)
                for (tally, stream), events in zip(counted, met, strict=True):
                    if record.stream == tally.stream and record.row[tally.column] is not None:
                        events.append((time_of(record, stream), record.offset, record.row[tally.column]))
                yield record
            self._stage.advance(high - low)


class Recalled:
    """One moment of a `Recall`: it is what `open` gives, however often (`heptad.online.moment`)."""

    degraded: Final = False  #: a log answers, or it is damaged

    def __init__(self, recall: Recall, t: int, o: int) -> None:
        self._recall, self.t, self._o, self.plan = recall, t, o, recall.plan
        self.meta = Meta(recall.plan.state_hash, t - 1, {0: o})
        self._kinds = {column.name: column for column in recall.plan.columns}

    @property
    def tallies(self) -> tuple[()]:
        """Nothing is known without asking: a decision that asked for nothing is not made again."""
        return ()

    @contextmanager
    def open(self) -> Iterator[Recalled]:
        """The moment itself."""
        yield self

    def warm(self) -> None:
        """There is nothing to load."""

    def counts(self, tally: int = 0) -> Counts:
        return self._recall.counts(tally, self.t, self._o)

    def read(
        self, request: Mapping[str, Column], n: int, columns: tuple[str, ...] | None = None
    ) -> dict[str, NDArray[Any]]:
        """As `heptad.online.reader.Session.read`; ``columns`` in the plan's order or not."""
        plain = {name: _plain(column) for name, column in request.items()}
        asked = [{name: values[row] for name, values in plain.items()} for row in range(n)]
        names = tuple(self._kinds) if columns is None else columns
        found = self._recall.rows(asked, self.t, self._o, names)
        return {name: _array(self._kinds[name], [row[name] for row in found]) for name in names}


def _plain(column: Column) -> list[Any]:
    values = column.values.tolist()
    return [value if known else None for value, known in zip(values, column.valid.tolist(), strict=True)]


def _array(column: ColumnPlan, values: list[Any]) -> NDArray[Any]:
    """A column of values as an answer has it (`heptad.plan.assemble.Assembly`)."""
    if column.size:
        dtype = np.float32 if column.kind is Kind.VECTOR else np.float64
        return np.array(values, dtype).reshape(len(values), column.size)
    if column.holds == "number":
        return np.array(values, np.float64)
    return np.fromiter(values, object, len(values))


def _counted(
    events: list[tuple[int, int, Any]],
) -> tuple[list[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values, and of each event its time, its offset and the place of its value."""
    places: dict[Any, int] = {}
    codes = [places.setdefault(value, len(places)) for _, _, value in events]
    columns = ([time for time, _, _ in events], [offset for _, offset, _ in events], codes)
    times, offsets, of = (np.array(column, np.int64) for column in columns)
    return list(places), times, offsets, of


def _same_rows(plan: Plan, written_by: Plan) -> None:
    """Raises StateError where a class has other columns than the rows in the log."""
    written = {stream.name: schema_fingerprint(stream) for stream in written_by.streams}
    for stream in plan.streams:
        if written.get(stream.name, schema_fingerprint(stream)) != schema_fingerprint(stream):
            raise StateError(
                f"class {stream.name}", "the columns of the rows in the log", "other columns",
                "replay under a declaration of the same classes",
            )  # fmt: skip
