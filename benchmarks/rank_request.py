"""B6: a rank request over HTTP: 500 candidates, 50 features, 200 trees of 63 leaves, offered in an open loop.

    python benchmarks/rank_request.py [--events 1000000] [--requests 24000] [--store redis] [--json FILE]

`heptad serve` is one process (or ``--workers``), `heptad bench-serve` another, on the same cores. First the rate is raised
until answers lag, fail, fall back or come late; then the stated number of requests is offered at half of the highest
rate that held, at Poisson times; latency counts from the moment a request was due. So is half of that number at the rate
that is asked for at least, 150 a second, since half of what saturates says little of a server that takes more. Features
move with time by the wall's clock. A sample of the answers is held to the oracle and to LightGBM before anything counts.
The floor is what the same load finds at a server that spends as much of a processor on each answer, and does nothing.

The contender is FastAPI with two workers, Feast's SDK and LightGBM: the same trees, the same candidates (it gets them and
their sources' scores with the request), the same features as computed beforehand by heptad, on SQLite and on Redis.
Metarank needs a Java program that no package registry here carries, so it is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contest import HERE, OTHERS, machine, write
from heptad.models.encoder import Encoder
from heptad.run.profile import Profile
from heptad.run.serve import service
from heptad.run.target import Target
from heptad.serving.service import Service
from heptad.testing.servers import RedisServer
from rank_answers import champion_files, checked
from rank_deployment import CATEGORIES, bench_serve, deployment, half_of_saturation, loaded, prepare
from rank_floor import floor

ITEMS, USERS = 5_000, 20_000
REQUIRED = 150  #: requests a second that have to be possible


def contender_data(folder: Path, target: Target, profile: Profile, n: int) -> list[list[float]]:
    """What the contender loads and is asked, as of one moment; and LightGBM's scores of the first ten requests."""
    files = champion_files(target, profile)
    encoder = Encoder.load(files / "encoder")
    trees = lightgbm.Booster(model_file=str(files / "model" / "gbdt.txt"))
    aside = folder / "contender"
    aside.mkdir()
    (aside / "trees.txt").write_bytes((files / "model" / "gbdt.txt").read_bytes())
    (aside / "columns.json").write_text(json.dumps(encoder.names))
    codes = {
        name: {word: code for code, word in enumerate(words)} for name, words in encoder.vocabularies.items()
    }
    bodies = [json.loads(line) for line in (folder / "bodies.jsonl").read_text().splitlines()[:n]]
    draw, expected = np.random.default_rng(5), []
    share = 1.0 / np.arange(1, ITEMS + 1)
    with service(target, profile, say=lambda text: None) as running:
        at = time.time_ns() // 1_000
        category = _views(aside, running, at, sorted({body["user"] for body in bodies}), codes["category"])
        with (aside / "requests.jsonl").open("w") as out:
            for place, body in enumerate(bodies):
                items = draw.choice(ITEMS, 500, replace=False, p=share / share.sum()).tolist()
                scores = {
                    name: draw.poisson(9, 500).astype(float).tolist() for name in ("popular", "covisited")
                }
                device = body["context"]["device"]
                given = {"user": body["user"], "item": items, "device": device, "at": at}
                if place < 10:
                    read = running.features(given | {f"score:{n}": v for n, v in scores.items()}).values
                    numbers = {name: float(read[name][0]) for name in ("hour", "weekday")}
                    expected.append(trees.predict(encoder.transform(read), num_threads=1).tolist())
                numbers["device"] = codes["device"][device]
                asked = {"user": body["user"], "items": items, "scores": scores, "numbers": numbers, "n": 50}
                out.write(json.dumps(asked) + "\n")
    pq.write_table(pa.table({"category": category}), aside / "categories_of_items.parquet")
    return expected


def _views(folder: Path, running: Service, at: int, users: list[int], codes: dict[str, int]) -> Any:
    """Four tables of feature values; the category of each item, as a code."""
    blank = {"device": "phone", "score:popular": 0.0, "score:covisited": 0.0, "at": at}

    def kept(read: Any, *starts: str) -> dict[str, Any]:
        return {
            n: np.asarray(c, np.float64) for n, c in read.items() if n.startswith(starts) and n != "category"
        }

    items = running.features({"user": 0, "item": list(range(ITEMS))} | blank).values
    category = np.array([codes[name] for name in items["category"]], np.int64)
    pq.write_table(pa.table({"item": range(ITEMS)} | kept(items, "item_", "price")), folder / "items.parquet")
    first = [int(np.flatnonzero(category == code)[0]) for code in range(len(codes))]
    by = running.features({"user": 0, "item": first} | blank).values
    pq.write_table(
        pa.table({"category": range(len(codes))} | kept(by, "category_")), folder / "categories.parquet"
    )
    read = running.features({"user": users, "item": 0} | blank).values
    pq.write_table(pa.table({"user": users} | kept(read, "user_")), folder / "users.parquet")
    parts = []
    for user in users:
        read = running.features({"user": user, "item": first} | blank).values
        parts.append(
            pa.table({"user": [user] * len(first), "category": range(len(first))} | kept(read, "taste_"))
        )
    pq.write_table(pa.concat_tables(parts), folder / "tastes.parquet")
    return category


