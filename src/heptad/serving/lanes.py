"""Answers are computed one after another, on a thread beside the event loop; another begins where one waits.

An answer is work for one processor while it waits for nothing: two at once on one interpreter take longer than one after
the other, both of them, since they hand its lock to and fro (measured: a third of the rate at saturation, record 38). One
that takes long waits for something, so the next need not wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

#: Answers under way at once, at most.
MOST: Final = 4
#: Seconds after which an answer under way is taken to wait.
PATIENCE: Final = 0.01

_Job = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...], float]


def _unheard(seconds: float) -> None:
    """Nobody asks how long a function waited."""


class Lanes:
    """Runs functions for the event loop, on whose thread alone it is called. ``waited`` is told the seconds from `run`
    to the beginning of each, on the thread that runs it.
    """

    def __init__(
        self, most: int = MOST, patience: float = PATIENCE, waited: Callable[[float], None] = _unheard
    ) -> None:
        self._waited = waited
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="heptad-answer")
        self._most, self._patience = most, patience
        self._waiting: deque[_Job] = deque()
        self._running: set[asyncio.Future[Any]] = set()  #: of functions that have not returned
        self._awaited: set[asyncio.Future[Any]] = set()  #: of these, those that the next one waits for

    def run(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """What the function returns, once it is its turn; one that is cancelled before is left out."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((future, function, arguments, time.perf_counter()))
        self._next()
        return future

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        while self._waiting and not self._awaited and len(self._running) < self._most:
            job = self._waiting.popleft()
            future = job[0]
            if future.cancelled():
                continue
            loop = asyncio.get_running_loop()
            self._running.add(future)
            self._awaited.add(future)
            timer = loop.call_later(self._patience, self._await_no_more, future)
            self._pool.submit(self._work, loop, job, timer)

    def _await_no_more(self, future: asyncio.Future[Any]) -> None:
        self._awaited.discard(future)
        self._next()

    def _work(self, loop: asyncio.AbstractEventLoop, job: _Job, timer: asyncio.TimerHandle) -> None:
        """On a thread of the pool."""
        future, function, arguments, since = job
        self._waited(time.perf_counter() - since)
        try:
            set_outcome = partial(_set_result, future, function(*arguments))
        except BaseException as error:
            set_outcome = partial(_set_error, future, error)
        loop.call_soon_threadsafe(self._returned, future, timer, set_outcome)

    def _returned(
        self, future: asyncio.Future[Any], timer: asyncio.TimerHandle, set_outcome: Callable[[], None]
    ) -> None:
        timer.cancel()
        self._running.discard(future)
        set_outcome()
        self._await_no_more(future)


def _set_result(future: asyncio.Future[Any], result: Any) -> None:
    if not future.cancelled():
        future.set_result(result)


def _set_error(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(error)
