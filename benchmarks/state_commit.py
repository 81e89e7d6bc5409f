"""What one event waits for: a commit of the embedded store, synced and not, and the disk below, idle and beside decisions.

    python benchmarks/state_commit.py [--commits 400] [--pause 20] [--json FILE]

A commit writes twelve records of a state of 200,000, as an event of B6's system does. Synced is what a machine does that says no
boot (record 43). The disk is asked for an fdatasync of 300 bytes, alone and while another thread appends and syncs what a
prediction log does at 165 decisions a second.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from contest import machine, write
from heptad.state.keys import encode
from heptad.state.store import Commit, Meta
from heptad.state.stores import unsynced
from heptad.state.stores.embedded import EmbeddedStore

RECORDS, RECORD_BYTES, EACH = 200_000, 300, 12
DECISION_BYTES, DECISIONS_PER_SECOND, GATHERED = 128 << 10, 165, 0.02


def spread(milliseconds: list[float]) -> dict[str, float]:
    found = {f"p{q}": round(float(np.percentile(milliseconds, q)), 3) for q in (50, 99)}
    return found | {"max": round(max(milliseconds), 3)}


def timed(function: Callable[[int], None], n: int, pause: float) -> dict[str, float]:
    took = []
    for number in range(n):
        begin = time.perf_counter()
        function(number)
        took.append(1e3 * (time.perf_counter() - begin))
        time.sleep(pause)
    return spread(took)


def commits(folder: Path, n: int, pause: float) -> dict[str, float]:
    """Commits in a state of its own."""
    store, draw = EmbeddedStore(folder, "benchmark"), random.Random(3)
    keys = [encode((number,)) for number in range(RECORDS)]
    store.commit(Commit(Meta("benchmark", 0, {0: 0}), {(0, key): bytes(RECORD_BYTES) for key in keys}))

    def one(number: int) -> None:
        records = {(0, key): draw.randbytes(RECORD_BYTES) for key in draw.sample(keys, EACH)}
        store.commit(Commit(Meta("benchmark", number + 1, {0: number + 1}), records))

    try:
        return timed(one, n, pause)
    finally:
        store.close()


def syncs(folder: Path, n: int, pause: float) -> dict[str, float]:
    with (folder / "small").open("wb", buffering=0) as file:

        def one(_: int) -> None:
            file.write(bytes(300))
            os.fdatasync(file.fileno())

        return timed(one, n, pause)


@contextmanager
def decisions(folder: Path) -> Iterator[None]:
    """A thread that writes as a prediction log does."""
    over = threading.Event()

    def writing() -> None:
        payload, owed = os.urandom(DECISION_BYTES), 0.0
        with (folder / "decisions").open("wb", buffering=0) as file:
            while not over.wait(GATHERED):
                owed += GATHERED * DECISIONS_PER_SECOND
                file.write(payload * int(owed))
                owed -= int(owed)
                os.fdatasync(file.fileno())

    thread = threading.Thread(target=writing)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=400)
    parser.add_argument("--pause", type=float, default=20.0, help="milliseconds between two")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    n, pause = given.commits, given.pause / 1e3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"commit, as it is": commits(folder / "a", n, pause)}
        boot, unsynced.BOOT = unsynced.BOOT, folder / "none"  # type: ignore[misc]
        found["commit, synced"] = commits(folder / "b", n, pause)
        unsynced.BOOT = boot  # type: ignore[misc]
        found["fdatasync of 300 bytes"] = syncs(folder, n, pause)
        with decisions(folder):
            found["the same beside decisions"] = syncs(folder, n, pause)
    load = {
        "records": RECORDS,
        "record_bytes": RECORD_BYTES,
        "records_of_a_commit": EACH,
        "pause_ms": given.pause,
    }
    write(
        {"id": "commit", "machine": machine(), "unit": "milliseconds", "load": load, "found": found},
        given.json,
    )


if __name__ == "__main__":
    main()
