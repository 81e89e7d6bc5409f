"""What time it is: the wall's time or a replay's; the only place in heptad that reads the wall clock."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A deployment's clock. ``now`` is int64 microseconds UTC."""

    def now(self) -> int: ...


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
