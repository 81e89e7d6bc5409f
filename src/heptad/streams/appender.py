"""The appender: rows in, enriched and stamped, acknowledged once they are in the log. One per deployment.

Admission (late, duplicate, too far ahead) is no business of the appender: everything that fits its schema is
logged, and what counts is decided from the log alone, by the applier and the oracle alike.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.plan.batch import Batch, Column
from heptad.plan.nodes import Plan
from heptad.plan.rows import rows_of
from heptad.streams.clock import Clock
from heptad.streams.columns import checked, columns_of
from heptad.streams.commit import Part, alone, in_block
from heptad.streams.enrich import Lookups
from heptad.streams.log import NEVER, Log
from heptad.streams.payload import Codec

#: Rows encoded and written at a time: a call with more is acknowledged when all of it is durable.
CHUNK: Final = 50_000
#: Rows of one stream, one after the other, from which on they are logged as a block.
BULK: Final = 64


class Posted(NamedTuple):
    """A row of a stream, as its sender sent it: parsed (`Schema.parse`), its lookups still empty."""

    stream: str
    row: Mapping[str, Any]


class Appender:
    """Appends rows of a plan's streams to a log; arrival is the deployment clock's time, never going back.

    Opening one reads the log's table rows, where events look up tables. ``floor``: the frontier of a state
    that was made from this log, so that arrivals go on from there though the clock was set back.
    """

    def __init__(self, plan: Plan, log: Log, clock: Clock, *, floor: int | None = None) -> None:
        self._log, self._clock = log, clock
        self._codec, self._lookups = Codec(plan), Lookups(plan)
        self._lookups.rebuild(log, self._codec)
        self._tables = frozenset(self._lookups.tables)
        self._floor = NEVER if floor is None else floor  # no later arrival is below it
        self._order = threading.Lock()  # what is enriched first is logged first
        self._waiting: deque[tuple[int, Future[range]]] = deque()

    def append(
        self, stream: str, rows: Sequence[Mapping[str, Any]], arrivals: Sequence[int] | None = None
    ) -> range:
        """Append rows of one stream; their offsets, once they are on disk. See `append_all`."""
        return self._append(
            len(rows), lambda start, stop: self._parts([(stream, rows[start:stop])]), arrivals
        )

    def append_all(self, posted: Sequence[Posted], arrivals: Sequence[int] | None = None) -> range:
        """Append rows of any streams in this order; their offsets, once they are on disk.

        ``arrivals``, for history only: microseconds per row, not decreasing; one below an earlier arrival is
        raised to it. DataError where a row does not fit its schema: then none of its chunk is appended.
        """
        return self._append(len(posted), lambda start, stop: self._parts(_runs(posted[start:stop])), arrivals)

    def append_batch(self, batch: Batch, arrivals: NDArray[np.int64] | None = None) -> range:
        """Append rows that are columns already; their ties and offsets do not matter. See `append_all`."""
        return self._append(
            len(batch), lambda start, stop: [self._block(batch.take(np.arange(start, stop)))], arrivals
        )

    def _append(
        self,
        n: int,
        parts: Callable[[int, int], list[Part]],
        arrivals: Sequence[int] | NDArray[np.int64] | None,
    ) -> range:
        """Append n rows chunk by chunk; ``parts`` encodes those between two places."""
        if arrivals is not None and len(arrivals) != n:
            raise DataError("arrivals", f"one for each of {n} rows", len(arrivals), "leave them out")
        with self._order:
            ranges = [range(self._log.end, self._log.end)]
            for start in range(0, n, CHUNK):
                encoded = parts(start, min(n, start + CHUNK))
                if arrivals is None:
                    ranges.append(self._log.append_parts(encoded, self._stamp()))
                else:
                    stamps = np.maximum(np.asarray(arrivals[start : start + CHUNK], np.int64), self._floor)
                    self._floor = int(stamps.max())
                    ranges.append(self._log.append_parts(encoded, stamps))
            return range(ranges[1 % len(ranges)].start, ranges[-1].stop)

    def submit(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[range]:
        """As `append`, but the offsets come in a future: many callers share one write (``asyncio.wrap_future``)."""
        with self._order:
            parts = self._parts([(stream, rows)])
            stamp = self._stamp()
            done = self._log.submit_parts(parts, stamp)
            self._waiting.append((stamp, done))
            return done

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return self._log.pending_bytes == 0

    def now(self) -> int:
        """The deployment's time as an applier may take it: every record that arrived before it is in the log.

        So an applier beside a busy appender is given the appender as its clock.
        """
        with self._order:
            while self._waiting and self._waiting[0][1].done():
                self._waiting.popleft()
            return self._waiting[0][0] if self._waiting else self._stamp()

    def _stamp(self) -> int:
        self._floor = max(self._floor, self._clock.now())
        return self._floor

    def _parts(self, runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[Part]:
        """Rows of one stream after the other as parts of the log, all of which fit."""
        if len(runs) > 1 and any(stream in self._tables for stream, _ in runs):
            return [alone(self._encoded([Posted(stream, row) for stream, rows in runs for row in rows]))]
        parts: list[Part] = []
        for stream, rows in runs:
            part = self._bulk(stream, rows) if len(rows) >= BULK else None
            parts.append(part or alone(self._encoded([Posted(stream, row) for row in rows])))
        return parts

    def _bulk(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Part | None:
        """Many rows of one stream as a block; None where they have to be looked at one by one."""
        columns = columns_of(self._codec.plan_of(stream), rows)
        if columns is None:
            return None
        try:
            part = self._enriched(stream, columns)
        except UnicodeEncodeError:  # half a character
            return None
        if stream in self._tables:
            for row in rows:
                self._lookups.learn(stream, {name: row.get(name) for name in columns})
        return part

    def _block(self, batch: Batch) -> Part:
        stream = self._codec.plan_of(batch.stream.name)
        part = self._enriched(stream.name, checked(stream, batch.columns))
        if stream.name in self._tables:
            for row in rows_of(batch):
                self._lookups.learn(stream.name, row)
        return part

    def _enriched(self, stream: str, columns: Mapping[str, Column]) -> Part:
        whole = self._lookups.columns(self._codec.plan_of(stream), columns)
        return in_block(self._codec.block(stream, whole), len(next(iter(whole.values())).valid))

    def _encoded(self, posted: Sequence[Posted]) -> list[bytes]:
        """Payloads, each row enriched by the table rows logged before it and those before it in ``posted``."""
        enriched, encode = self._lookups.enriched, self._codec.encode
        if not any(stream in self._tables for stream, _ in posted):
            return [encode(stream, enriched(stream, row)) for stream, row in posted]
        payloads = [encode(stream, row) for stream, row in posted]  # all fit, before anything is learnt
        for place, (stream, row) in enumerate(posted):
            if stream in self._tables:
                self._lookups.learn(*self._codec.decode(payloads[place]))
            else:
                payloads[place] = encode(stream, enriched(stream, row))
        return payloads


def _runs(posted: Sequence[Posted]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Rows of one stream that follow each other."""
    return [
        (stream, [row for _, row in some]) for stream, some in groupby(posted, key=lambda row: row.stream)
    ]
