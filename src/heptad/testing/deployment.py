"""A deployment in one process over a fake disk, which runs an `Interleaving` and notes every value it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from heptad.online.reader import Reader
from heptad.plan.batch import Logged, column_of
from heptad.plan.nodes import Plan
from heptad.state.store import Commit, Saved, Snapshot, Store
from heptad.streams.appender import Posted
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.faults import FaultyFiles
from heptad.testing.interleavings import Append, Apply, Crash, Fail, Read, Step, Tick, Wait


class Seen(NamedTuple):
    """One row of a read that was answered: at (t, o), these values."""

    request: Mapping[str, Any]
    t: int
    o: int
    values: Mapping[str, Any]


class Died(Exception):
    """The process, in the middle of a commit."""


class _Mortal:
    """A store whose process dies at a commit when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store, self.dies = store, "idle"

    def snapshot(self) -> Snapshot:
        return self._store.snapshot()

    def commit(self, change: Commit) -> None:
        if self.dies == "before":
            raise Died
        self._store.commit(change)
        if self.dies == "after":
            raise Died

    def saved(self) -> Saved:
        return self._store.saved()

    def close(self) -> None:
        self._store.close()


@dataclass
class Deployment:
    """Log, store, clock and both halves of ingest over a fake disk. ``open_store`` opens what a crash leaves."""

    plan: Plan
    start: int
    open_store: Callable[[], Store]
    files: FaultyFiles = field(default_factory=FaultyFiles)
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ReplayClock(self.start)
        self._open()

    def _open(self) -> None:
        self.store = _Mortal(self.open_store())
        self.log = Log.open("/log", files=self.files, segment_bytes=400)
        self.letters = DeadLetters.open(Path("/letters"), self.files)
        self.ingest = Ingest.open(self.plan, self.log, self.store, self.clock, self.letters)
        self.reader = Reader(self.plan, self.store, self.clock)

    def run(self, steps: Iterable[Step]) -> None:
        """Let it all happen, in this order."""
        for step in steps:
            match step:
                case Append(some):
                    self.clock.advance_to(some[-1].arrival)
                    self.ingest.appender.append_all([Posted(post.stream, post.row) for post in some])
                case Apply(limit, batch):
                    self.ingest.applier.batch = batch
                    self.ingest.applier.apply(limit)
                case Wait(microseconds):
                    self.clock.advance_to(self.clock.now() + microseconds)
                case Tick():
                    self.ingest.applier.tick()
                case Read(asked):
                    self._read(asked)
                case Crash():
                    self._crash(step)
                case Fail(when):
                    self._apply_and_die(when)
                    self.store.dies = "idle"

    def records(self) -> list[Logged]:
        """The whole log."""
        return Codec(self.plan).logged(self.log.read_columns(0))

    def close(self) -> None:
        self.log.close()
        self.store.close()

    def _read(self, asked: Sequence[Mapping[str, Any]]) -> None:
        columns = {f.name: column_of([r[f.name] for r in asked], f.kind) for f in self.plan.request}
        answer = self.reader.read(columns, len(asked))
        values = {name: column.tolist() for name, column in answer.values.items()}
        for row, request in enumerate(asked):
            mine = {name: column[row] for name, column in values.items()}
            self.seen.append(Seen(request, answer.t, answer.offsets[0], mine))

    def _crash(self, crash: Crash) -> None:
        self._apply_and_die(crash.during)
        self.files.crash(Random(crash.seed)) if crash.power else self.files.kill()
        self.store.close()
        self.clock = ReplayClock(self.clock.now() - crash.back)
        self._open()

    def _apply_and_die(self, when: str) -> None:
        self.store.dies = when
        if when != "idle":
            with suppress(Died):
                self.ingest.applier.apply()
