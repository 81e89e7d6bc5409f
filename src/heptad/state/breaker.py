"""A circuit breaker (Nygard, Release It!, 2007): what keeps failing is left alone for a while, then tried by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3  #: in a row, before it opens
PAUSE: Final = 0.1  #: seconds for which it is open at first; twice as long after each failed trial
LONGEST: Final = 1.0  #: seconds: what has recovered is found out within them


class Breaker:
    """Closed while things go well; any number of threads may ask.

    >>> now = [0.0]
    >>> breaker = Breaker(timer=lambda: now[0])
    >>> for _ in range(3):
    ...     breaker.failed()
    >>> breaker.allows(), breaker.state
    (False, 'open')
    >>> now[0] = 0.2
    >>> breaker.allows(), breaker.allows()  # one tries, the others wait for what it finds
    (True, False)
    >>> breaker.succeeded()
    >>> breaker.allows(), breaker.state
    (True, 'closed')
    """

    def __init__(
        self, *, failures: int = FAILURES, pause: float = PAUSE, longest: float = LONGEST,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._failures, self._pause, self._longest, self._timer = failures, pause, longest, timer
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._open_for = 0.0  #: seconds; 0 where it is closed
        self._until = 0.0

    @property
    def state(self) -> str:
        """closed, open, or half-open: a trial is due or under way."""
        if not self._open_for:
            return "closed"
        return "open" if self._timer() < self._until else "half-open"

    def allows(self) -> bool:
        """Whether to go ahead. One that is told so while the breaker is open is the trial: it must report."""
        if not self._open_for:
            return True
        with self._lock:
            now = self._timer()
            if not self._open_for:
                return True
            if now < self._until:
                return False
            self._until = now + self._open_for  # a trial that never reports is followed by another
            return True

    def succeeded(self) -> None:
        """It went well: closed again."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row, self._open_for = 0, 0.0

    def failed(self) -> None:
        """It did not: after `FAILURES` in a row it opens, and a trial that fails opens it for longer."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._open_for = min(self._longest, max(self._pause, 2 * self._open_for))
                self._until = self._timer() + self._open_for
