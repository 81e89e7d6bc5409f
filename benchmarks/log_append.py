"""Event log: records per second by batch size, and the disk's own floor. Prints JSON.

    python benchmarks/log_append.py [--directory DIR] [--seconds 2] [--json FILE]

The floor is a bare write and fdatasync of the same bytes in the same directory, timed the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

import heptad
from heptad.streams.log import Log

PAYLOAD_BYTES = 100
BATCHES = (1, 100, 10_000)
IN_FLIGHT = 256
ROUNDS = 10


def repeat(step: Callable[[], object], seconds: float) -> list[float]:
    """The seconds of each step, until they are used up."""
    each: list[float] = []
    begin = now = time.perf_counter()
    while now - begin < seconds:
        step()
        each.append(-now + (now := time.perf_counter()))
    return each


def latency(each: list[float]) -> dict[str, float]:
    ranked = sorted(each)
    at = {"p50_us": 0.5, "p99_us": 0.99}
    return {name: round(ranked[int(q * (len(ranked) - 1))] * 1e6, 1) for name, q in at.items()}


def append(directory: Path, batch: int, seconds: float) -> dict[str, Any]:
    """`Log.append` against the floor, in turns, so that a noisy disk disturbs both alike."""
    payloads = [os.urandom(PAYLOAD_BYTES) for _ in range(batch)]
    data = os.urandom(24 + batch * (12 + PAYLOAD_BYTES))
    descriptor = os.open(directory / "floor", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)

    def floor() -> None:
        os.write(descriptor, data)
        os.fdatasync(descriptor)

    each: dict[str, list[float]] = {"floor": [], "log": []}
    with Log.open(directory / "append") as log:
        for _ in range(ROUNDS):
            each["floor"] += repeat(floor, seconds / ROUNDS)
            each["log"] += repeat(lambda: log.append(payloads, 0), seconds / ROUNDS)
    os.close(descriptor)
    os.unlink(directory / "floor")
    shutil.rmtree(directory / "append")
    return {"bytes": len(data)} | {
        name: {
            "records_per_s": round(batch * len(times) / sum(times)),
            "mib_per_s": round(len(data) * len(times) / sum(times) / 2**20, 1),
            **latency(times),
        }
        for name, times in each.items()
    }


def group_commit(directory: Path, seconds: float) -> dict[str, Any]:
    """One producer that keeps `IN_FLIGHT` batches of one record in flight, as that many callers would."""
    waiting: deque[tuple[float, Future[range]]] = deque()
    payload, waits, done = os.urandom(PAYLOAD_BYTES), list[float](), 0
    with Log.open(directory / "group") as log:
        begin = time.perf_counter()
        while (now := time.perf_counter()) - begin < seconds:
            while len(waiting) < IN_FLIGHT:
                waiting.append((now, log.submit([payload], 0)))
            submitted, future = waiting.popleft()
            future.result()
            waits.append(time.perf_counter() - submitted)
            done += 1
        taken = time.perf_counter() - begin
    shutil.rmtree(directory / "group")
    return {
        "in_flight": IN_FLIGHT,
        "records_per_s": round(done / taken),
        **latency(waits),
    }


def reads(directory: Path) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for batch, records in ((1, 50_000), (10_000, 1_000_000)):
        payloads = [os.urandom(PAYLOAD_BYTES) for _ in range(batch)]
        with Log.open(directory / "read") as log:
            for _ in range(records // batch):
                log.append(payloads, 0)
        begin = time.perf_counter()
        log = Log.open(directory / "read")
        opened = time.perf_counter()
        for start in range(0, records, 100_000):
            log.read_columns(start, start + 100_000)
        columns = time.perf_counter()
        for _ in log.read(0):
            pass
        rows = time.perf_counter()
        log.close()
        size = sum(path.stat().st_size for path in (directory / "read" / "p0").iterdir())
        results[f"batches of {batch}"] = {
            "records": records,
            "bytes_per_record": round(size / records, 1),
            "open_ms": round((opened - begin) * 1e3, 1),
            "read_columns_records_per_s": round(records / (columns - opened)),
            "read_records_per_s": round(records / (rows - columns)),
        }
        shutil.rmtree(directory / "read")
    return results


def machine(directory: Path) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [mount for mount in mounts if directory.resolve().is_relative_to(mount[1])]
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "file_system": max(inside, key=lambda mount: len(mount[1]))[2],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "heptad": getattr(heptad, "__version__", "unknown"),
        "commit": commit.stdout.strip(),
        "command": "python " + " ".join(["benchmarks/log_append.py", *sys.argv[1:]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    parser.add_argument("--json", type=Path, help="write the result here too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        here = Path(name)
        result = {
            "machine": machine(here),
            "payload_bytes": PAYLOAD_BYTES,
            "append": {f"batch of {batch}": append(here, batch, arguments.seconds) for batch in BATCHES},
            "group_commit": group_commit(here, arguments.seconds),
            "read": reads(here),
        }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
