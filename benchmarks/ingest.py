"""Ingest: events per second into the log and from there into the states of 30 features. Prints JSON.

    python benchmarks/ingest.py [--events 300000] [--directory DIR] [--json FILE]

Users and ads are drawn by Zipf's law (exponent 1.1). Append: rows checked, enriched by a table, written and
synced, 10,000 in a call. Apply: admission, three groups of states, one synced commit per so many records
(the embedded store is LMDB). Before a number is reported, a sample of reads is compared with the oracle.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import heptad as hp
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import column_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.open import open_store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.compare import differences
from heptad.times import DAY

T = TypeVar("T")

USERS, ADS, CATEGORIES = 100_000, 10_000, 50
ZIPF = 1.1
CALL = 10_000  # rows in one call of the appender
COMMITS = (20_000, 1_000, 100)  # records in one commit of the applier
SAMPLED = 30


class Ad(hp.Table):
    ad: hp.Id
    category: str


class Impression(hp.Event, lateness="1h"):
    impression_id: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    device: str
    bid: float
    category: str = hp.lookup(Ad.category)


def plan_of_thirty() -> Plan:
    by_user, by_ad = Impression.per("user"), Impression.per("ad")
    pair = Impression.per("user", "category")
    dynamic = {
        "seen": by_user.count("1h", "1d", "7d", "all"),
        "bid_mean": by_user.mean("bid", "1h", "1d", "7d"),
        "bid_sum": by_user.sum("bid", "1d", "7d"),
        "bid_max": by_user.max("bid", "7d"),
        "last_ads": by_user.last("ad", n=10),
        "since": by_user.since_last(),
        "ad_seen": by_ad.count("1h", "1d", "7d", "all"),
        "ad_bid": by_ad.mean("bid", "1h", "1d", "7d"),
        "ad_min": by_ad.min("bid", "7d"),
        "ad_device": by_ad.last("device"),
        "ad_since": by_ad.since_last(),
        "pair_seen": pair.count("1h", "1d", "7d", "all"),
        "pair_bid": pair.mean("bid", "1d", "7d"),
        "pair_last": pair.last("ad", "7d"),
        "pair_since": pair.since_last(),
    }  # fmt: skip
    return compile_features(hp.Data(static={"category": Ad.category}, dynamic=dynamic), hp.label(Impression))


def zipf(draw: np.random.Generator, n: int, size: int) -> list[int]:
    weights = 1.0 / np.arange(1, n + 1) ** ZIPF
    ranks: list[int] = draw.choice(n, size, p=weights / weights.sum()).tolist()
    return ranks


def impressions(n: int) -> list[dict[str, Any]]:
    """Impressions of 10 days in order of time, one in fifty up to two hours late."""
    draw = np.random.default_rng(7)
    users, ads, bids = zipf(draw, USERS, n), zipf(draw, ADS, n), draw.uniform(0, 5, n).round(3).tolist()
    late = np.where(draw.random(n) < 0.02, draw.integers(0, 2 * DAY // 24, n), 0).tolist()
    return [
        {
            "impression_id": i, "ts": (i + 1) * (10 * DAY // n) - late[i], "user": users[i], "ad": ads[i],
            "device": "web" if i % 3 else "app", "bid": bids[i], "category": None,
        }
        for i in range(n)
    ]  # fmt: skip


def timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


def append(appender: Appender, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), CALL):
        some = rows[start : start + CALL]
        appender.append("Impression", some, [max(row["ts"], 1) for row in some])


def check(plan: Plan, log: Log, reader: Reader) -> int:
    """Compare a sample with the oracle; how many values were equal. Raises where one is not."""
    draw = random.Random(1)
    asked = [
        {"impression_id": 0, "user": int(USERS * draw.random() ** 6), "ad": int(ADS * draw.random() ** 6),
         "device": "web", "bid": 1.0, "category": None}
        for _ in range(SAMPLED)
    ]  # fmt: skip
    columns = {f.name: column_of([request[f.name] for request in asked], f.kind) for f in plan.request}
    answer = reader.read(columns, SAMPLED)
    oracle = Oracle(plan, Codec(plan).logged(log.read_columns(0)))
    for i, request in enumerate(asked):
        expected = oracle.read(request, answer.t, answer.offsets[0])
        found = differences(expected, {name: column[i] for name, column in answer.values.items()})
        if found:
            raise SystemExit(f"not what the oracle says: {found[0]}")
    return SAMPLED * len(plan.columns)


def applied(plan: Plan, log: Log, url: str, records: int, directory: Path) -> dict[str, Any]:
    """Apply the log, at most 100 commits of so many records, to a new state."""
    store = open_store(url, plan.state_hash)
    letters = DeadLetters.open(directory / "dead.jsonl")
    clock = ReplayClock(11 * DAY)
    applier = Applier(plan, log, store, clock, letters, batch=records)
    seconds, done = timed(lambda: applier.apply(records * 100))
    result = {
        "events_per_s": round(done.records / seconds),
        "records": done.records,
        "commits": -(-done.records // records),
        "verdicts": {verdict.value: n for verdict, n in done.counts.items()},
    }
    if applier.behind == 0:
        result["values_equal_to_the_oracle"] = check(plan, log, Reader(plan, store, clock))
    store.close()
    letters.close()
    return result


def machine() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return {
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "commit": commit.stdout.strip(),
        "command": "python " + " ".join(["benchmarks/ingest.py", *sys.argv[1:]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    parser.add_argument("--json", type=Path, help="write the result here too")
    arguments = parser.parse_args()
    plan, rows = plan_of_thirty(), impressions(arguments.events)
    result: dict[str, Any] = {
        "machine": machine(), "events": arguments.events, "columns": len(plan.columns),
        "features_of_events": len([c for c in plan.columns if c.group == "dynamic"]),
        "groups_of_events": len([g for g in plan.groups if g.stream == "Impression"]),
        "users": USERS, "ads": ADS, "zipf": ZIPF, "unit": "events per second, one process, one core",
        "commit policy": "append: one fsync per call; apply: one synced LMDB commit per batch",
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        with Log.open(directory / "log") as log:
            appender = Appender(plan, log, ReplayClock(0))
            appender.append(
                "Ad", [{"ad": ad, "category": f"category {ad % CATEGORIES}"} for ad in range(ADS)], [0] * ADS
            )
            seconds, _ = timed(lambda: append(appender, rows))
            size = sum(path.stat().st_size for path in (directory / "log").rglob("*") if path.is_file())
            result["append"] = {
                "events_per_s": round(len(rows) / seconds),
                "bytes_per_event": round(size / len(rows)),
            }
            seconds, _ = timed(lambda: Appender(plan, log, ReplayClock(0)))
            result["append"]["seconds_to_open_and_rebuild_lookups"] = round(seconds, 3)
            applied(plan, log, "memory:", 2_000, directory)  # load the kernels
            result["memory"] = applied(plan, log, "memory:", COMMITS[0], directory)
            for records in COMMITS:
                state = f"embedded://{name}/state{records}"
                result[f"embedded, {records} records a commit"] = applied(
                    plan, log, state, records, directory
                )
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
