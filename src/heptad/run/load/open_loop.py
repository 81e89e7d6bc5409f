"""An open loop: requests leave at Poisson times of their own, whether or not earlier ones were answered.

A closed loop would wait with the server and hide its queue; latency here counts from the moment a request was
due, also where it left late (Schroeder, Wierman and Harchol-Balter 2006; Tene's coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec
import numpy as np

from heptad.run.load.client import BROKEN, Ended, Pool, run
from heptad.run.load.events import Events, Posting
from heptad.run.load.histogram import Histogram
from heptad.run.load.measured import Measured, Window
from heptad.run.progress import Silent, Stage

OK: Final = 200


@dataclass(frozen=True)
class Load:
    """What to offer: JSON ``bodies`` in turn, posted to ``path``, ``rate`` a second for ``seconds`` after ``warm_up``.

    ``timeout`` in seconds; ``window`` is the length of the windows that are told apart; ``seed`` draws the times.
    """

    bodies: Sequence[bytes]
    rate: float
    seconds: float
    path: str = "/rank"
    warm_up: float = 2.0
    connections: int = 32
    timeout: float = 10.0
    window: float = 10.0
    seed: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Events | None = None


class Flags(msgspec.Struct):
    """Of an answer, what was not as usual; the rest is passed over."""

    flags: dict[str, str] = {}


_ANSWER: Final = msgspec.json.Decoder(Flags)


def open_loop(url: str, load: Load, stage: Stage | None = None) -> Measured:
    """Offer the load to the server at ``url``, and wait for the last answer. ``stage`` is told of every second."""
    return run(_offered(url, load, stage or Silent()))


def due_times(load: Load) -> list[float]:
    """Seconds from the beginning at which requests are due, the first of the warm-up at about 0."""
    lasts = load.warm_up + load.seconds
    n = max(1, round(load.rate * lasts))
    due = np.cumsum(np.random.default_rng(load.seed).exponential(1.0, n + 1))
    due *= lasts / due[-1]  # the drawn times, at the very rate
    return [float(moment) for moment in due[:-1]]


class Sender(Protocol):
    """What requests are given to: a `Pool`, or in tests a queue in virtual time."""

    waited: int

    def payload(self, path: str, body: bytes) -> bytes: ...
    def send(self, payload: bytes, ended: Ended) -> None: ...


async def _offered(url: str, load: Load, stage: Stage) -> Measured:
    pool = Pool(url, size=load.connections, timeout=load.timeout, headers=load.headers)
    posting = None if load.events is None else Posting(url, load.events, load.timeout, load.headers)
    try:
        await pool.fill()
        if posting is not None:
            posting.start(load.warm_up, load.warm_up + load.seconds)
        measured = await offer(pool, load, stage)
        if posting is not None:
            measured.freshness = await posting.finished()
        return measured
    finally:
        await pool.close()
        if posting is not None:
            await posting.close()


async def offer(sender: Sender, load: Load, stage: Stage) -> Measured:
    """Give every request to ``sender`` when it is due, by the running loop's clock; until all have ended."""
    return await _Loop(sender, load, stage).run()


class _Loop:
    """The times, what is sent at each, and what came of it."""

    def __init__(self, sender: Sender, load: Load, stage: Stage) -> None:
        self._sender, self._load, self._stage = sender, load, stage
        self._payloads = [sender.payload(load.path, body) for body in load.bodies]
        self._due = due_times(load)
        self._clock = asyncio.get_running_loop()
        self._last: asyncio.Future[None] = self._clock.create_future()
        self._windows = [Window() for _ in range(max(1, round(load.seconds / load.window)))]
        self._late = Histogram()
        self._sent = self._ended = self._in_time = self._waited_before = 0
        self._start = self._cpu = 0.0

    async def run(self) -> Measured:
        """Send all, and wait for the last answer."""
        load, clock = self._load, self._clock
        self._start = clock.time()
        clock.call_at(self._start + load.warm_up, self._measure)
        over = clock.create_task(self._over())
        telling = clock.create_task(self._tell())
        self._send_due()
        await self._last
        cpu = await over
        telling.cancel()
        whole = Window()
        for window in self._windows:
            whole.add(window)
        return Measured(
            seconds=load.seconds,
            offered=sum(due >= load.warm_up for due in self._due) / load.seconds,
            achieved=self._in_time / load.seconds,
            cpu=cpu / load.seconds,
            waited=self._sender.waited - self._waited_before,
            whole=whole,
            late=self._late,
            windows=self._windows,
            window_seconds=load.seconds / len(self._windows),
        )

    def ended(self, due: float, failure: str, status: int, body: bytes, at: float) -> None:
        """Count how one request ended."""
        load, at = self._load, at - self._start
        self._ended += 1
        if self._ended == len(self._due):
            self._last.set_result(None)
        failure = failure or ("" if status == OK else f"status {status}")
        if not failure and load.warm_up <= at < load.warm_up + load.seconds:
            self._in_time += 1
        if due >= load.warm_up:
            place = int((due - load.warm_up) / load.seconds * len(self._windows))
            window = self._windows[min(place, len(self._windows) - 1)]
            window.count(failure or _flags(body, window.flagged), at - due, len(body))

    def _send_due(self) -> None:
        """Send every request that is due, then wait for the next."""
        now, due = self._clock.time(), self._due
        while self._sent < len(due) and self._start + due[self._sent] <= now:
            moment = due[self._sent]
            self._sender.send(self._payloads[self._sent % len(self._payloads)], _Request(self, moment))
            if moment >= self._load.warm_up:
                self._late.record(now - self._start - moment)
            self._sent += 1
        if self._sent < len(due):
            self._clock.call_at(self._start + due[self._sent], self._send_due)

    def _measure(self) -> None:
        """The warm-up is over."""
        self._cpu, self._waited_before = time.process_time(), self._sender.waited

    async def _over(self) -> float:
        """The processor seconds of this process, from the end of the warm-up until no request is due any more."""
        load = self._load
        await asyncio.sleep(self._start + load.warm_up + load.seconds - self._clock.time())
        return time.process_time() - self._cpu

    async def _tell(self) -> None:
        """Once a second: how many were answered, and how many are on their way."""
        told = 0
        while True:
            await asyncio.sleep(1.0)
            self._stage.advance(self._ended - told)
            told = self._ended
            self._stage.say(f"{self._sent - self._ended} on their way")


class _Request:
    """Who is told how a request ended: it remembers when it was due."""

    __slots__ = ("_due", "_loop")

    def __init__(self, loop: _Loop, due: float) -> None:
        self._loop, self._due = loop, due

    def __call__(self, failure: str, status: int, body: bytes, at: float) -> None:
        self._loop.ended(self._due, failure, status, body, at)


def _flags(body: bytes, flagged: Counter[str]) -> str:
    """Count the flags of an answer; what is wrong with it, '' for nothing."""
    try:
        flags = _ANSWER.decode(body).flags
    except (msgspec.DecodeError, UnicodeDecodeError):
        return BROKEN
    for flag, why in flags.items():
        flagged[f"{flag}: {why}"] += 1
    return ""
