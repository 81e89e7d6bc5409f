"""Ingest on a disk that forgets what was not synced: what was acknowledged counts once, whenever the power fails.

The power fails at a drawn write or sync of the log or of the dead letters. The store is one whose commits are
durable (its own crashes are its contract suite's), one that forgets a part of its last commits, and one that
forgets everything: the state may be behind the log, and never covers more than the log holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ingest_child import EPOCH, PLAN, USERS, sale

from heptad.errors import StateError
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import column_of
from heptad.state.admission import Verdict
from heptad.state.store import Commit
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.compare import differences
from heptad.testing.faults import FaultyFiles
from heptad.times import SECOND

INSTANTS = 200 if "HEPTAD_LONG" in os.environ else 60
REQUESTS: list[dict[str, Any]] = [
    {"sale": 0, "user": user, "item": f"i{user}", "amount": None} for user in range(USERS)
]


class PowerFailure(OSError):
    """The instant at which the test cuts the power."""


class Mains(FaultyFiles):
    """A disk whose power fails at the nth write or sync from now."""

    left = 1 << 60

    def _tick(self) -> bool:
        self.left -= 1
        return self.left < 0

    def before_write(self, data: bytes) -> bytes:
        return data[: len(data) // 3] if self._tick() else super().before_write(data)

    def sync(self, path: Path, commit: Callable[[], None]) -> None:
        if self._tick():
            raise PowerFailure
        commit()


class Forgetful(MemoryStore):
    """A store whose commits since the last durable one can be lost with the power."""

    def __init__(self, state_hash: str) -> None:
        super().__init__(state_hash)
        self.commits: list[Commit] = []

    def commit(self, change: Commit) -> None:
        if change.filled is not None:
            records = {(group, key): record for group, key, record in change.filled.records()}
            change = replace(change, records=records, values_added=list(change.values_added), filled=None)
        super().commit(change)
        self.commits.append(change)

    def after(self, kept: int) -> Forgetful:
        """The store with its first commits only."""
        store = Forgetful(self.saved().meta.state_hash)
        for change in self.commits[:kept]:
            store.commit(change)
        return store


def durable(store: Forgetful, rng: Random) -> Forgetful:
    return store


def lagging(store: Forgetful, rng: Random) -> Forgetful:
    return store.after(rng.randint(max(0, len(store.commits) - 5), len(store.commits)))


def lost(store: Forgetful, rng: Random) -> Forgetful:
    return store.after(0)


class Shop:
    """One deployment through many lives, and what it acknowledged."""

    def __init__(self, seed: int, files: Mains) -> None:
        self.rng, self.files, self.store = Random(seed), files, Forgetful(PLAN.state_hash)
        self.acknowledged: dict[int, dict[str, Any]] = {}
        self.clock = ReplayClock(EPOCH)
        self.open()

    def open(self) -> None:
        self.log = Log.open("/shop/log", files=self.files, segment_bytes=700)
        self.letters = DeadLetters.open("/shop/dead", self.files)
        assert self.store.saved().meta.offsets[0] <= self.log.end, "the state covers what the log lost"
        self.appender, self.applier = Ingest.open(PLAN, self.log, self.store, self.clock, self.letters)
        self.applier.fill = self.rng.choice(
            (1, 1 << 60)
        )  # an empty state is filled in one pass, or in commits

    def live(self) -> None:
        """Post and apply until the power fails."""
        rng = self.rng
        while True:
            rows = [sale(self.log.end + i, rng) for i in range(rng.choice((1, 2, 5)))]
            offsets = self.appender.append("Sale", rows)
            self.acknowledged.update(zip(offsets, rows, strict=True))
            self.clock.advance_to(EPOCH + self.log.end * SECOND)
            if rng.random() < 0.6:
                self.applier.batch = rng.choice((1, 4, 100))
                self.applier.apply(rng.choice((None, 1, 6)))

    def fail(self, store_after: Callable[[Forgetful, Random], Forgetful]) -> None:
        """Live until the power fails at some write or sync, then start again with what is left."""
        self.files.left = self.rng.randrange(40)
        with pytest.raises(StateError) as caught:
            self.live()
        assert isinstance(caught.value.__cause__, OSError)
        self.files.left = 1 << 60
        self.files.crash(self.rng)
        self.store = store_after(self.store, self.rng)
        self.open()

    def check(self) -> None:
        """All that was acknowledged is in the log, and after catching up counts once."""
        records = Codec(PLAN).logged(self.log.read_columns(0))
        for offset, row in self.acknowledged.items():
            assert records[offset].row == row
        self.applier.apply()
        self.clock.advance_to(self.clock.now() + 60 * SECOND)
        self.applier.tick()
        oracle = Oracle(PLAN, records)
        columns = {f.name: column_of([r[f.name] for r in REQUESTS], f.kind) for f in PLAN.request}
        answer = Reader(PLAN, self.store, self.clock).read(columns, len(REQUESTS))
        assert (answer.t, answer.offsets) == (self.clock.now(), {0: len(records)})
        for i, request in enumerate(REQUESTS):
            got = {name: values.tolist()[i] for name, values in answer.values.items()}
            assert differences(oracle.read(request, answer.t, len(records)), got) == []
        accepted = [
            r.row["sale"] for r, v in zip(records, oracle.verdicts, strict=True) if v == Verdict.ACCEPTED
        ]
        assert answer.values["count_all"].sum() == len(accepted) == len(set(accepted))
        refused = [i for i, v in enumerate(oracle.verdicts) if v in ("late", "future", "conflict")]
        assert [letter.offset for letter in self.letters.letters()] == refused


@pytest.mark.parametrize("store_after", [durable, lagging, lost])
def test_nothing_acknowledged_is_lost_or_counted_twice_by_a_power_failure(
    store_after: Callable[[Forgetful, Random], Forgetful],
) -> None:
    for seed in range(INSTANTS // 5):
        shop = Shop(seed, Mains())
        for _ in range(5):
            shop.fail(store_after)
        shop.check()
        assert len(shop.acknowledged) > 5


class NoSync(Mains):
    """A disk on which the log's segments are never synced: what the test must find."""

    def sync(self, path: Path, commit: Callable[[], None]) -> None:
        super().sync(path, (lambda: None) if path.suffix == ".log" else commit)


def test_the_test_finds_a_missing_sync() -> None:
    broken = 0
    for seed in range(20):
        shop = Shop(seed, NoSync())
        try:
            for _ in range(5):
                shop.fail(durable)
            shop.check()
        except (AssertionError, StateError, IndexError):
            broken += 1
    assert broken > 15
