"""Training sets in memory: rows per second, events per second and peak memory, beside a floor. Prints JSON.

    python benchmarks/training_set.py [--events 2000000] [--rows 400000] [--keys 100000] [--json FILE]

The load: clicks over 60 days, keys uniform or Zipf 1.1, 1 % of the events logged up to an hour late; rows in
the last 30 days; per key count, sum, mean and max of a float over 1h, 1d, 7d and 30d, and the last 5 items:
17 columns. Before a time is taken, a sample of rows is compared with the oracle, bit for bit. Each load runs
in its own process. The floor is the bytes that must move (every event and row read once, every value
written once) at the speed of a plain copy on this machine; it does not sort.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import heptad as hp
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Column, Logged
from heptad.plan.compile import compile_features
from heptad.testing.compare import differences
from heptad.times import DAY, HOUR

BEGIN = 1_700_000_000_000_000
WINDOWS = ("1h", "1d", "7d", "30d")
COLUMNS = 4 * len(WINDOWS) + 1


class Click(hp.Event, lateness="2h"):
    click_id: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    bid: float


PLAN = compile_features(
    hp.Data(
        dynamic={
            "clicks": Click.per("user").count(*WINDOWS),
            "spent": Click.per("user").sum("bid", *WINDOWS),
            "mean_bid": Click.per("user").mean("bid", *WINDOWS),
            "max_bid": Click.per("user").aggregate("max", "bid", *WINDOWS),
            "recent": Click.per("user").last("item", n=5),
        }
    ),
    hp.label(Click),
)


def keys(rng: np.random.Generator, load: str, n: int, distinct: int) -> np.ndarray:
    if load == "uniform":
        return rng.integers(0, distinct, n)
    weights = np.arange(1, distinct + 1) ** -1.1
    return rng.permutation(distinct)[rng.choice(distinct, n, p=weights / weights.sum())]


def column(values: np.ndarray) -> Column:
    return Column(values, np.ones(len(values), np.bool_))


def make(
    load: str, events: int, rows: int, distinct: int
) -> tuple[Batch, dict[str, Column], np.ndarray, np.ndarray]:
    """Events in the order of the log (1 % late), and rows with the (t, o) at which serving would have read."""
    rng = np.random.default_rng(7)
    arrival = np.sort(rng.integers(BEGIN, BEGIN + 60 * DAY, events))
    late = np.where(rng.random(events) < 0.01, rng.integers(0, HOUR, events), 0)
    when, user = arrival - late, keys(rng, load, events, distinct)
    offset = np.arange(events)
    columns = {
        "click_id": column(offset),
        "ts": column(when),
        "user": column(user),
        "item": column(rng.integers(0, 50_000, events)),
        "bid": column(rng.gamma(2.0, 0.5, events)),
    }
    batch = Batch(PLAN.stream("Click"), when, offset, offset, columns)
    t = rng.integers(BEGIN + 30 * DAY, BEGIN + 60 * DAY, rows)
    asked = {"user": column(keys(rng, load, rows, distinct))}
    return batch, asked, t, np.searchsorted(arrival, t)


def check(batch: Batch, asked: dict[str, Column], t: np.ndarray, o: np.ndarray, got: dict[str, Any]) -> int:
    """Compare 100 rows, the hottest key among them, with the oracle; the number of values that were equal."""
    user = asked["user"].values
    hottest = np.bincount(user).argmax()
    sample = np.r_[
        np.flatnonzero(user == hottest)[:2], np.random.default_rng(1).choice(len(t), 98, replace=False)
    ]
    busy = np.bincount(batch.columns["user"].values, minlength=user.max() + 1)
    sample = np.array([row for i, row in enumerate(sample) if i < 2 or busy[user[row]] < 5_000])
    mine = np.flatnonzero(np.isin(batch.columns["user"].values, user[sample]))
    rows = zip(*(batch.columns[f.name].values[mine].tolist() for f in batch.stream.fields), strict=True)
    names = [f.name for f in batch.stream.fields]
    log = [
        Logged(offset, BEGIN + 100 * DAY, "Click", dict(zip(names, row, strict=True)))
        for offset, row in zip(mine.tolist(), rows, strict=True)
    ]
    oracle = Oracle(PLAN, log)
    reads = [oracle.read({"user": int(user[row])}, int(t[row]), int(o[row])) for row in sample]
    want = {c.name: [read[c.name] for read in reads] for c in PLAN.columns}
    wrong = differences(want, {name: [got[name][row] for row in sample] for name in want})
    if wrong:
        raise SystemExit("\n".join(["not what the oracle says:", *wrong[:10]]))
    return len(sample) * len(want)


def copy_speed() -> float:
    """Bytes per second that a plain copy reads and writes."""
    source, target = np.ones(2**25), np.empty(2**25)
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - begin)
    return 2 * source.nbytes / best


def floor_bytes(events: int, rows: int) -> int:
    """Key, time, tie, offset, bid and item of each event; key, t and o of each row; 16 numbers and 5 items out."""
    return events * 6 * 8 + rows * (3 + 16 + 5) * 8


def measure(load: str, events: int, rows: int, distinct: int, rounds: int, profile: bool) -> dict[str, Any]:
    batch, asked, t, o = make(load, events, rows, distinct)
    small = np.arange(100)
    warm = {name: held.take(small) for name, held in asked.items()}
    training_set(PLAN, {"Click": batch.take(small)}, warm, t[small], o[small])  # compile first
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result: dict[str, Any] = {}
    for mode in ("as_known", "as_happened"):
        taken, worked = list[float](), list[float]()
        for _ in range(rounds):
            begin, work = time.perf_counter(), time.process_time()
            got = training_set(PLAN, {"Click": batch}, asked, t, o, mode)
            taken.append(time.perf_counter() - begin)
            worked.append(time.process_time() - work)
        best = min(taken)
        result[mode] = {
            "seconds": round(best, 3),
            "all_seconds": [round(s, 3) for s in taken],
            "cpu_seconds": round(min(worked), 3),
            "rows_per_s": round(rows / best),
            "events_per_s": round(events / best),
            "values_per_s": round(rows * COLUMNS / best),
        }
        if mode == "as_known":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            result["values_equal_to_oracle"] = check(batch, asked, t, o, got)
    speed = copy_speed()
    result["memory_mib"] = {"data": round(before / 1024), "peak": round(peak / 1024)}
    result["floor"] = {
        "bytes": floor_bytes(events, rows),
        "copy_gib_per_s": round(speed / 2**30, 1),
        "seconds": round(floor_bytes(events, rows) / speed, 4),
    }
    if profile:
        profiler = cProfile.Profile()
        profiler.runcall(training_set, PLAN, {"Click": batch}, asked, t, o)
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return result


def machine() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return {
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "heptad": hp.__version__,
        "commit": commit.stdout.strip(),
        "command": "python " + " ".join(["benchmarks/training_set.py", *sys.argv[1:]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="where the time goes, on standard error")
    parser.add_argument("--json", type=Path, help="write the result here too")
    parser.add_argument("--load", choices=["uniform", "zipf"], help="one load, in this process")
    given = parser.parse_args()
    if given.load:
        print(
            json.dumps(measure(given.load, given.events, given.rows, given.keys, given.rounds, given.profile))
        )
        return
    result: dict[str, Any] = {
        "machine": machine(), "events": given.events, "rows": given.rows, "keys": given.keys, "columns": COLUMNS,
    }  # fmt: skip
    for load in ("uniform", "zipf"):
        command = [sys.executable, __file__, *sys.argv[1:], "--load", load]
        result[load] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
