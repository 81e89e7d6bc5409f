"""kill -9 at random instants: what was acknowledged is in the log, once, in order, with its bytes."""

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import IO

from log_child import BORN, DEAD, MESSAGE, SEGMENT_BYTES, payload

from heptad.streams.log import Log

INSTANTS = 50


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    rng = random.Random(20240229)
    acknowledged: dict[int, bytes] = {}
    Log.open(tmp_path).close()
    script = [sys.executable, str(Path(__file__).with_name("log_child.py")), str(tmp_path)]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for life in range(INSTANTS):
            process.stdin.write(b"x")
            process.stdin.flush()
            kill_one(process.stdout, life, rng, acknowledged)
            check(tmp_path, acknowledged, readonly=life % 2 == 0)
        process.stdin.close()
    assert len(acknowledged) > 10 * INSTANTS
    assert len(list((tmp_path / "p0").glob("*.log"))) > 10


def kill_one(messages: IO[bytes], life: int, rng: random.Random, acknowledged: dict[int, bytes]) -> None:
    """Let a child acknowledge a drawn number of records, spin for a drawn while, kill it, note all it said."""
    born, pid, _ = receive(messages)
    assert born == BORN
    wanted = rng.choice((0, 0, 1, rng.randrange(10), rng.randrange(100)))
    for _ in range(wanted):
        note(receive(messages), life, acknowledged)
    for _ in range(rng.randrange(50_000)):  # about a millisecond: several syncs
        pass
    os.kill(pid, signal.SIGKILL)
    while (message := receive(messages))[0] != DEAD:
        note(message, life, acknowledged)


def receive(messages: IO[bytes]) -> tuple[int, int, int]:
    offset, thread, number = MESSAGE.unpack(messages.read(MESSAGE.size))
    return offset, thread, number


def note(message: tuple[int, int, int], life: int, acknowledged: dict[int, bytes]) -> None:
    offset, thread, number = message
    assert offset >= 0, "the child died before it was killed"
    assert offset not in acknowledged, "an offset was given twice"
    acknowledged[offset] = payload(life, thread, number)


def check(directory: Path, acknowledged: dict[int, bytes], *, readonly: bool) -> None:
    """All acknowledged records at their offsets; each thread's records contiguous from 0, so none twice."""
    with Log.open(directory, segment_bytes=SEGMENT_BYTES, readonly=readonly) as log:
        found = {record.offset: record.payload for record in log.read(0)}
    assert list(found) == list(range(len(found)))
    assert acknowledged.items() <= found.items()
    numbers = defaultdict[tuple[bytes, bytes], list[int]](list)
    for data in found.values():
        life, thread, number, _ = data.split(b" ")
        numbers[life, thread].append(int(number))
        assert data == payload(int(life), int(thread), int(number))
    assert all(mine == list(range(len(mine))) for mine in numbers.values())
