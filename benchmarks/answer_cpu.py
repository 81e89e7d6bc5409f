"""Where the time of one rank answer goes: CPU by stage in one thread, and latency over HTTP, warm and after a pause.

    python benchmarks/answer_cpu.py [--events 1000000] [--requests 800] [--pauses 0 10 30] [--json FILE]

B6's deployment, without its queue: first `Service.rank` in this process, by the thread's own clock; then one connection to
`heptad serve` that asks again once it was answered and a pause has passed. What a pause adds is what cold caches and
processors that wake cost.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from contest import machine, write
from heptad.run.profile import Profile
from heptad.run.serve import service
from heptad.run.target import Target
from rank_deployment import cpu_seconds, deployment, prepare, server
from rank_request import ITEMS, USERS

WARM = 200  #: requests before those that count


def spread(values: list[float]) -> dict[str, float]:
    """5th percentile, median and 95th percentile."""
    return {f"p{q}": round(float(np.percentile(values, q)), 3) for q in (5, 50, 95)}


def asked(folder: Path, requests: int) -> list[dict[str, Any]]:
    """Bodies of requests, those to warm up with first."""
    lines = (folder / "bodies.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[: WARM + requests]]


def by_stage(target: Target, profile: Profile, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU ms of a whole answer and of each stage."""
    whole: list[float] = []
    stages: dict[str, list[float]] = {}
    with service(target, profile, say=lambda text: None) as running:
        running.warm()
        running._pipeline._timer = time.thread_time_ns
        for number, body in enumerate(bodies):
            begin = time.thread_time_ns()
            answer = running.rank(running.ask(body["user"], None, body["context"]))
            if answer is None or answer.flags:
                raise SystemExit(f"an answer that is not the model's: {answer}")
            if number >= WARM:
                whole.append((time.thread_time_ns() - begin) / 1e6)
                for stage, took in answer.took_us.items():
                    stages.setdefault(stage, []).append(took / 1e3)
    return {"answer": spread(whole)} | {stage: spread(took) for stage, took in stages.items()}


def over_http(folder: Path, bodies: list[dict[str, Any]], pauses: list[float]) -> dict[str, Any]:
    """Latency in ms of one connection by the pause between an answer and the next request, and the server's CPU."""
    found = {}
    sent = [json.dumps(body) for body in bodies]
    with server(folder) as (url, pid):
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        for pause in pauses:
            took = []
            cpu = cpu_seconds(pid)
            for number, body in enumerate(sent):
                if number == WARM:
                    cpu = cpu_seconds(pid)
                begin = time.perf_counter()
                connection.request("POST", "/rank", body)
                connection.getresponse().read()
                if number >= WARM:
                    took.append(1e3 * (time.perf_counter() - begin))
                time.sleep(pause / 1e3)
            each = 1e3 * (cpu_seconds(pid) - cpu) / len(took)
            found[f"pause {pause:g} ms"] = spread(took) | {"server_cpu_ms": round(each, 2)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=800)
    parser.add_argument("--pauses", type=float, nargs="*", default=[0.0, 10.0, 30.0], help="milliseconds")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = f"embedded:{folder}/state"
        prepare(folder, events=given.events, users=USERS, items=ITEMS, store=store)
        bodies = asked(folder, given.requests)
        target, profile = deployment(folder, store)
        result = {
            "id": "answer", "machine": machine(), "unit": "milliseconds", "load": {"events": given.events},
            "cpu_of_one_thread": by_stage(target, profile, bodies), "latency": over_http(folder, bodies, given.pauses),
        }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
