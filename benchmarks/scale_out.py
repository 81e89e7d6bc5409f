"""B11: what a second process brings: rank requests by 1 and 2 workers, ingest by 1 and 2 partitions.

    python benchmarks/scale_out.py [--events 1000000] [--ingested 400000] [--rounds 3] [--json FILE]

Ranking is B6's: the saturating rate of `heptad serve --workers 1` and of 2, the load generator on the same two
processors. A partition is a log and a state of its own with one writer (decision record 27): one process takes all
events, then two at the same time half of them each, by user; both halves begin together, and the longer one counts.
By 1 and by 2 alternate, and the result is the median.

The capacity model predicts the saturating rate of n workers from a run of one at nine tenths of its rate (requests that
wait are answered together, so one costs less the more there are): a worker alone saturates at ``r``; a request costs ``c`` processor seconds of the server's and ``g`` of the generator's, and there are
``p`` processors: min(n r, p / (c + g)). The same for ingest, where nothing generates.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

import ingest
from contest import machine, write
from rank_deployment import loaded, prepare, saturation
from rank_request import ITEMS, USERS

#: How far a prediction may be off, and the least share of twice the rate.
WITHIN, EFFICIENT = 0.2, 0.8
NEARLY, NEARLY_SECONDS = 0.9, 20


def ranked(folder: Path, rounds: int) -> dict[str, Any]:
    """Saturating rates by workers, and what a request costs near one worker's."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, found in rates.items():
            found.append(saturation(folder, ("--workers", str(workers)))["rate"])
    alone = statistics.median(rates[1])
    words = ("--rate", str(NEARLY * alone), "--seconds", str(NEARLY_SECONDS))
    near = loaded(folder, *words, workers=("--workers", "1"))
    each = near["load"]["achieved"]
    return outcome(rates, near["server"]["cores_used"] / each, near["load"]["generator"]["cpu_cores"] / each)


def ingested(data: Path, events: int, rounds: int) -> dict[str, Any]:
    """Events per second by partitions."""
    ingest.make(data, events)
    whole = pq.read_table(data / "impressions.parquet")
    halves = []
    for number in range(2):
        half = data / f"half {number}"
        half.mkdir()
        pq.write_table(
            whole.filter(pc.equal(pc.bit_wise_and(whole.column("user"), 1), number)),
            half / "impressions.parquet",
        )
        (half / "ads.parquet").symlink_to(data / "ads.parquet")
        halves.append(half)
    rates: dict[int, list[float]] = {1: [], 2: []}
    cpu: list[float] = []
    for _ in range(rounds):
        for parts, places in ((1, [data]), (2, halves)):
            found = together(places)
            rates[parts].append(events / max(one["seconds"] for one in found))
            if parts == 1:
                cpu.append(found[0]["cpu_us_per_event"] / 1e6)
    return outcome(rates, statistics.median(cpu), 0.0)


def together(places: list[Path]) -> list[dict[str, Any]]:
    """heptad's ingest of each place, in processes that begin at one moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for place in places
    ]  # fmt: skip
    for process in processes:
        if process.stdout is None or process.stdout.readline() != "warm\n":
            raise SystemExit("a part that did not begin")
    for process in processes:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    return [json.loads(process.communicate()[0]) for process in processes]


def part(place: Path) -> None:
    """One partition's ingest: it says when it is warm, and begins when told."""

    def when() -> None:
        print("warm", flush=True)
        sys.stdin.readline()

    print(json.dumps(ingest.ours(place, "rows", when=when)))


def outcome(rates: dict[int, list[float]], server: float, generator: float) -> dict[str, Any]:
    """The rates, the efficiency, and the model's prediction beside what was measured."""
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    predicted = min(2 * one, len(os.sched_getaffinity(0)) / (server + generator))
    return {
        "rate_by_1": round(one, 1), "rate_by_2": round(two, 1),
        "all_by_1": [round(rate, 1) for rate in rates[1]], "all_by_2": [round(rate, 1) for rate in rates[2]],
        "efficiency": round(two / (2 * one), 3), "cpu_us_each": round(1e6 * server, 2),
        "generator_cpu_us_each": round(1e6 * generator, 2), "predicted_by_2": round(predicted, 1),
        "prediction_off": round(predicted / two - 1, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history that is ranked by")
    parser.add_argument("--ingested", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        part(given.part)
        return
    found = {}
    with tempfile.TemporaryDirectory() as name:
        found["ingest, events per second"] = ingested(Path(name), given.ingested, given.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, events=given.events, users=USERS, items=ITEMS, store=f"embedded:{folder}/state")
        found["ranking, requests per second"] = ranked(folder, given.rounds)
    result = {
        "id": "B11", "machine": machine(), "load": {"events": given.events, "ingested": given.ingested},
        "scaled": found,
        "goal": f"efficiency >= {EFFICIENT}, and a capacity model that predicts it within {WITHIN:.0%}",
        "holds": {
            name: {"efficiency": one["efficiency"] >= EFFICIENT, "prediction": abs(one["prediction_off"]) <= WITHIN}
            for name, one in found.items()
        },
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
