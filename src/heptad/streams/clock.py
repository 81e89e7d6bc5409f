"""What time it is: the wall's time or a replay's; the only place in heptad that reads the wall clock."""

from __future__ import annotations

import mmap
import threading
import time
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """A deployment's clock. ``now`` is int64 microseconds UTC."""

    def now(self) -> int: ...


@runtime_checkable
class Moving(Protocol):
    """A clock that stands still until it is moved."""

    def now(self) -> int: ...

    def advance_to(self, t: int) -> int: ...


class WallClock:
    """The machine's time. It can step back when the machine's clock is set; arrivals in the log do not."""

    def now(self) -> int:
        return time.time_ns() // 1_000


class ReplayClock:
    """Virtual time: it stands still until it is advanced, and never goes back.

    >>> clock = ReplayClock(100)
    >>> clock.advance_to(250), clock.advance_to(200), clock.now()
    (250, 250, 250)
    """

    def __init__(self, start: int) -> None:
        self._now = start
        self._advancing = threading.Lock()

    def now(self) -> int:
        return self._now

    def advance_to(self, t: int) -> int:
        """Move to ``t`` microseconds where that lies ahead; return the time it is afterwards."""
        with self._advancing:
            self._now = max(self._now, t)
            return self._now


class SharedClock:
    """A `ReplayClock` for the processes that are forked after it is made; one of them may advance it."""

    def __init__(self, start: int) -> None:
        self._cell = memoryview(mmap.mmap(-1, 8)).cast("q")  # aligned, so that it is read whole
        self._cell[0] = start

    def now(self) -> int:
        return self._cell[0]

    def advance_to(self, t: int) -> int:
        """As `ReplayClock.advance_to`."""
        self._cell[0] = max(self._cell[0], t)
        return self._cell[0]
