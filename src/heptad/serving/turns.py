"""Who answers a request: the pipeline, or the fallback once the deadline has passed; and what is left alone."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Final

from heptad.serving.answer import TOO_SLOW
from heptad.serving.underway import STAGES, Run
from heptad.state.breaker import Breaker

#: The flag of a request that no thread had time for.
QUEUE: Final = "queue"


class Call:
    """What requests that are answered together share: that they are late counts once."""

    def __init__(self) -> None:
        self.late = False


class Turn:
    """One request's turn: the first who takes it answers, before ``until`` (`time.monotonic`, seconds)."""

    def __init__(self, until: float = math.inf) -> None:
        self._taking, self._until = threading.Lock(), until
        self.run: Run | None = None  #: once it has begun
        self.call = Call()

    @property
    def over(self) -> bool:
        """Whether it is too late for an answer."""
        return time.monotonic() >= self._until

    def take(self) -> bool:
        """Whether nobody has taken it before, and it is not too late."""
        return not self.over and self._taking.acquire(blocking=False)


class Slowness:
    """Remembers which stages miss the deadline: one that does so again and again is left alone for a while, so that
    requests do not wait for what will not come. Any number of threads may ask.
    """

    def __init__(self) -> None:
        self._breakers = {stage: Breaker() for stage in STAGES}

    def left_alone(self) -> Mapping[str, str] | None:
        """The flags of a request that is not worth beginning; None where all stages may be tried."""
        for stage, breaker in self._breakers.items():
            if not breaker.allows():
                return _flags(stage)
        return None

    def late(self, turn: Turn) -> Mapping[str, str]:
        """Note a missed deadline; the flags of the answer."""
        if turn.run is None:
            return _flags(QUEUE)
        stage = turn.run.doing
        if not turn.call.late:
            turn.call.late = True
            self._breakers[stage].failed()
        return _flags(stage)

    def in_time(self) -> None:
        """Note a request that was answered by all stages in time."""
        for breaker in self._breakers.values():
            breaker.succeeded()

    @property
    def breakers(self) -> Mapping[str, Breaker]:
        """That of each stage."""
        return self._breakers

    @property
    def states(self) -> dict[str, str]:
        """The state of each stage's breaker that is not closed."""
        return {stage: b.state for stage, b in self._breakers.items() if b.state != "closed"}


def _flags(stage: str) -> Mapping[str, str]:
    return {"fallback": TOO_SLOW, "stage": stage}
