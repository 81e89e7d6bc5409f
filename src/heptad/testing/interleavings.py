"""Interleavings of append, apply, clock, read and crash: drawn, and run against a deployment in one process.

What a run returns is held to the oracle by the parity tests: every value that was read, and the log it was
read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

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
from heptad.testing.dice import Dice
from heptad.testing.faults import FaultyFiles
from heptad.testing.strategies import Post
from heptad.times import SECOND

# -- what can happen


class Append(NamedTuple):
    """Move the clock to the last post's arrival and append them, in one call."""

    posts: tuple[Post, ...]


class Apply(NamedTuple):
    """Apply up to so many records, in commits of ``batch`` (None: all)."""

    limit: int | None
    batch: int


class Wait(NamedTuple):
    """Let time pass."""

    microseconds: int


class Tick(NamedTuple):
    """Let the applier look at the clock."""


class Read(NamedTuple):
    """Read all columns for these requests at once."""

    requests: tuple[Mapping[str, Any], ...]


class Crash(NamedTuple):
    """Every process dies, in the middle of an apply or not, and is started again.

    ``during``: idle, before the commit, or after it and before anyone knows. ``power``: unsynced writes go too.
    ``back``: by how much the clock is found set back.
    """

    during: str
    power: bool
    back: int
    seed: int


class Fail(NamedTuple):
    """An apply whose commit fails, before it is made or after, and the process lives on."""

    when: str


Step = Append | Apply | Wait | Tick | Read | Crash | Fail

_WAITS: Final = (
    1,
    499_999,
    500_000,
    SECOND - 1,
    SECOND - 1,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    8 * SECOND,
    40 * SECOND,
)
_SORTS: Final = "append", "apply", "read", "wait", "tick", "crash", "fail"
_WEIGHTS: Final = 12, 6, 8, 4, 2, 2, 1


class Interleaving(NamedTuple):
    """A plan, and what happens to its deployment, which begins at an instant."""

    plan: Plan
    start: int
    steps: tuple[Step, ...]


def interleavings(
    aggregations: Sequence[str] | None = None, size: int = 2, most: int = 16
) -> st.SearchStrategy[Interleaving]:
    """One of ``most`` steps or so for every seed; the last two are an apply and a read."""
    return st.integers(0, 2**64 - 1).map(lambda seed: interleaving(seed, aggregations, size, most))


def interleaving(
    seed: int, aggregations: Sequence[str] | None = None, size: int = 2, most: int = 16
) -> Interleaving:
    """The interleaving of a seed."""
    dice = Dice(seed)
    plan = dice.plan(aggregations, size)
    streams = sorted({group.stream for group in plan.groups})
    clock = dice.setting.epoch
    steps: list[Step] = []
    for sort in ("append", *dice.random.choices(_SORTS, _WEIGHTS, k=dice.random.randint(3, most - 3))):
        if sort == "append":
            posts = []
            for _ in range(dice.random.choice((1, 2, 4, 8))):
                posts.append(dice.post(clock, streams))
                clock = posts[-1].arrival
            steps.append(Append(tuple(posts)))
            if dice.random.random() < 0.6:
                steps.append(_other(dice, "apply"))
        else:
            steps.append(_other(dice, sort))
    steps += [Apply(dice.random.choice((None, None, 3)), 1000), _other(dice, "read")]
    return Interleaving(plan, dice.setting.epoch, tuple(steps))


def _other(dice: Dice, sort: str) -> Step:
    pick = dice.random.choice
    match sort:
        case "apply":
            return Apply(pick((None, None, None, 1, 2, 5)), pick((1, 2, 1000)))
        case "read":
            return Read(tuple(dice.request() for _ in range(3)))
        case "wait":
            return Wait(pick(_WAITS))
        case "tick":
            return Tick()
        case "fail":
            return Fail(pick(("before", "after")))
        case _:
            during = pick(("idle", "before", "after"))
            return Crash(during, pick((True, False)), pick((0, 0, SECOND, 60 * SECOND)), pick(range(4)))


def smallest(failing: Interleaving, fails: Callable[[Interleaving], bool]) -> Interleaving:
    """The same failure with every step, post and request left out that it does not need."""
    tried = True
    while tried:
        tried = False
        for less in _less(failing):
            if fails(less):
                failing, tried = less, True
                break
    return failing


def _less(whole: Interleaving) -> Iterator[Interleaving]:
    """All that lack one step, or one post or request of a step."""
    for place, step in enumerate(whole.steps):
        before, after = whole.steps[:place], whole.steps[place + 1 :]
        yield whole._replace(steps=before + after)
        for fewer in _fewer(step):
            yield whole._replace(steps=(*before, fewer, *after))


def _fewer(step: Step) -> Iterator[Step]:
    match step:
        case Append(some) if len(some) > 1:
            yield from (Append(some[:i] + some[i + 1 :]) for i in range(len(some)))
        case Read(asked) if len(asked) > 1:
            yield from (Read(asked[:i] + asked[i + 1 :]) for i in range(len(asked)))


# -- what then happens


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
