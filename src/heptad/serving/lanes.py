"""Answers are computed one after another, on a thread beside the event loop; another begins where one waits.

An answer is work for one processor while it waits for nothing: two at once on one interpreter take longer than one after
the other, both of them, since they hand its lock to and fro (measured: a third of the rate at saturation, record 38). One
that takes long waits for something, so the next need not wait for it. Those that wait meanwhile are answered together, a
few at once: much of an answer's work is the same for one and for four (record 45).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple

#: Answers under way at once, at most.
MOST: Final = 4
#: Requests answered together, at most.
TOGETHER: Final = 8
#: Seconds after which an answer under way is taken to wait; half of it for each that is answered with it.
PATIENCE: Final = 0.01

#: Gives an outcome for each of some requests.
Function = Callable[[Sequence[Any]], Sequence[Any]]


class _Job(NamedTuple):
    future: asyncio.Future[Any]
    function: Function
    item: Any
    since: float


def _unheard(seconds: float) -> None:
    """Nobody asks how long a function waited."""


class Lanes:
    """Runs functions for the event loop, on whose thread alone it is called. ``waited`` is told the seconds from `run`
    to the beginning of each item, on the thread that runs it.
    """

    def __init__(
        self, most: int = MOST, together: int = TOGETHER, patience: float = PATIENCE,
        waited: Callable[[float], None] = _unheard,
    ) -> None:  # fmt: skip
        self._waited, self._together = waited, together
        self._threads = [ThreadPoolExecutor(1, thread_name_prefix="heptad-answer") for _ in range(most)]
        #: those that have nothing to do, the last one to return at the end: the next answer finds its memory in the caches
        self._idle = list(self._threads)
        self._patience = patience
        self._waiting: deque[_Job] = deque()
        #: the first of each call that has not returned and that the next one waits for
        self._awaited: set[asyncio.Future[Any]] = set()

    def run(self, function: Function, item: Any) -> asyncio.Future[Any]:
        """What the function gives for the item, once it is its turn; one that is cancelled before is left out.

        Items of one function that wait one after the other are given to it together.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(future, function, item, time.perf_counter()))
        self._next()
        return future

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        while self._waiting and not self._awaited and self._idle:
            jobs = self._taken()
            if not jobs:
                continue
            loop, first, thread = asyncio.get_running_loop(), jobs[0].future, self._idle.pop()
            self._awaited.add(first)
            patience = self._patience * (1 + len(jobs)) / 2
            timer = loop.call_later(patience, self._await_no_more, first)
            thread.submit(self._work, loop, jobs, timer, thread)

    def _taken(self) -> list[_Job]:
        """The next that wait for one function; none where nobody waits for them any more."""
        jobs: list[_Job] = []
        while self._waiting and len(jobs) < self._together:
            if jobs and self._waiting[0].function != jobs[0].function:
                break
            job = self._waiting.popleft()
            if not job.future.cancelled():
                jobs.append(job)
        return jobs

    def _await_no_more(self, future: asyncio.Future[Any]) -> None:
        self._awaited.discard(future)
        self._next()

    def _work(
        self, loop: asyncio.AbstractEventLoop, jobs: list[_Job], timer: asyncio.TimerHandle, thread: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        """On that thread."""
        now = time.perf_counter()
        for job in jobs:
            self._waited(now - job.since)
        try:
            outcomes = jobs[0].function([job.item for job in jobs])
            set_outcomes = partial(_set_results, list(zip(jobs, outcomes, strict=True)))
        except BaseException as error:
            set_outcomes = partial(_set_error, jobs, error)
        loop.call_soon_threadsafe(self._returned, jobs[0].future, timer, thread, set_outcomes)

    def _returned(
        self, first: asyncio.Future[Any], timer: asyncio.TimerHandle, thread: ThreadPoolExecutor,
        set_outcomes: Callable[[], None],
    ) -> None:  # fmt: skip
        timer.cancel()
        self._idle.append(thread)
        set_outcomes()
        self._await_no_more(first)


def _set_results(outcomes: Sequence[tuple[_Job, Any]]) -> None:
    for job, outcome in outcomes:
        if not job.future.cancelled():
            job.future.set_result(outcome)


def _set_error(jobs: Sequence[_Job], error: BaseException) -> None:
    for job in jobs:
        if not job.future.cancelled():
            job.future.set_exception(error)
