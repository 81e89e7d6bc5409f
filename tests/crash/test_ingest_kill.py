"""kill -9 in the middle of ingest: every acknowledged sale is in the log once, and counts exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from ingest_child import BORN, DEAD, EPOCH, MESSAGE, PLAN, USERS, opened

from heptad.online.reader import Answer, Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged, column_of
from heptad.state.open import discard_state
from heptad.streams.clock import ReplayClock
from heptad.streams.payload import Codec
from heptad.testing.compare import differences
from heptad.testing.servers import redis_state

INSTANTS = 200 if "HEPTAD_LONG" in os.environ else 50
REQUESTS = [{"sale": 0, "user": user, "item": f"i{user}", "amount": None} for user in range(USERS)]


@pytest.fixture(params=["embedded", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the state is: on this disk, or at a server that lives on."""
    if request.param == "embedded":
        yield f"embedded:{tmp_path / 'state'}"
    else:
        with redis_state() as url:
            yield url


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_counted_twice_by_kill_9(tmp_path: Path, url: str) -> None:
    rng = random.Random(20240229)
    acknowledged: dict[int, tuple[int, int]] = {}
    behind = 0
    script = [sys.executable, str(Path(__file__).with_name("ingest_child.py")), str(tmp_path), url]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(INSTANTS):
            if rng.random() < 0.4:  # the state is a checkpoint: without it a child begins with a backfill
                discard_state(url)
            process.stdin.write(b"x")
            process.stdin.flush()
            kill_one(process.stdout, rng, acknowledged)
            behind += check(tmp_path, url, acknowledged) > 0
        process.stdin.close()
    assert len(acknowledged) > 20 * INSTANTS
    assert behind > INSTANTS // 3, "the state often had to catch up"


def kill_one(messages: IO[bytes], rng: random.Random, acknowledged: dict[int, tuple[int, int]]) -> None:
    """Let a child acknowledge a drawn number of sales, spin for a drawn while, kill it, note all it said."""
    born, pid, _ = receive(messages)
    assert born == BORN
    for _ in range(rng.choice((0, 1, rng.randrange(10), rng.randrange(50), rng.randrange(300)))):
        note(receive(messages), acknowledged)
    for _ in range(rng.randrange(200_000)):  # some milliseconds: several commits
        pass
    os.kill(pid, signal.SIGKILL)
    while (message := receive(messages))[0] != DEAD:
        note(message, acknowledged)


def receive(messages: IO[bytes]) -> tuple[int, int, int]:
    first, second, third = MESSAGE.unpack(messages.read(MESSAGE.size))
    return first, second, third


def note(message: tuple[int, int, int], acknowledged: dict[int, tuple[int, int]]) -> None:
    offset, sale, time = message
    assert offset >= 0, "the child died before it was killed"
    assert offset not in acknowledged, "an offset was given twice"
    acknowledged[offset] = sale, time


def check(directory: Path, url: str, acknowledged: dict[int, tuple[int, int]]) -> int:
    """The log has it all; the state is the oracle's as it was left, and after it caught up. Records it was behind."""
    clock = ReplayClock(EPOCH)
    log, store, (_, applier), letters = opened(directory, url, clock)
    try:
        records = Codec(PLAN).logged(log.read_columns(0))
        for offset, (sale, time) in acknowledged.items():
            assert (records[offset].row["sale"], records[offset].row["ts"]) == (sale, time)
        oracle = Oracle(PLAN, records)
        behind = applier.behind
        reader = Reader(PLAN, store, clock)
        hold(oracle, read(reader), len(records) - behind)
        applier.apply()
        clock.advance_to(records[-1].arrival + 100_000_000 if records else EPOCH)
        applier.tick()
        hold(oracle, read(reader), len(records))
        counted_once(oracle, records, read(reader))
        refused = [
            i for i, verdict in enumerate(oracle.verdicts) if verdict in ("late", "future", "conflict")
        ]
        assert [letter.offset for letter in letters.letters()] == refused
        return behind
    finally:
        log.close()
        store.close()
        letters.close()


def read(reader: Reader) -> Answer:
    columns = {f.name: column_of([request[f.name] for request in REQUESTS], f.kind) for f in PLAN.request}
    return reader.read(columns, len(REQUESTS))


def hold(oracle: Oracle, answer: Answer, offset: int) -> None:
    assert answer.offsets[0] == offset
    for row, request in enumerate(REQUESTS):
        got = {name: values.tolist()[row] for name, values in answer.values.items()}
        assert differences(oracle.read(request, answer.t, offset), got) == []


def counted_once(oracle: Oracle, records: list[Logged], answer: Answer) -> None:
    """Said without the oracle's sums: no id counts twice, and all that do are in the users' counts."""
    accepted = [
        r.row["sale"] for r, verdict in zip(records, oracle.verdicts, strict=True) if verdict == "accepted"
    ]
    assert answer.values["count_all"].sum() == len(accepted)
    assert len(accepted) == len(set(accepted))
    assert len(accepted) >= len(records) // 2
