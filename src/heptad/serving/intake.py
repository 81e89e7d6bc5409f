"""The way in for events: into the log and the states of this process, or of the one process that appends."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from heptad.errors import StateError
from heptad.plan.nodes import Plan
from heptad.serving.mending import Mending
from heptad.serving.rehearsal import rehearse
from heptad.serving.writer import Posted, Writer
from heptad.state.store import Store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import Clock, Moving
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log


class Standing(msgspec.Struct, frozen=True):
    """How far the states are: ``lag`` is records in the log and not in the states, ``problem`` what stops them."""

    frontier: int | None
    pending_from: int | None
    offsets: dict[int, int]
    lag: int
    problem: str | None


class Intake(Protocol):
    """Takes checked rows; a post's future is done once the next read sees them."""

    def post(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[Posted]:
        """Log and apply rows, all or none. Raises StateError where the intake is ending."""
        ...

    def warm(self) -> None:
        """Load all that a post needs; call it before the first one is let in."""
        ...

    def doubt(self) -> None:
        """Tell that a read of the store has failed."""
        ...

    def standing(self) -> Standing: ...

    def close(self) -> None:
        """Finish what was posted, and accept nothing more; closing twice is fine."""
        ...


class LocalIntake:
    """The log and the states of this process, which is the only one that appends. It closes the log at the end.

    With a clock that can be moved (`Moving`) a posted event that is ahead of it moves it to its time. A log whose
    disk has failed is opened again, and all that is derived from it made anew, until the disk is mended.
    """

    def __init__(
        self, plan: Plan, log: Log, store: Store, clock: Clock, dead_letters: DeadLetters | None = None
    ) -> None:
        self._plan, self._log, self._store = plan, log, store
        self._clock, self._moved = clock, clock if isinstance(clock, Moving) else None
        self._dead_letters = dead_letters
        self._writer = self._begun()
        self._mending = Mending(self._mend, "heptad-mend-log")
        self._closing = threading.Lock()
        self._open = True

    def post(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[Posted]:
        with self._closing:  # so that the end comes before a post or after it
            if not self._open:
                raise StateError(
                    "service", "one that accepts events", "one that is ending", "post again in a moment"
                )
            if self._log.failed:
                self._mending.ask()
            of = self._plan.stream(stream)
            if self._moved is not None and of.time is not None and not of.is_table:
                self._moved.advance_to(max(row[of.time.name] for row in rows))
            return self._writer.post(stream, rows)

    def warm(self) -> None:
        rehearse(self._plan)

    def doubt(self) -> None:
        self._writer.doubt()

    def standing(self) -> Standing:
        meta, failure = self._writer.applier.meta, self._writer.failure
        problem = None if failure is None else f"{type(failure).__name__}: {failure}"
        if self._log.failed:
            self._mending.ask()
            problem = "the log's disk has failed: it is opened again every second"
        return Standing(
            meta.frontier, meta.pending_from, dict(meta.offsets), self._writer.applier.behind, problem
        )

    def close(self) -> None:
        with self._closing:
            if not self._open:
                return
            self._open = False
        self._mending.end()
        self._writer.close()
        self._log.close()
        if self._dead_letters is not None:
            self._dead_letters.close()

    def _begun(self) -> Writer:
        with self._store.snapshot() as snapshot:
            floor = snapshot.meta.frontier
        log, store, letters = self._log, self._store, self._dead_letters
        appender = Appender(self._plan, log, self._clock, floor=floor)
        return Writer(appender, lambda watch: Applier(self._plan, log, store, appender, letters, watch=watch))

    def _mend(self) -> None:
        """Open the log again; the appender and the applier may be ahead of what is on disk, so they go too."""
        self._writer.close()
        self._log = self._log.reopened()
        self._writer = self._begun()
