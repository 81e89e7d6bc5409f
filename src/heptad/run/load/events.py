"""Events posted beside the load, and how soon a read knows each: freshness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from heptad.errors import ReadError
from heptad.run.load.client import BROKEN, Pool
from heptad.run.load.measured import Freshness

OK: Final = 200
ACCEPTED: Final = "accepted"
#: Connections for events and for the reads that look for them, apart from those of the load.
_CONNECTIONS: Final = 16
#: A read of no key: it costs little, and its answer names the offsets it knew.
_PROBE: Final = b"{}"


@dataclass(frozen=True)
class Events:
    """``rows`` of a stream, in turn, ``rate`` a second at even distances.

    ``key``: a column that gets a new whole number in every row (a text, where the row has one). ``stamp``: a column
    that gets the time of posting, microseconds UTC by this machine's clock.
    """

    stream: str
    rows: Sequence[Mapping[str, Any]]
    rate: float
    key: str | None = None
    stamp: str | None = None

    def row(self, number: int, microseconds: int) -> Mapping[str, Any]:
        """The row to post as the ``number``-th, at this time."""
        row = dict(self.rows[number % len(self.rows)])
        if self.key is not None:
            made = microseconds * 1_000 + number % 1_000
            row[self.key] = f"bench-{made}" if isinstance(row.get(self.key), str) else made
        if self.stamp is not None:
            row[self.stamp] = microseconds
        return row


class _Row(msgspec.Struct):
    offset: int
    verdict: str


class _Posted(msgspec.Struct):
    events: list[_Row]


class _Read(msgspec.Struct):
    offsets: dict[str, int]


_POSTED: Final = msgspec.json.Decoder(_Posted)
_READ: Final = msgspec.json.Decoder(_Read)
_ENCODE: Final = msgspec.json.Encoder().encode


class Posting:
    """Posts events at their times. An event is visible at the end of the first read, sent once it was acknowledged,
    that knows its offset: so freshness holds the post, the disk, the state and one read.
    """

    def __init__(self, url: str, events: Events, timeout: float, headers: Mapping[str, str]) -> None:
        self._events, self._timeout = events, timeout
        self._pool = Pool(url, size=_CONNECTIONS, timeout=timeout, headers=headers)
        self._probe = self._pool.payload("/features", _PROBE)
        self._loop = asyncio.get_running_loop()
        self._under_way: set[asyncio.Task[None]] = set()
        self._posting: asyncio.Task[None] | None = None
        self._found = Freshness()

    def start(self, measured_from: float, until: float) -> None:
        """Post from now until ``until`` seconds from now; what is due before ``measured_from`` is not counted."""
        begin = self._loop.time()
        self._posting = self._loop.create_task(self._all(begin, begin + measured_from, begin + until))

    async def finished(self) -> Freshness:
        """What was measured, once every event is seen."""
        if self._posting is not None:
            await self._posting
        if self._under_way:
            await asyncio.gather(*self._under_way)
        return self._found

    async def close(self) -> None:
        """Stop, and close the connections."""
        if self._posting is not None:
            self._posting.cancel()
        for task in list(self._under_way):
            task.cancel()
        await self._pool.close()

    async def _all(self, begin: float, measured_from: float, until: float) -> None:
        number = 0
        while (due := begin + number / self._events.rate) < until:
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            task = self._loop.create_task(self._one(number, due, due >= measured_from))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            number += 1

    async def _one(self, number: int, due: float, counts: bool) -> None:
        found = self._found if counts else Freshness()
        body = _ENCODE(self._events.row(number, time.time_ns() // 1_000))
        try:
            status, answer = await self._pool.ask(self._pool.payload(f"/events/{self._events.stream}", body))
            if status != OK:
                found.failed[f"status {status}"] += 1
                return
            row = _POSTED.decode(answer).events[0]
            acknowledged = self._loop.time()
            found.verdicts[row.verdict] += 1
            if row.verdict != ACCEPTED:
                return
            found.acknowledged.record(acknowledged - due)
            reads = 0
            while acknowledged + self._timeout > self._loop.time():
                status, answer = await self._pool.ask(self._probe)
                if status == OK and _READ.decode(answer).offsets.get("0", 0) > row.offset:
                    found.visible.record(self._loop.time() - due)
                    found.unseen += reads > 0
                    return
                reads += 1
            found.failed["acknowledged and never seen"] += 1
        except ReadError as error:
            found.failed[error.got] += 1
        except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
            found.failed[BROKEN] += 1
