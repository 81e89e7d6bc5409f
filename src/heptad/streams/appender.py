"""The appender: rows in, enriched and stamped, acknowledged once they are in the log. One per deployment.

Admission (late, duplicate, too far ahead) is no business of the appender: everything that fits its schema is
logged, and what counts is decided from the log alone, by the applier and the oracle alike.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

import numpy as np

from heptad.errors import DataError
from heptad.plan.nodes import Plan
from heptad.streams.clock import Clock
from heptad.streams.enrich import Lookups
from heptad.streams.log import NEVER, Log
from heptad.streams.payload import Codec

#: Rows encoded and written at a time: a call with more is acknowledged when all of it is durable.
CHUNK: Final = 50_000


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
        return self.append_all([Posted(stream, row) for row in rows], arrivals)

    def append_all(self, posted: Sequence[Posted], arrivals: Sequence[int] | None = None) -> range:
        """Append rows of any streams in this order; their offsets, once they are on disk.

        ``arrivals``, for history only: microseconds per row, not decreasing; one below an earlier arrival is
        raised to it. DataError where a row does not fit its schema: then none of its chunk is appended.
        """
        if arrivals is not None and len(arrivals) != len(posted):
            raise DataError(
                "arrivals", f"one for each of {len(posted)} rows", len(arrivals), "leave them out"
            )
        with self._order:
            ranges = [range(self._log.end, self._log.end)]
            for start in range(0, len(posted), CHUNK):
                payloads = self._encoded(posted[start : start + CHUNK])
                if arrivals is None:
                    ranges.append(self._log.append(payloads, self._stamp()))
                else:
                    stamps = np.maximum(np.asarray(arrivals[start : start + CHUNK], np.int64), self._floor)
                    self._floor = int(stamps.max())
                    ranges.append(self._log.append(payloads, stamps))
            return range(ranges[1 % len(ranges)].start, ranges[-1].stop)

    def submit(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[range]:
        """As `append`, but the offsets come in a future: many callers share one write (``asyncio.wrap_future``)."""
        with self._order:
            payloads = self._encoded([Posted(stream, row) for row in rows])
            stamp = self._stamp()
            done = self._log.submit(payloads, stamp)
            self._waiting.append((stamp, done))
            return done

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
