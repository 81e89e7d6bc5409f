"""Replay: history posted again in virtual time, so that a read asked at t meets what was known at t.

Nothing sleeps and nothing waits: time moves only by `Replay.advance_to`, and whoever calls it serves requests
in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from heptad.errors import DataError
from heptad.plan.batch import TIMELESS
from heptad.plan.nodes import Plan
from heptad.streams.appender import Appender, Posted
from heptad.streams.applier import Applied, Applier
from heptad.streams.clock import ReplayClock

#: Rows appended in one write, at most.
BATCH: Final = 20_000


class Dated(NamedTuple):
    """A row and when it was posted, microseconds UTC: at its event time, or later where it came late."""

    at: int
    stream: str
    row: Mapping[str, Any]


def history(plan: Plan, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Dated]:
    """Rows of each stream as if each was posted when it was known, in that order; of one time, tables first."""
    dated: list[Dated] = []
    for stream in plan.streams:  # tables come first there
        time = None if stream.time is None else stream.time.name
        known = None if stream.known_at is None else stream.known_at.name
        for row in rows.get(stream.name, ()):
            at = TIMELESS if time is None else row[time]
            dated.append(Dated(at if known is None else max(at, row[known]), stream.name, row))
    return sorted(dated, key=lambda row: row.at)


class Replay:
    """History on its way into a deployment. ``rows`` come in the order they were posted.

    After ``advance_to(t)`` the state holds every row posted before t, none posted at t or later, and a read
    by the replay's clock is a read at t. (Where an event was posted before its time and t has come, it counts
    too.) Use it alone on its deployment: the arrivals it writes are those of the history.
    """

    def __init__(
        self, appender: Appender, applier: Applier, rows: Iterable[Dated], clock: ReplayClock,
        *, batch: int = BATCH,
    ) -> None:  # fmt: skip
        self._appender, self._applier, self._clock, self._batch = appender, applier, clock, batch
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    @property
    def next_at(self) -> int | None:
        """When the next row is posted; None after the last."""
        return None if self._next is None else self._next.at

    def advance_to(self, t: int) -> Applied:
        """Post and apply what was posted before ``t``, then let it be ``t`` microseconds."""
        return self._move(t, t)

    def finish(self) -> Applied:
        """Post and apply all that is left; afterwards it is a microsecond after the last row."""
        return self._move(None, None)

    def stops(self, times: Iterable[int]) -> Iterator[int]:
        """Advance to each of these times in turn and yield it: the caller reads, then asks for the next."""
        for t in times:
            self.advance_to(t)
            yield t

    def _move(self, before: int | None, t: int | None) -> Applied:
        while some := self._due(before):
            now = self._clock.now()
            arrivals = [max(row.at, now) for row in some]
            self._appender.append_all([Posted(row.stream, row.row) for row in some], arrivals)
            self._clock.advance_to(arrivals[-1])
        self._clock.advance_to(self._clock.now() + 1 if t is None else t)
        return self._applier.apply()  # all at once: a long history fills the state in one pass

    def _due(self, before: int | None) -> list[Dated]:
        """The next rows posted before a time, a batch of them at most."""
        some: list[Dated] = []
        while self._next is not None and len(some) < self._batch:
            if before is not None and self._next.at >= before:
                break
            some.append(self._next)
            self._next = next(self._rows, None)
            if self._next is not None and self._next.at < some[-1].at:
                raise DataError(
                    "rows of a replay", "rows in the order they were posted",
                    f"one posted at {self._next.at} after one at {some[-1].at}", "sort them, as history() does",
                )  # fmt: skip
        return some
