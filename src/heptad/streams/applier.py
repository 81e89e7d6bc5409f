"""The applier: records of the log become states in a store, each once, in atomic steps.

One step reads some records, decides which count (`state.admission`), merges those into the records of their
keys, and commits states, ids, pending events and the offset reached together. A crash anywhere leaves the
last commit, from which the same records give the same state; batches of any size give the same state.
Only records that the log has acknowledged are applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.plan.batch import Batch
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import Plan
from heptad.state.absorb import absorb
from heptad.state.admission import VERDICTS, Changes, Verdict
from heptad.state.fill import Filled
from heptad.state.layout import layouts_of
from heptad.state.store import Commit, Meta, Store, other_plan
from heptad.state.tallies import writer_of
from heptad.streams.clock import Clock
from heptad.streams.dead_letters import DeadLetter, DeadLetters
from heptad.streams.decide import Decider, Refused, by_stream
from heptad.streams.log import Log, Runs
from heptad.streams.policy import BYTES, FILL, FILL_MOST, ROWS
from heptad.times import format_instant


class Applied(NamedTuple):
    """What one call did. ``counts``: records per verdict; ``events``: how many events entered the state
    (fewer where some wait for the clock, more where it reached earlier ones); ``meta`` the state's afterwards.
    """

    counts: Mapping[Verdict, int]
    events: int
    meta: Meta

    @property
    def records(self) -> int:
        """How many records of the log were decided."""
        return sum(self.counts.values())


class Step(NamedTuple):
    """One commit about to be made: from one state to the next, the verdicts of the records in between in the
    order of their offsets, and the events that enter the state, a batch per stream.
    """

    before: Meta
    after: Meta
    verdicts: Sequence[Verdict]
    entered: Sequence[Batch]


class Applier:
    """Applies one log to one store. ``clock`` is the deployment's; beside a busy appender, the appender itself.

    ``watch`` is called with each step just before its commit, so that whoever sees the new state finds what was
    made of it; a step whose commit fails is decided again from ``before``.
    Raises StateError where the store's state is of another plan or of another, longer log.
    """

    def __init__(
        self, plan: Plan, log: Log, store: Store, clock: Clock, dead_letters: DeadLetters | None = None,
        *, batch: int = ROWS, watch: Callable[[Step], None] | None = None,
    ) -> None:  # fmt: skip
        self._watch = watch
        self._plan, self._log, self._store, self._clock = plan, log, store, clock
        self._dead_letters = dead_letters
        self.batch = batch  #: the most records of one commit
        self.fill = FILL  #: the least records that an empty state is filled with in one pass
        self._layouts = layouts_of(plan)
        self._load()

    @property
    def meta(self) -> Meta:
        """What the store's state covers."""
        return self._meta

    @property
    def behind(self) -> int:
        """Records that are in the log and not applied."""
        return self._log.end - self._next

    def apply(self, limit: int | None = None) -> Applied:
        """Apply what the log holds, at most ``limit`` records; then, with none left, what the clock has passed."""
        self._recover()
        now = self._clock.now()  # taken before the log's end: what arrived before now is in the log
        end = self._log.end
        stop = end if limit is None else min(end, self._next + limit)
        counts: Counter[Verdict] = Counter()
        events = 0
        if self._next == 0 and self._meta.frontier is None and stop >= self.fill:
            to = min(stop, FILL_MOST)
            counts, events = self._fill(to, now if to == end else None)
        while self._next < stop:
            records = self._log.read_runs(self._next, min(stop, self._next + self.batch), most=BYTES)
            some, came = self._step(records, now if records.end == end else None)
            counts += some
            events += came
        if stop == end:
            events += self._step(self._none(), now)[1]
        return Applied(counts, events, self._meta)

    def tick(self) -> Applied:
        """Apply pending events that the clock has passed, and no record of the log."""
        self._recover()
        now = self._clock.now()
        if self._next < self._log.end:  # its arrival comes first
            now = min(now, int(self._log.read_columns(self._next, self._next + 1).arrivals[0]))
        return Applied(Counter(), self._step(self._none(), now)[1], self._meta)

    def doubt(self) -> None:
        """Look at the store anew before the next step: what it held may be lost, and is rebuilt then."""
        self._sound = False

    def _recover(self) -> None:
        """Begin again from the store where a step failed half-way: memory may be ahead of it, or behind."""
        if not self._sound:
            self._load()

    def _load(self) -> None:
        saved = self._store.saved()
        self._meta = saved.meta
        self._next = saved.meta.offsets.get(self._log.partition, 0)
        if saved.meta.state_hash != self._plan.state_hash:
            raise other_plan("the store's state", self._plan.state_hash, saved.meta.state_hash)
        check_covered(saved.meta, self._log)
        self._decider = Decider(self._plan, saved)
        self._admission = self._decider.admission
        self._dictionary = LocalDictionary({value: code for code, value in enumerate(saved.values)})
        self._values = len(saved.values)
        with self._store.snapshot() as snapshot:
            self._tallies = [(tally, writer_of(tally, snapshot.records)) for tally in self._plan.tallies]
        self._sound = True

    def _none(self) -> Runs:
        """No records."""
        return Runs(self._next, np.empty(0, np.int64), [])

    def _step(self, records: Runs, now: int | None) -> tuple[Counter[Verdict], int]:
        """Decide the next records, then move the clock to just before ``now``; one commit."""
        if len(records.arrivals) == 0 and not self._due(now):
            return Counter(), 0
        self._sound = False
        verdicts, entered, refused = self._decider.decide(records, None if now is None else now - 1)
        self._report(refused)
        changes = self._admission.changes()
        return self._commit(verdicts, entered, changes, records.end, self._states(entered, changes.frontier))

    def _fill(self, stop: int, now: int | None) -> tuple[Counter[Verdict], int]:
        """Make a state of the records before ``stop`` where there is none yet: one pass, one commit."""
        self._sound = False
        verdicts, entered, at = list[NDArray[np.uint8]](), list[Batch](), self._next
        while at < stop:
            records = self._log.read_runs(at, min(stop, at + self.batch), most=BYTES)
            at = records.end
            some, came, refused = self._decider.decide(
                records, now - 1 if now is not None and at == stop else None
            )
            self._report(refused)
            verdicts.append(some)
            entered += came
        whole, changes = by_stream(entered), self._admission.changes()
        filled = None
        if changes.frontier is not None:
            filled = Filled(self._layouts, whole, self._dictionary, changes.frontier)
        return self._commit(np.concatenate(verdicts), whole, changes, stop, {}, filled)

    def _report(self, refused: Sequence[Refused]) -> None:
        """Dead letters come before the commit, which is what says that they were dealt with."""
        if refused and self._dead_letters is not None:
            self._dead_letters.add([letter_of(record) for record in refused])

    def _commit(
        self, verdicts: NDArray[np.uint8], entered: Sequence[Batch], changes: Changes, end: int,
        states: Mapping[tuple[int, bytes], bytes], filled: Filled | None = None,
    ) -> tuple[Counter[Verdict], int]:  # fmt: skip
        late = Fresh(self._dictionary, self._values)
        fresh = list(late) if filled is None else late
        meta = Meta(
            self._plan.state_hash, changes.frontier, {**self._meta.offsets, self._log.partition: end},
            changes.pending_from,
        )  # fmt: skip
        for tally, counts in self._tallies:
            for batch in entered:
                if batch.stream.name == tally.stream and changes.frontier is not None:
                    column = batch.columns[tally.column]
                    values, times = column.values[column.valid].tolist(), batch.time[column.valid]
                    states = {**states, **counts.add(values, times, changes.frontier)}
        change = Commit(
            meta, states, changes.ids_added, changes.ids_dropped, changes.pending_added,
            changes.pending_dropped, fresh, filled,
        )  # fmt: skip
        if self._watch is not None:
            self._watch(Step(self._meta, meta, [VERDICTS[code] for code in verdicts.tolist()], entered))
        self._store.commit(change)
        self._meta, self._next, self._values, self._sound = meta, end, len(self._dictionary), True
        counted = zip(VERDICTS, np.bincount(verdicts, minlength=len(VERDICTS)).tolist(), strict=True)
        return Counter({verdict: n for verdict, n in counted if n}), sum(map(len, entered))

    def _due(self, now: int | None) -> bool:
        waiting = self._admission.pending_from
        return now is not None and waiting is not None and waiting < now

    def _states(self, entered: Sequence[Batch], frontier: int | None) -> dict[tuple[int, bytes], bytes]:
        """The records of the keys that these events belong to, as they are afterwards."""
        changed: dict[tuple[int, bytes], bytes] = {}
        if frontier is None:
            return changed  # nothing has ever entered
        with self._store.snapshot() as snapshot:
            for batch in entered:
                states = absorb(self._layouts, batch, self._dictionary, snapshot.records, frontier)
                changed = changed | states if changed else states
        return changed


