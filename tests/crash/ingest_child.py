"""A process to kill in the middle of ingest: forks a child per byte on stdin, and the child posts and applies.

Every message on stdout is three int64. A child says (BORN, its pid, 0), then (offset, id, time) for each
acknowledged sale; once it is dead its parent says (DEAD, 0, 0).
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import threading
from pathlib import Path
from random import Random
from typing import Any

import heptad as hp
from heptad.plan.compile import compile_features
from heptad.state.open import open_store
from heptad.state.store import Store
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.times import SECOND

MESSAGE = struct.Struct("<qqq")
BORN, DEAD = -1, -2
SEGMENT_BYTES = 4096
EPOCH = 1_700_000_000 * SECOND
USERS = 7


class Sale(hp.Event, lateness="30s", max_future="20s"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    item: str
    amount: float


PLAN = compile_features(
    hp.Data(
        dynamic=dict(
            count=Sale.per("user").count("30s", "all"),
            total=Sale.per("user").sum("amount", "all"),
            recent=Sale.per("user").last("item", n=5),
            of_item=Sale.per("item").count(),
        )
    ),
    hp.label(Sale),
)


def sale(number: int, rng: Random) -> dict[str, Any]:
    """The sale of a number, about that many seconds after the epoch: now and then too late, or early.

    Sometimes an earlier one is sent again, and sometimes with another amount.
    """
    again = number > 20 and rng.random() < 0.1
    number -= rng.randrange(1, 20) if again else 0
    fixed = Random(number)
    shift = fixed.choice((0, 0, 0, 0, -5, -20, -45, 3, 15, 25))
    amount = fixed.random()
    return {
        "sale": number, "ts": EPOCH + (number + shift) * SECOND, "user": fixed.randrange(USERS),
        "item": f"i{fixed.randrange(9)}", "amount": -amount if again and rng.random() < 0.3 else amount,
    }  # fmt: skip


def say(*message: int) -> None:
    os.write(1, MESSAGE.pack(*message))


def store_at(url: str) -> Store:
    """The store of a URL. An embedded one's syncs are left out: kill -9 does not need them."""
    if url.startswith("embedded:"):
        return EmbeddedStore(url.removeprefix("embedded:"), PLAN.state_hash)
    return open_store(url, PLAN.state_hash)


def opened(directory: Path, url: str, clock: ReplayClock) -> tuple[Log, Store, Ingest, DeadLetters]:
    """What a process opens."""
    log = Log.open(directory / "log", segment_bytes=SEGMENT_BYTES)
    store = store_at(url)
    letters = DeadLetters.open(directory / "dead.jsonl")
    return log, store, Ingest.open(PLAN, log, store, clock, letters), letters


def child(directory: Path, url: str, life: int) -> None:
    say(BORN, os.getpid(), 0)
    rng = Random(life)
    clock = ReplayClock(EPOCH)
    log, _, (appender, applier), _ = opened(directory, url, clock)
    clock.advance_to(EPOCH + log.end * SECOND)  # about a sale a second
    applier.fill = rng.choice((1, 1 << 60))  # an empty state is filled in one pass, or in commits

    def apply_forever() -> None:
        mine = Random(-life)
        while True:
            applier.batch = mine.choice((1, 3, 50))
            applier.apply(mine.choice((None, 1, 7)))
            applier.tick()

    threading.Thread(target=apply_forever, daemon=True).start()
    while True:
        number = log.end
        rows = [sale(number + i, rng) for i in range(rng.choice((1, 1, 3, 20, 70)))]  # 70: a block
        if len(rows) > 20:
            offsets = appender.append("Sale", rows, [clock.now() + i * SECOND for i in range(len(rows))])
        elif rng.random() < 0.5:
            offsets = appender.submit("Sale", rows).result()
        else:
            offsets = appender.append("Sale", rows)
        for offset, row in zip(offsets, rows, strict=True):
            say(offset, row["sale"], row["ts"])
        clock.advance_to(clock.now() + len(rows) * SECOND)


def warm() -> None:
    """Load what the children need once, before they are forked."""
    with tempfile.TemporaryDirectory() as directory, Log.open(directory) as log:
        appender, applier = Ingest.open(PLAN, log, MemoryStore(PLAN.state_hash), ReplayClock(EPOCH))
        appender.append("Sale", [sale(i, Random(i)) for i in range(70)])
        applier.fill = 1
        applier.apply()
        appender.append("Sale", [sale(i, Random(i)) for i in range(70, 75)])
        applier.apply()


if __name__ == "__main__":
    warm()
    for life, _ in enumerate(iter(lambda: os.read(0, 1), b"")):
        pid = os.fork()
        if pid == 0:
            try:
                child(Path(sys.argv[1]), sys.argv[2], life)
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say(DEAD, 0, 0)
