"""Which records of the log count, decided one by one in log order: decision record 4, incrementally.

The rules are those of the oracle's admission. Everything here is a function of the records judged so far,
so that a restart from a committed state, or from the start of the log, decides alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from heptad.errors import StateError
from heptad.plan.batch import TIMELESS, Logged, fingerprint
from heptad.plan.nodes import Plan, StreamPlan
from heptad.state.keys import encode
from heptad.state.store import Saved


class Verdict(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"  #: counts, now or when the clock reaches it
    LATE = "late"  #: older than the frontier less the stream's lateness
    FUTURE = "future"  #: dated further ahead of its arrival than the stream allows: a dead letter
    DUPLICATE = "duplicate"  #: the id and the payload of an earlier record
    CONFLICT = "conflict"  #: the id of an earlier record and another payload: a dead letter


class Changes(NamedTuple):
    """What `Admission` would save: the fields of a `Commit` and of its meta that are its own."""

    frontier: int | None
    pending_from: int | None
    ids_added: dict[tuple[str, bytes], tuple[int, int]]
    ids_dropped: list[tuple[str, bytes]]
    pending_added: dict[int, tuple[int, bytes]]
    pending_dropped: list[int]


class Admission:
    """The judge of one log. Use it so, for each record: `advance` to its arrival, then `judge` it.

    ``frontier`` is the highest time among accepted records that the clock has reached (None before the first).
    """

    def __init__(self, plan: Plan, saved: Saved | None = None) -> None:
        self._streams = {stream.name: stream for stream in plan.streams}
        self._ids: dict[tuple[str, bytes], tuple[int, int]] = dict(saved.ids) if saved else {}
        self._expiry: dict[str, list[tuple[int, bytes]]] = {name: [] for name in self._streams}
        for (stream, id_), (time, _) in self._ids.items():
            self._expiry[stream].append((time, id_))
        for heap in self._expiry.values():
            heapq.heapify(heap)
        self._pending: dict[int, tuple[int, bytes]] = dict(saved.pending) if saved else {}
        self._due = [(time, offset) for offset, (time, _) in self._pending.items()]
        heapq.heapify(self._due)
        self.frontier: int | None = saved.meta.frontier if saved else None
        self.clock: int | None = None
        self._begin()

    @property
    def pending_from(self) -> int | None:
        """The least event time still pending; None for none."""
        return self._due[0][0] if self._due else None

    def advance(self, clock: int) -> list[tuple[int, bytes]]:
        """Move the clock; (offset, payload) of pending events it has now reached, by (time, offset).

        They are applied before any later record. Raises StateError where the clock would go back.
        """
        if self.clock is not None and clock < self.clock:
            raise StateError(
                "the log's clock", f"an arrival or tick of at least {self.clock}", clock,
                "append with the deployment's clock, which never goes back",
            )  # fmt: skip
        self.clock = clock
        out: list[tuple[int, bytes]] = []
        while self._due and self._due[0][0] <= clock:
            time, offset = heapq.heappop(self._due)
            out.append((offset, self._pending.pop(offset)[1]))
            if offset in self._pending_added:
                del self._pending_added[offset]
            else:
                self._pending_dropped.append(offset)
            self._reach(time)
        return out

    def judge(
        self, stream: StreamPlan, id_: bytes | None, mark: int, time: int, offset: int, payload: bytes
    ) -> Verdict:
        """Decide a record that arrived at ``self.clock``: ``id_`` as `keys.encode` gives it, ``mark`` its fingerprint.

        An accepted record whose time lies after the clock is pending (see `is_pending`): ``payload`` is kept
        and `advance` gives it back when it is due.
        """
        if self.clock is None:
            raise StateError(
                "admission", "advance(arrival) before judge()", "no clock", "advance to the arrival"
            )
        if stream.max_future is not None and time > self.clock + stream.max_future:
            return Verdict.FUTURE
        if (
            self.frontier is not None
            and stream.lateness is not None
            and time < self.frontier - stream.lateness
        ):
            return Verdict.LATE
        if id_ is not None:
            earlier = self._ids.get((stream.name, id_))
            if earlier is not None:
                return Verdict.DUPLICATE if earlier[1] == mark else Verdict.CONFLICT
            self._remember(stream.name, id_, time, mark)
        if time > self.clock:
            self._pending[offset] = self._pending_added[offset] = time, payload
            heapq.heappush(self._due, (time, offset))
        else:
            self._reach(time)
        return Verdict.ACCEPTED

    def is_pending(self, offset: int) -> bool:
        """Whether the accepted record at this offset still waits for the clock."""
        return offset in self._pending

    def changes(self) -> Changes:
        """Everything that changed since the last call; call it once per commit."""
        found = Changes(
            self.frontier, self.pending_from, self._ids_added, list(self._ids_dropped),
            self._pending_added, self._pending_dropped,
        )  # fmt: skip
        self._begin()
        return found

    def _begin(self) -> None:
        self._ids_added: dict[tuple[str, bytes], tuple[int, int]] = {}
        self._ids_dropped: dict[tuple[str, bytes], None] = {}
        self._pending_added: dict[int, tuple[int, bytes]] = {}
        self._pending_dropped: list[int] = []

    def _remember(self, stream: str, id_: bytes, time: int, mark: int) -> None:
        self._ids[stream, id_] = self._ids_added[stream, id_] = time, mark
        self._ids_dropped.pop((stream, id_), None)
        heapq.heappush(self._expiry[stream], (time, id_))

    def _reach(self, time: int) -> None:
        """The frontier after an applied event at ``time``; ids out of lateness are forgotten."""
        if self.frontier is not None and time <= self.frontier:
            return
        self.frontier = time
        for name, heap in self._expiry.items():
            lateness = self._streams[name].lateness
            while heap and lateness is not None and heap[0][0] < time - lateness:
                key = name, heapq.heappop(heap)[1]
                del self._ids[key]
                self._ids_added.pop(key, None)
                self._ids_dropped[key] = None  # an earlier commit may hold it


class Facts(NamedTuple):
    """What admission needs of a row: its id as bytes (None without one), its fingerprint and its time."""

    id: bytes | None
    mark: int
    time: int


def facts(stream: StreamPlan, row: Mapping[str, Any]) -> Facts:
    """The facts of a checked row (see `Schema.parse`)."""
    time = TIMELESS if stream.time is None else int(row[stream.time.name])
    if stream.key is None:
        return Facts(None, 0, time)
    return Facts(encode((row[stream.key.name],)), fingerprint(row, stream), time)


def admit(plan: Plan, records: Sequence[Logged]) -> list[Verdict]:
    """The verdict of each record of a log, from its beginning."""
    admission, streams = Admission(plan), {stream.name: stream for stream in plan.streams}
    out = []
    for record in records:
        stream = streams[record.stream]
        admission.advance(record.arrival)
        out.append(admission.judge(stream, *facts(stream, record.row), record.offset, b""))
    return out