class Fresh(Sequence[Any]):
    """The values that a dictionary has given codes to from one code on, by the time they are asked for."""

    def __init__(self, dictionary: LocalDictionary, first: int) -> None:
        self._dictionary, self._first = dictionary, first

    def __len__(self) -> int:
        return len(self._dictionary) - self._first

    def __getitem__(self, place: Any) -> Any:
        return self._dictionary.values(range(self._first, len(self._dictionary)))[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])


def letter_of(record: Refused) -> DeadLetter:
    """The dead letter of a refused record."""
    match record.verdict:
        case Verdict.FUTURE:
            bound = record.arrival + (record.stream.max_future or 0)
            expected, got = f"a time of at most {_shown(bound)}", _shown(record.time)
        case Verdict.LATE:
            bound = record.frontier - (record.stream.lateness or 0)
            expected, got = f"a time of at least {_shown(bound)}", _shown(record.time)
        case _:
            expected, got = "the row that came first under this id", "another row"
    return DeadLetter(record.offset, record.stream.name, record.verdict.value, expected, got, record.row)


def check_covered(meta: Meta, log: Log) -> None:
    """Raise StateError where a state covers records that the log does not hold."""
    offset = meta.offsets.get(log.partition, 0)
    if offset > log.end:
        raise StateError(
            "the store's state", f"one of at most {log.end} records, which log {log.path} holds", f"one of {offset}",
            "begin a new state (heptad.streams.ingest.open_state does): it is rebuilt from the log",
        )  # fmt: skip


def _shown(time: int) -> str:
    try:
        return format_instant(time)
    except OverflowError:
        return f"{time} microseconds"
