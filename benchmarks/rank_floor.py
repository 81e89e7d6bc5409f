"""What the same load finds at a server that only spends the same processor time: the floor of a latency on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from contest import HERE
from rank_deployment import bench_serve


def floor(folder: Path, measured: dict[str, Any]) -> dict[str, Any]:
    """Latency (ms) at the rate and processor time per request of a measured load (of `loaded`), for as many requests."""
    load = measured["load"]
    ms = 1e3 * measured["server"]["cores_used"] / load["achieved"]
    command = [sys.executable, str(HERE / "contenders" / "rank_spinning.py"), "--ms", f"{ms:.3f}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise SystemExit("a server without output")
        said = process.stdout.readline()
        if not said.startswith("ready "):
            raise SystemExit("the server that only spins did not start")
        rate = load["offered"]
        words = ("--rate", str(rate), "--seconds", str(load["requests"] / rate))
        found = bench_serve(said.split()[1], folder, *words)["load"]
    finally:
        process.terminate()
        process.wait(30)
    return {
        "processor_ms": round(ms, 2), "rate": round(rate, 1), "requests": found["requests"],
        "p50_ms": found["latency_ms"]["p50"], "p99_ms": found["latency_ms"]["p99"],
    }  # fmt: skip
