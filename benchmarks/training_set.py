"""B1: a training set with windows, memory to memory.

    python benchmarks/training_set.py [--events 20000000] [--rows 4000000] [--keys 1000000] [--rounds 5] [--json FILE]

The load: clicks over 60 days, users uniform or Zipf 1.1; rows in the last 30 days; per user count, sum, mean and
max of a float over 1h, 1d, 7d and 30d, and the last 5 items: 17 columns. A window of width W and hop h covers
[floor((t - W) / h) * h, t); the others are given its bounds. Every contender loads the same two Parquet files into
its own kind of table before its clock starts, and stops it when all columns lie in memory as Arrow arrays; 200
rows of every answer, some of the hottest user among them, are held to heptad's oracle (sums and means within
1e-9, since the others add floats). heptad also says what it takes `as_known`: each row with the events that the
log held when it would have been served, 1 % of which came up to an hour late; nobody else is asked for that.
The floor is the bytes that must move (each event and row read once, each value written once) at the speed of a
plain copy; it does not sort.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import heptad as hp
from contest import OTHERS, Contender, contest, copy_speed, machine, peak_mb, ratios, write
from heptad.offline.table import training_table
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Column, Logged
from heptad.plan.compile import compile_features
from heptad.times import DAY, HOUR

BEGIN = 1_700_000_000_000_000
WINDOWS = ("1h", "1d", "7d", "30d")
COLUMNS = 4 * len(WINDOWS) + 1
LOADS = ("uniform", "zipf")


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
    weights = np.cumsum(np.arange(1, distinct + 1) ** -1.1)
    users = np.random.default_rng(3).permutation(distinct)  # who has many events is asked for often, too
    return users[np.searchsorted(weights, rng.random(n) * weights[-1])]


def make(data: Path, load: str, events: int, rows: int, distinct: int) -> None:
    """The files: events in the order of the log (1 % late), rows with the (t, o) at which serving would have read."""
    rng = np.random.default_rng(7)
    arrival = np.sort(rng.integers(BEGIN, BEGIN + 60 * DAY, events))
    late = np.where(rng.random(events) < 0.01, rng.integers(0, HOUR, events), 0)
    held = {
        "click_id": np.arange(events),
        "ts": arrival - late,
        "user": keys(rng, load, events, distinct),
        "item": rng.integers(0, 50_000, events),
        "bid": np.round(rng.gamma(2.0, 0.5, events), 2),
    }
    pq.write_table(pa.table(held), data / "events.parquet")
    t = rng.integers(BEGIN + 30 * DAY, BEGIN + 60 * DAY, rows)
    asked = {"row": np.arange(rows), "user": keys(rng, load, rows, distinct), "t": t}
    asked["o"] = np.searchsorted(arrival, t)
    for column in PLAN.columns:
        if column.name.startswith("clicks_"):
            asked[column.name.replace("clicks", "lo")] = column.source.window.start(t)
    pq.write_table(pa.table(asked), data / "rows.parquet")


def column(values: Any) -> Column:
    held = values.to_numpy()
    return Column(held, np.ones(len(held), np.bool_))


def loaded(data: Path) -> tuple[Batch, dict[str, Column], np.ndarray, np.ndarray]:
    events, rows = (pq.read_table(data / f"{name}.parquet").combine_chunks() for name in ("events", "rows"))
    columns = {name: column(events.column(name)) for name in events.column_names}
    offset = columns["click_id"].values
    batch = Batch(PLAN.stream("Click"), columns["ts"].values, offset, offset, columns)
    return (
        batch,
        {"user": column(rows.column("user"))},
        rows.column("t").to_numpy(),
        rows.column("o").to_numpy(),
    )


def ours(data: Path, answer: Path | None) -> dict[str, Any]:
    batch, asked, t, o = loaded(data)
    small = np.arange(min(100, len(t)))
    warm = {name: held.take(small) for name, held in asked.items()}
    training_table(PLAN, {"Click": batch.take(small)}, warm, t[small], o[small])  # compile first
    begin, worked = time.perf_counter(), time.process_time()
    known = training_table(PLAN, {"Click": batch}, asked, t, o)
    as_known = time.perf_counter() - begin
    del known
    begin, worked = time.perf_counter(), time.process_time()
    found = training_table(PLAN, {"Click": batch}, asked, t)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if answer is not None:
        pq.write_table(found.append_column("row", pa.array(np.arange(len(t)))), answer)
    return {
        "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "as_known_seconds": round(as_known, 3),
        "rows_per_s": round(len(t) / seconds), "events_per_s": round(len(batch) / seconds), "peak_mb": peak_mb(),
        "versions": {"heptad": hp.__version__, "pyarrow": version("pyarrow")},
    }  # fmt: skip


def expected(data: Path, sample: np.ndarray) -> list[dict[str, Any]]:
    """The oracle's answers for some rows, from the events of their users."""
    rows = pq.read_table(data / "rows.parquet").take(pa.array(sample))
    users, times = rows.column("user").to_pylist(), rows.column("t").to_pylist()
    held = pq.read_table(data / "events.parquet", filters=[("user", "in", sorted(set(users)))])
    by_user: dict[int, list[dict[str, Any]]] = {}
    for row in held.to_pylist():
        by_user.setdefault(row["user"], []).append(row)
    reads = []
    for user, t in zip(users, times, strict=True):  # a log of this user's events is enough, and fast
        log = [Logged(i, 2**61, "Click", row) for i, row in enumerate(by_user.get(user, ()))]
        reads.append(Oracle(PLAN, log).read({"user": user}, t, len(log)))
    return reads


