"""A state filled in one pass is the state of a replay: every read, what is remembered, and what comes after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.online.reader import Reader
from heptad.plan.batch import column_of
from heptad.plan.nodes import Plan
from heptad.state import fill as filling
from heptad.state.ids import unpacked
from heptad.state.store import Commit, Store
from heptad.state.stores import redis as at_server
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.state.stores.redis import RedisStore
from heptad.streams import appender as appenders
from heptad.streams.appender import Posted
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.testing.compare import differences
from heptad.testing.dice import Dice
from heptad.testing.faults import FaultyFiles
from heptad.testing.servers import redis_state
from heptad.times import SECOND

NEVER = 1 << 60


class Life:
    """A deployment that fills its state from so many records on."""

    def __init__(self, plan: Plan, start: int, fill: int, store: Store | None = None) -> None:
        self.plan, self.clock, files = plan, ReplayClock(start), FaultyFiles()
        self.log = Log.open("/log", files=files, segment_bytes=2_000)
        self.store = store or MemoryStore(plan.state_hash)
        self.letters = DeadLetters.open(Path("/letters"), files)
        self.ingest = Ingest.open(plan, self.log, self.store, self.clock, self.letters)
        self.ingest.applier.fill = fill
        self.ingest.applier.batch = 7

    def post(self, posts: list[Any]) -> None:
        for post in posts:
            self.clock.advance_to(post.arrival)
            self.ingest.appender.append_all([Posted(post.stream, post.row)], [post.arrival])

    def read(self, requests: list[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
        columns = {f.name: column_of([r[f.name] for r in requests], f.kind) for f in self.plan.request}
        answer = Reader(self.plan, self.store, self.clock).read(columns, len(requests))
        values = {name: column.tolist() for name, column in answer.values.items()}
        rows = [{name: column[i] for name, column in values.items()} for i in range(len(requests))]
        return (answer.t, answer.offsets), rows

    def remembered(self) -> Any:
        """What is saved, but for the dictionary and for ids that are out of lateness or cut in other blocks."""
        saved = self.store.saved()
        late = {stream.name: stream.lateness or 0 for stream in self.plan.streams}
        frontier = saved.meta.frontier
        ids = [
            (name, *row)
            for (name, _), block in saved.ids.items()
            for row in unpacked(block).tolist()
            if frontier is None or row[2] >= frontier - late[name]
        ]
        letters = [(letter.offset, letter.reason, letter.expected) for letter in self.letters.letters()]
        return saved.meta, sorted(ids), saved.pending, letters


def lives_are_alike(seed: int, posts: int, store: Callable[[str], Store]) -> None:
    dice = Dice(seed)
    plan, clock, some = dice.plan(), dice.setting.epoch, []
    streams = [stream.name for stream in plan.streams]
    for _ in range(posts):
        some.append(dice.post(clock, streams))
        clock = some[-1].arrival
    cut = dice.random.randint(1, len(some))
    slow, fast = (
        Life(plan, dice.setting.epoch, NEVER),
        Life(plan, dice.setting.epoch, 1, store(plan.state_hash)),
    )
    requests = [dice.request() for _ in range(4)]
    for part in (some[:cut], some[cut:]):
        for life in (slow, fast):
            life.post(part)
            life.clock.advance_to(clock)
            life.ingest.applier.apply()
        assert fast.remembered() == slow.remembered()
        for wait in (0, 1, SECOND, 3600 * SECOND):
            for life in (slow, fast):
                life.clock.advance_to(life.clock.now() + wait)
                life.ingest.applier.tick()
            (expected_at, expected), (at, got) = slow.read(requests), fast.read(requests)
            assert at == expected_at
            for a, b in zip(expected, got, strict=True):
                assert differences(a, b) == []
    fast.store.close()


@given(st.integers(0, 2**32))
def test_a_filled_state_reads_as_the_replayed_one(seed: int) -> None:
    lives_are_alike(seed, 25, MemoryStore)


def test_a_filled_state_on_disk_reads_as_the_replayed_one_and_pieces_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "MOST_WORDS", 40)
    monkeypatch.setattr(filling, "LEAST", 2)
    monkeypatch.setattr(appenders, "BULK", 1)
    for seed in range(12):
        lives_are_alike(seed, 40, lambda name, seed=seed: EmbeddedStore(tmp_path / str(seed), name))  # type: ignore[misc]


def test_a_filled_state_at_a_server_reads_as_the_replayed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_server, "CHUNK", 3)
    monkeypatch.setattr(at_server, "FILL", 5)
    for seed in range(12):
        with redis_state() as url:
            lives_are_alike(seed, 40, lambda name, url=url: RedisStore(url, name))  # type: ignore[misc]


class Dies(MemoryStore):
    """A store whose first commit is lost, half-way or whole."""

    def commit(self, change: Commit) -> None:
        self.commit = super().commit  # type: ignore[method-assign]
        assert change.filled is not None
        next(iter(change.filled.records()), None)
        raise OSError("the process dies")


def test_an_interrupted_fill_leaves_the_old_state_and_is_made_again() -> None:
    dice = Dice(5)
    plan, clock = dice.plan(), dice.setting.epoch
    posts = []
    for _ in range(20):
        posts.append(dice.post(clock, [stream.name for stream in plan.streams]))
        clock = posts[-1].arrival
    dies, straight = (
        Life(plan, dice.setting.epoch, 1, Dies(plan.state_hash)),
        Life(plan, dice.setting.epoch, 1),
    )
    for life in (dies, straight):
        life.post(posts)
    with pytest.raises(OSError, match="dies"):
        dies.ingest.applier.apply()
    assert dies.store.saved().meta.offsets == {0: 0}
    for life in (dies, straight):
        life.ingest.applier.apply()
    assert dies.remembered() == straight.remembered()
    requests = [dice.request() for _ in range(4)]
    assert np.all(
        [
            differences(a, b) == []
            for a, b in zip(dies.read(requests)[1], straight.read(requests)[1], strict=True)
        ]
    )
