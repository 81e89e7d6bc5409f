"""The soak: 20 minutes of B6's load at half the saturating rate, with events ingested, and what drifts meanwhile.

    python benchmarks/soak.py [--minutes 20] [--rate 75] [--event-rate 50] [--serve '--workers 2'] [--json FILE]

Reported: errors and fallbacks, the slope of the server's memory (least squares over samples of RssAnon, the first fifth
left out: caches fill), p99 by windows of 30 seconds, its slope, and each window of the second half against its partner in
the first. All files of the run lie in one temporary folder, whose growth is reported too.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from contest import machine, write
from heptad.run.load.trend import slope
from rank_deployment import bench_serve, cpu_seconds, loaded, memory_mb, prepare, saturation, server

ITEMS, USERS = 5_000, 20_000
WINDOW_SECONDS, SAMPLE_SECONDS, SETTLING = 30, 5.0, 0.2


class Memory(threading.Thread):
    """Samples of a process's memory until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.over = pid, threading.Event()
        self.seconds: list[float] = []
        self.mb: list[float] = []

    def run(self) -> None:
        begin = time.perf_counter()
        while not self.over.wait(SAMPLE_SECONDS):
            self.mb.append(round(memory_mb(self._pid), 1))
            self.seconds.append(time.perf_counter() - begin)

    def summary(self) -> dict[str, Any]:
        first = int(SETTLING * len(self.mb))
        grows = slope(self.seconds[first:], self.mb[first:])
        return {
            "mb_per_hour": round(grows.per_hour, 2), "error": round(grows.error, 2), "samples": len(self.mb) - first,
            "first_mb": self.mb[0], "settled_mb": self.mb[first], "last_mb": self.mb[-1], "most_mb": max(self.mb),
            "each_minute_mb": self.mb[:: int(60 / SAMPLE_SECONDS)],
        }  # fmt: skip


def size_mb(folder: Path) -> float:
    """What the files of the deployment take, MB (1e6 bytes)."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, help="requests per second [default: half the saturating rate]")
    parser.add_argument("--event-rate", type=float, default=50.0)
    parser.add_argument("--serve", default="--workers 2", help="more words for heptad serve")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, workers = Path(name), tuple(given.serve.split())
        prepare(folder, events=given.history, users=USERS, items=ITEMS, store=f"embedded:{folder}/state")
        rate = given.rate or saturation(folder, workers)["rate"] / 2
        loaded(folder, "--rate", "20", "--seconds", "2", workers=workers)
        before = size_mb(folder)
        with server(folder, words=workers) as (url, pid):
            memory = Memory(pid)
            memory.start()
            cpu = cpu_seconds(pid)
            found = bench_serve(
                url, folder, "--rate", str(rate), "--seconds", str(60 * given.minutes), "--window", str(WINDOW_SECONDS),
                "--events", "View", str(folder / "views.jsonl"), "--event-rate", str(given.event_rate),
                "--event-key", "view", "--event-time", "ts",
            )  # fmt: skip
            cpu = cpu_seconds(pid) - cpu
            memory.over.set()
            memory.join()
        grown = size_mb(folder) - before
    load = found["load"]
    failed = sum(load["failed"].values()) + sum(load["freshness"]["failed"].values())
    fallbacks = sum(load["flagged"].values()) / max(1, load["requests"])
    result = {
        "id": "soak", "machine": machine(), "unit": "milliseconds; MB (1e6 bytes)",
        "load": {
            "minutes": given.minutes, "rate": load["offered"], "events_per_second": given.event_rate,
            "history": given.history, "serve": given.serve,
        },
        "requests": {name: load[name] for name in (
            "requests", "achieved", "latency_ms", "failed", "flagged", "generator", "doubts")},
        "fallback_share": fallbacks, "freshness": load["freshness"],
        "memory": memory.summary(), "files_grew_mb": round(grown, 1), "server_cores": round(cpu / (60 * given.minutes), 3),
        "p99_trend": found["trend"], "windows": load["windows"],
        "goal": "0 errors; fallbacks < 0.5 %; memory slope and p99 by paired windows reported",
        "holds": {"0 errors": failed == 0, "fallbacks < 0.5 %": fallbacks < 0.005},
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