def checker(data: Path, rows: int) -> Callable[[str, Path], str]:
    """A check of an answer: every row once, and of a sample every value as the oracle has it."""
    user = pq.read_table(data / "rows.parquet", columns=["user"]).column("user").to_numpy()
    draw = np.random.default_rng(1)
    many = np.bincount(pq.read_table(data / "events.parquet", columns=["user"]).column("user").to_numpy())
    many = np.resize(many, user.max() + 1) if len(many) <= user.max() else many
    mild = np.flatnonzero(many[user] < 20_000)  # the oracle is slow
    hot = mild[np.argsort(-many[user[mild]], kind="stable")[:3]]
    sample = np.unique(np.r_[hot, draw.choice(mild, min(200, len(mild)), replace=False)])
    want = expected(data, sample)

    def check(_: str, path: Path) -> str:
        got = pq.read_table(path)
        place = got.column("row").to_numpy()
        if got.num_rows != rows or len(np.unique(place)) != rows:
            return f"wrong: {got.num_rows} rows, not each of {rows} once"
        found = got.filter(pc.is_in(got.column("row"), pa.array(sample))).sort_by("row").to_pylist()
        for row, right in zip(found, want, strict=True):
            for name, value in right.items():
                if not _alike(row[name], value):
                    return f"wrong: {name} of row {row['row']} is {row[name]!r}, not {value!r}"
        return "yes"

    return check


def _alike(found: Any, right: Any) -> bool:
    if isinstance(right, tuple):
        return list(right) == list(found)
    if found is None or math.isnan(found) or math.isnan(right):
        return (found is None or math.isnan(found)) and math.isnan(right)
    return math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-6)


def floor(events: int, rows: int) -> dict[str, Any]:
    """User, time, bid and item of each event; user and t of each row; 16 numbers and 5 items out."""
    size, speed = events * 4 * 8 + rows * (2 + 16 + 5) * 8, copy_speed()
    return {"bytes": size, "copy_gib_per_s": round(speed / 2**30, 1), "seconds": round(size / speed, 3)}


#: DuckDB's fastest form by load; its others run once each, to show it.
BEST = {"uniform": "range", "zipf": "asof"}


def contenders(load: str, rounds: int) -> list[Contender]:
    duckdb, polars = "contenders/training_set_duckdb.py", "contenders/training_set_polars.py"
    others = [form for form in ("window", "asof", "range") if form != BEST[load]]
    return [
        Contender("heptad", "training_set.py"),
        Contender("duckdb", duckdb, str(OTHERS), ("--form", BEST[load]), rounds),
        Contender("polars", polars, str(OTHERS), rounds=rounds),
        *(Contender(f"duckdb_{form}", duckdb, str(OTHERS), ("--form", form), 1, 300.0) for form in others),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=3, help="of contenders that may take minutes")
    parser.add_argument("--only", nargs="*", help="contenders")
    parser.add_argument("--loads", nargs="*", default=LOADS, choices=LOADS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data:
        print(json.dumps(ours(given.data, given.answer)))
        return
    found, ratio = {}, {}
    for load in given.loads:
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            make(data, load, given.events, given.rows, given.keys)
            sides = [
                side
                for side in contenders(load, given.slow_rounds)
                if not given.only or side.name in given.only
            ]
            found[load] = contest(data, sides, checker(data, given.rows), rounds=given.rounds)
        ratio[load] = ratios(found[load]) if "heptad" in found[load] else {}
    goals = {"uniform": 5.0, "zipf": 10.0}
    result = {
        "id": "B1", "machine": machine(), "unit": "seconds from columns in memory to Arrow columns in memory",
        "load": {
            "events": given.events, "rows": given.rows, "keys": given.keys, "columns": COLUMNS, "days": 60,
            "windows": WINDOWS, "late": 0.01, "distributions": given.loads,
        },
        "contenders": found, "ratio": ratio, "floor": floor(given.events, given.rows),
        "goal": "at least 5 x the best other for uniform keys, 10 x for Zipf 1.1",
        "holds": {
            load: bool(some := [r for name, r in ratio[load].items() if found[load][name]["correct"] == "yes"])
            and min(some) >= goals[load]
            for load in given.loads
        },
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