@contextmanager
def feast(folder: Path, redis: str | None) -> Iterator[tuple[str, Path]]:
    """The contender's address, and the file with its scores of the first requests."""
    aside = folder / "contender"
    answer = aside / "scores.json"
    command = [
        str(OTHERS),
        str(HERE / "contenders" / "rank_feast.py"),
        "--data",
        str(aside),
        "--answer",
        str(answer),
    ]
    process = subprocess.Popen(
        [*command, *(() if redis is None else ("--redis", redis))],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if process.stdout is None:
            raise SystemExit("a contender without output")
        said = next((line for line in process.stdout if line.startswith("ready ")), "")
        if not said:
            raise SystemExit("the contender did not start")
        yield said.split()[1], answer
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its workers too
        process.wait(30)


def contender(folder: Path, requests: int, redis: str | None, expected: list[list[float]]) -> dict[str, Any]:
    """The contender's saturating rate and its latency at half of it; its scores compared first."""
    with feast(folder, redis) as (url, answer):
        wrong = np.abs(np.array(json.loads(answer.read_text())) - np.array(expected)).max()
        words = (
            "--bodies",
            str(folder / "contender" / "requests.jsonl"),
            "--connections",
            "16",
            "--timeout",
            "60",
        )
        found = bench_serve(
            url, folder, "--find-saturation", "--rate", "2", "--step-seconds", "15", "--seconds", "1", *words
        )  # fmt: skip
        rate = found["saturation"]["rate"] / 2
        load = bench_serve(url, folder, "--rate", str(rate), "--seconds", str(requests / rate), *words)[
            "load"
        ]
    return summary(found["saturation"], load) | {
        "correct": "yes" if wrong == 0 else f"scores differ by {wrong:.2g}"
    }


def summary(saturation: dict[str, Any], load: dict[str, Any]) -> dict[str, Any]:
    """The numbers that count, of everybody alike."""
    latency = load["latency_ms"]
    return {
        "saturating_rate": round(saturation["rate"], 1), "offered": round(load["offered"], 2),
        "achieved": round(load["achieved"], 2), "requests": load["requests"],
        "p50_ms": latency["p50"], "p99_ms": latency["p99"], "p999_ms": latency["p99.9"], "max_ms": latency["max"],
        "failed": load["failed"], "flagged": load["flagged"], "doubts": load["doubts"],
        "generator_cores": round(load["generator"]["cpu_cores"], 3),
        "generator_late_p99_ms": load["generator"]["late_p99_ms"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=24_000)
    parser.add_argument("--feast-requests", type=int, default=1_000, help="0 leaves the contender out")
    parser.add_argument("--store", choices=("embedded", "redis"), default="embedded")
    parser.add_argument("--serve", default="--workers 2", help="more words for heptad serve")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        store = f"embedded:{folder}/state"
        if given.store == "redis":
            store = stack.enter_context(RedisServer(folder)).url("rank")
        made = prepare(folder, events=given.events, users=USERS, items=ITEMS, store=store)
        target, profile = deployment(folder, store)
        loaded(folder, "--rate", "20", "--seconds", "2")
        right = checked(target, profile)
        print(f"answers: {right}", file=sys.stderr)
        workers = tuple(given.serve.split())
        ours = half_of_saturation(folder, requests=given.requests, workers=workers)
        steady = ("--rate", str(REQUIRED), "--seconds", str(given.requests / 2 / REQUIRED))
        asked = loaded(folder, *steady, workers=workers)
        floors = {"at half": floor(folder, ours), f"at {REQUIRED}": floor(folder, asked)}
        required = asked["load"]
        found = {
            "heptad": summary(ours["saturation"], ours["load"]) | {"server": ours["server"], "correct": "yes"}
        }
        if given.feast_requests:
            expected = contender_data(folder, target, profile, given.feast_requests)
            for store_name in ("sqlite", "redis"):
                with ExitStack() as servers:
                    redis = None
                    if store_name == "redis":
                        redis = f"127.0.0.1:{servers.enter_context(RedisServer(folder)).port}"
                    found[f"feast_{store_name}"] = contender(folder, given.feast_requests, redis, expected)
    best = found["heptad"]
    bar = 15.0 if given.store == "embedded" else 25.0
    result = {
        "id": "B6", "machine": machine(), "unit": "milliseconds per request from its due time; requests per second",
        "load": {
            "events": given.events, "users": USERS, "items": ITEMS, "categories": CATEGORIES, "store": given.store,
            "candidates": right["candidates"], "model_columns": made["model_columns"], "trees": 200, "leaves": 63, "serve": given.serve,
        },
        "checked": right, "contenders": found,
        f"at_{REQUIRED}": {
            "requests": required["requests"], "p50_ms": required["latency_ms"]["p50"], "p99_ms": required["latency_ms"]["p99"],
            "failed": required["failed"], "flagged": required["flagged"],
        },
        "floor": floors,
        "windows": ours["load"]["windows"],
        "steps": ours["saturation"]["steps"], "histogram_us": ours["load"]["histogram_us"],
        "ratio": {
            name: {
                "rate": round(best["saturating_rate"] / other["saturating_rate"], 1),
                "p50": round(other["p50_ms"] / best["p50_ms"], 1), "p99": round(other["p99_ms"] / best["p99_ms"], 1),
            }
            for name, other in found.items() if name != "heptad"
        },
        "goal": f"p99 <= {bar:g} ms at half the saturating rate, >= {REQUIRED} requests/s on 2 cores; >= 50 x the Feast stack",
        "holds": {
            f"p99 <= {bar:g} ms": best["p99_ms"] <= bar, f">= {REQUIRED} requests/s": best["saturating_rate"] >= REQUIRED,
            f"p99 <= {bar:g} ms at {REQUIRED} requests/s": required["latency_ms"]["p99"] <= bar,
            **{
                f"50 x {name}": best["saturating_rate"] >= 50 * other["saturating_rate"]
                for name, other in found.items() if name != "heptad"
            },
        },
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
