"""The applier: records of the log become states in a store, each once, in atomic steps.

One step reads some records, decides which count (`state.admission`), merges those into the records of their
keys, and commits states, ids, pending events and the offset reached together. A crash anywhere leaves the
last commit, from which the same records give the same state; batches of any size give the same state.
Only records that the log has acknowledged are applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from heptad.errors import StateError
from heptad.plan.batch import Logged, batch_of
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import Plan
from heptad.state.absorb import absorb
from heptad.state.admission import Admission, Facts, Verdict, facts
from heptad.state.layout import layouts_of
from heptad.state.store import Commit, Meta, Store, other_plan
from heptad.streams.clock import Clock
from heptad.streams.dead_letters import DeadLetter, DeadLetters
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.times import format_instant

#: Records applied in one commit.
BATCH: Final = 20_000


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
    order of their offsets, and the events that enter the state.
    """

    before: Meta
    after: Meta
    verdicts: Sequence[Verdict]
    entered: Sequence[Logged]


class Applier:
    """Applies one log to one store. ``clock`` is the deployment's; beside a busy appender, the appender itself.

    ``watch`` is called with each step just before its commit, so that whoever sees the new state finds what was
    made of it; a step whose commit fails is decided again from ``before``.
    Raises StateError where the store's state is of another plan or of another, longer log.
    """

    def __init__(
        self, plan: Plan, log: Log, store: Store, clock: Clock, dead_letters: DeadLetters | None = None,
        *, batch: int = BATCH, watch: Callable[[Step], None] | None = None,
    ) -> None:  # fmt: skip
        self._watch = watch
        self._plan, self._log, self._store, self._clock = plan, log, store, clock
        self._dead_letters = dead_letters
        self.batch = batch  #: the most records of one commit
        self._codec, self._layouts = Codec(plan), layouts_of(plan)
        self._streams = {stream.name: stream for stream in plan.streams}
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
        while self._next < stop:
            to = min(stop, self._next + self.batch)
            some, came = self._step(to, now if to == end else None)
            counts += some
            events += came
        if stop == end:
            events += self._step(stop, now)[1]
        return Applied(counts, events, self._meta)

    def tick(self) -> Applied:
        """Apply pending events that the clock has passed, and no record of the log."""
        self._recover()
        now = self._clock.now()
        if self._next < self._log.end:  # its arrival comes first
            now = min(now, int(self._log.read_columns(self._next, self._next + 1).arrivals[0]))
        return Applied(Counter(), self._step(self._next, now)[1], self._meta)

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
        self._admission = Admission(self._plan, saved)
        self._dictionary = LocalDictionary({value: code for code, value in enumerate(saved.values)})
        self._values = len(saved.values)
        self._sound = True

    def _step(self, to: int, now: int | None) -> tuple[Counter[Verdict], int]:
        """Decide the records before offset ``to``, then move the clock to just before ``now``; one commit."""
        if self._next == to and not self._due(now):
            return Counter(), 0
        self._sound = False
        verdicts, letters, entered = self._decide(to)
        if now is not None:
            reached = self._admission.clock  # the last record may have arrived at this very moment
            entered += self._passed(now - 1 if reached is None else max(now - 1, reached))
        if letters and self._dead_letters is not None:
            self._dead_letters.add(letters)  # first, since the commit is what says they were dealt with
        changes = self._admission.changes()
        records = self._states(entered, changes.frontier)
        fresh = self._dictionary.values(range(self._values, len(self._dictionary)))
        meta = Meta(
            self._plan.state_hash, changes.frontier, {**self._meta.offsets, self._log.partition: to},
            changes.pending_from,
        )  # fmt: skip
        change = Commit(
            meta, records, changes.ids_added, changes.ids_dropped, changes.pending_added,
            changes.pending_dropped, fresh,
        )  # fmt: skip
        if self._watch is not None:
            self._watch(Step(self._meta, meta, verdicts, entered))
        self._store.commit(change)
        self._meta, self._next, self._values, self._sound = meta, to, len(self._dictionary), True
        return Counter(verdicts), len(entered)

    def _due(self, now: int | None) -> bool:
        waiting = self._admission.pending_from
        return now is not None and waiting is not None and waiting < now

    def _decide(self, to: int) -> tuple[list[Verdict], list[DeadLetter], list[Logged]]:
        """Verdicts of the records before ``to``, the refused ones, and the events that enter the state."""
        records = self._log.read_columns(self._next, to)
        verdicts: list[Verdict] = []
        letters: list[DeadLetter] = []
        entered: list[Logged] = []
        admission = self._admission
        for record, payload in zip(self._codec.logged(records), records.payloads, strict=True):
            entered += self._passed(record.arrival)
            stream = self._streams[record.stream]
            found = facts(stream, record.row)
            verdict = admission.judge(stream, *found, record.offset, payload)
            verdicts.append(verdict)
            if verdict is Verdict.ACCEPTED:
                if not admission.is_pending(record.offset):
                    entered.append(record)
            elif verdict is not Verdict.DUPLICATE:
                letters.append(self._letter(record, verdict, found))
        return verdicts, letters, entered

    def _passed(self, clock: int) -> list[Logged]:
        """The pending events that the clock has reached."""
        due = self._admission.advance(clock)
        return [Logged(offset, clock, *self._codec.decode(payload, offset)) for offset, payload in due]

    def _states(self, entered: list[Logged], frontier: int | None) -> dict[tuple[int, bytes], bytes]:
        """The records of the keys that these events belong to, as they are afterwards."""
        by_stream: dict[str, tuple[list[Mapping[str, Any]], list[int]]] = {}
        for event in entered:
            rows, offsets = by_stream.setdefault(event.stream, ([], []))
            rows.append(event.row)
            offsets.append(event.offset)
        changed: dict[tuple[int, bytes], bytes] = {}
        if frontier is None:
            return changed  # nothing has ever entered
        with self._store.snapshot() as snapshot:
            for name, (rows, offsets) in by_stream.items():
                batch = batch_of(self._streams[name], rows, offsets)
                changed |= absorb(self._layouts, batch, self._dictionary, snapshot.records, frontier)
        return changed

    def _letter(self, record: Logged, verdict: Verdict, found: Facts) -> DeadLetter:
        stream, frontier = self._streams[record.stream], self._admission.frontier
        match verdict:
            case Verdict.FUTURE:
                bound = record.arrival + (stream.max_future or 0)
                expected, got = f"a time of at most {_shown(bound)}", _shown(found.time)
            case Verdict.LATE:
                bound = (frontier or 0) - (stream.lateness or 0)
                expected, got = f"a time of at least {_shown(bound)}", _shown(found.time)
            case _:
                expected, got = "the row that came first under this id", "another row"
        return DeadLetter(record.offset, record.stream, verdict.value, expected, got, record.row)


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
