"""Which records of the log count, decided in log order, whole batches at a time: decision record 4.

The rules are those of the oracle's admission. Everything here is a function of the records judged so far,
so that a restart from a committed state, or from the start of the log, decides alike, whatever the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.plan.batch import Batch, Logged, batch_of, fingerprints
from heptad.plan.nodes import Plan
from heptad.state import judging
from heptad.state.ids import WORDS, Blocks, words_of
from heptad.state.store import Saved

Ints = NDArray[np.int64]


class Verdict(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"  #: counts, now or when the clock reaches it
    LATE = "late"  #: older than the frontier less the stream's lateness
    FUTURE = "future"  #: dated further ahead of its arrival than the stream allows: a dead letter
    DUPLICATE = "duplicate"  #: the id and the payload of an earlier record
    CONFLICT = "conflict"  #: the id of an earlier record and another payload: a dead letter


#: Records judged at a time: the ids that a few have met fit into the processor's cache.
STRIDE: Final = 8192

#: The verdict of each code that `Ruling.verdicts` holds.
VERDICTS: Final = tuple(Verdict)


class Docket(NamedTuple):
    """n records that follow each other in the log: ``stream`` is a place among the plan's streams; ``ids`` (n, 2)
    as `ids.words_of` gives them, 0 where the stream has none; ``mark`` the fingerprint where there is an id.
    """

    stream: Ints
    time: Ints
    arrival: Ints
    ids: Ints
    mark: Ints

    @classmethod
    def empty(cls, arrivals: Ints) -> Docket:
        """Records of these arrivals, of which nothing else is known yet: see `enter`."""
        n = len(arrivals)
        return cls(
            np.zeros(n, np.int64), np.zeros(n, np.int64), arrivals, np.zeros((n, 2), np.int64), np.zeros(n, np.int64)
        )  # fmt: skip

    def enter(self, place: int, batch: Batch, first: int) -> None:
        """Note the records of one batch, of the stream at ``place``; ``first`` is the offset of the docket."""
        rows = batch.offset - first
        self.stream[rows], self.time[rows] = place, batch.time
        if batch.stream.key is not None:
            self.ids[rows] = words_of(batch.columns[batch.stream.key.name])
            self.mark[rows] = fingerprints(batch.columns, batch.stream)


class Due(NamedTuple):
    """A pending event that the clock has reached: its offset and the payload kept for it."""

    offset: int
    payload: bytes


class Ruling(NamedTuple):
    """``verdicts`` (n,): codes of `VERDICTS`; ``met`` (n,): the frontier each record met, very low where there was
    none; ``entered``: offsets of these records that enter the state now; ``due``: pending events of earlier ones
    that enter too.
    """

    verdicts: NDArray[np.uint8]
    met: Ints
    entered: Ints
    due: list[Due]


class Changes(NamedTuple):
    """What `Admission` would save: the fields of a `Commit` and of its meta that are its own."""

    frontier: int | None
    pending_from: int | None
    ids_added: dict[tuple[str, int], bytes]
    ids_dropped: list[tuple[str, int]]
    pending_added: dict[int, tuple[int, bytes]]
    pending_dropped: list[int]


class Admission:
    """The judge of one log: give it all records in turn, in batches of any size.

    ``frontier`` is the highest time among accepted records that the clock has reached (None before the first),
    ``clock`` the last arrival or tick.
    """

    def __init__(self, plan: Plan, saved: Saved | None = None) -> None:
        self._names = [stream.name for stream in plan.streams]
        self._lateness = _ints([-1 if s.lateness is None else s.lateness for s in plan.streams])
        self._max_future = _ints([-1 if s.max_future is None else s.max_future for s in plan.streams])
        self._has_id = np.array([s.key is not None for s in plan.streams], np.bool_)
        found = saved.meta.frontier if saved else None
        self._frontier = judging.NEVER if found is None else found
        self.clock: int | None = None
        self._blocks = Blocks(saved.ids if saved else {})
        self._known, self._used = _table(16), 0
        self._remember()
        self._pending = dict(saved.pending) if saved else {}
        self._heap, self._waiting = np.empty((16 + len(self._pending), 2), np.int64), 0
        for offset, (time, _) in self._pending.items():
            judging.push(self._heap, self._waiting, time, offset)
            self._waiting += 1
        self._begin()

    @property
    def frontier(self) -> int | None:
        return None if self._frontier == judging.NEVER else self._frontier

    @property
    def pending_from(self) -> int | None:
        """The least event time still pending; None for none."""
        return int(self._heap[0, 0]) if self._waiting else None

    @property
    def pending(self) -> Mapping[int, tuple[int, bytes]]:
        """The accepted events that wait for the clock: offset -> (event time, payload)."""
        return self._pending

    def judge(
        self, docket: Docket, first: int, payloads: Callable[[Sequence[int]], Sequence[bytes]]
    ) -> Ruling:
        """Decide records ``first``, ``first + 1``, ...; ``payloads`` gives those of offsets that stay pending.

        Raises StateError where the clock would go back.
        """
        rulings = [
            self._judge(Docket(*(column[low : low + STRIDE] for column in docket)), first + low)
            for low in range(0, len(docket.time), STRIDE)
        ]
        if not rulings:
            return Ruling(np.empty(0, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64), [])
        verdicts, met, entered = (np.concatenate(parts) for parts in list(zip(*rulings, strict=True)))
        self._note_ids(docket, verdicts == judging.ACCEPTED)
        earlier = entered < first
        due = self._release(entered[earlier].tolist())
        fresh = first + np.flatnonzero((verdicts == judging.ACCEPTED) & (docket.time > docket.arrival[-1]))
        if len(fresh):
            for offset, payload in zip(fresh.tolist(), payloads(fresh.tolist()), strict=True):
                self._pending[offset] = self._pending_added[offset] = (
                    int(docket.time[offset - first]),
                    payload,
                )
        return Ruling(verdicts, met, entered[~earlier], due)

    def _judge(self, docket: Docket, first: int) -> tuple[NDArray[np.uint8], Ints, Ints]:
        """(verdicts, frontiers met, offsets that entered) of a few records."""
        self._forward(int(docket.arrival[0]))
        self._make_room(len(docket.time))
        verdicts, met, entered, self._frontier, self._waiting, self._used = judging.judge(
            first, *docket, self._lateness, self._max_future, self._has_id, self._frontier, self._heap,
            self._waiting, self._known, self._used,
        )  # fmt: skip
        self.clock = int(docket.arrival[-1])
        return verdicts, met, entered

    def advance(self, clock: int) -> list[Due]:
        """Move the clock; the pending events it has now reached, by (time, offset).

        Raises StateError where the clock would go back.
        """
        self._forward(clock)
        entered = np.empty(self._waiting, np.int64)
        self._waiting, self._frontier, count = judging.release(
            clock, self._heap, self._waiting, self._frontier, entered, 0
        )
        return self._release(entered[:count].tolist())

    def is_pending(self, offset: int) -> bool:
        """Whether the accepted record at this offset still waits for the clock."""
        return offset in self._pending

    def changes(self) -> Changes:
        """Everything that changed since the last call; call it once per commit."""
        met = {name: np.concatenate(rows) for name, rows in self._met.items() if rows}
        oldest = dict(zip(self._names, self._oldest().tolist(), strict=True))
        added, dropped = self._blocks.change(met, oldest)
        found = Changes(
            self.frontier, self.pending_from, added, dropped, self._pending_added, self._pending_dropped
        )
        self._begin()
        return found

    def _begin(self) -> None:
        self._met: dict[str, list[Ints]] = {name: [] for name in self._names}
        self._pending_added: dict[int, tuple[int, bytes]] = {}
        self._pending_dropped: list[int] = []

    def _forward(self, clock: int) -> None:
        if self.clock is not None and clock < self.clock:
            raise StateError(
                "the log's clock", f"an arrival or tick of at least {self.clock}", clock,
                "append with the deployment's clock, which never goes back",
            )  # fmt: skip
        self.clock = clock

    def _oldest(self) -> Ints:
        """Per stream, the least time whose ids are remembered."""
        if self._frontier == judging.NEVER:
            return np.full(len(self._names), judging.NEVER, np.int64)
        return np.where(self._lateness >= 0, self._frontier - self._lateness, judging.NEVER)

    def _release(self, offsets: Sequence[int]) -> list[Due]:
        out = []
        for offset in offsets:
            out.append(Due(offset, self._pending.pop(offset)[1]))
            if offset in self._pending_added:
                del self._pending_added[offset]
            else:
                self._pending_dropped.append(offset)
        return out

    def _note_ids(self, docket: Docket, accepted: NDArray[np.bool_]) -> None:
        oldest = self._oldest()
        keep = accepted & self._has_id[docket.stream] & (docket.time >= oldest[docket.stream])
        for place, name in enumerate(self._names):
            rows = np.flatnonzero(keep & (docket.stream == place))
            if len(rows):
                parts = docket.ids[rows], docket.time[rows, None], docket.mark[rows, None]
                self._met[name].append(np.concatenate(parts, axis=1))

    def _make_room(self, n: int) -> None:
        """Room for n more pending events and n more ids; ids out of lateness go."""
        if self._waiting + n > len(self._heap):
            grown = np.empty((2 * (self._waiting + n), 2), np.int64)
            grown[: self._waiting] = self._heap[: self._waiting]
            self._heap = grown
        if 2 * (self._used + n) > len(self._known):
            oldest = self._oldest()
            fresh = _table(4 * (judging.alive(self._known, oldest) + n))
            self._used = judging.kept(self._known, fresh, oldest)
            self._known = fresh

    def _remember(self) -> None:
        """Take up the saved ids."""
        oldest = self._oldest()
        for place, name in enumerate(self._names):
            rows = self._blocks.rows(name)
            rows = rows[rows[:, 2] >= oldest[place]]
            table = np.full((len(rows), WORDS + 1), place, np.int64)
            table[:, [0, 1, 3, 4]] = rows
            grown = _table(4 * (self._used + len(rows)))
            every = np.full(len(self._names), judging.NEVER, np.int64)
            self._used = judging.kept(self._known, grown, every) + judging.kept(table, grown, every)
            self._known = grown


def _table(least: int) -> Ints:
    table = np.zeros((1 << max(least, 16).bit_length(), WORDS + 1), np.int64)
    table[:, 2] = judging.EMPTY
    return table


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def admit(plan: Plan, records: Sequence[Logged]) -> list[Verdict]:
    """The verdict of each record of a log, from its beginning."""
    docket = docket_of(plan, records)
    ruling = Admission(plan).judge(
        docket, records[0].offset if records else 0, lambda asked: [b""] * len(asked)
    )
    return [VERDICTS[code] for code in ruling.verdicts.tolist()]


def docket_of(plan: Plan, records: Sequence[Logged]) -> Docket:
    """The docket of records that follow each other in the log."""
    docket = Docket.empty(_ints([record.arrival for record in records]))
    for place, stream in enumerate(plan.streams):
        some = [record for record in records if record.stream == stream.name]
        if some:
            batch = batch_of(stream, [r.row for r in some], [r.offset for r in some])
            docket.enter(place, batch, records[0].offset)
    return docket
