"""B3: a training set larger than memory, from Parquet files to a Parquet file.

    python benchmarks/out_of_core.py [--sizes 1e7 1e8 3e8] [--memory 4GB] [--timeout 900] [--json FILE]
    python benchmarks/out_of_core.py --gigabytes 20 --memory 2GB

Events over 60 days in the order of time, in files of 4M; keys user, item and shop (a tenth and a hundredth as many
different ones as events, and 1,000), each Zipf 1.1: the hottest user has an eighth of the events. A tenth as many label
rows, of the last 30 days, in no order. 40 features: count, sum and mean over 1 h, 1 d, 7 d and 30 d and the last price
per user, item and shop, and the time since the user's last event. The clock runs from the files to the finished
file; heptad's runs in a process that has imported it and loaded its kernels, the others' after their import.
Contenders have the same limit of memory and two threads. A sample of label rows of every answer, those of the
hottest keys among them, is held to sums over the events that are made here without any of them, as heptad's
oracle defines them, and heptad's oracle itself is asked about rows whose keys are rare enough for it.

With ``--gigabytes`` heptad alone, on so many gigabytes of events as Arrow holds them in memory (56 bytes each).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import heptad as hp
from contest import OTHERS, Contender, contest, copy_speed, machine, peak_mb, ratios, write
from heptad.offline.build.budget import Budget
from heptad.offline.build.build import build
from heptad.offline.build.files import rows_of
from heptad.offline.build.labels import Labels
from heptad.offline.build.shards import request_fields
from heptad.plan.compile import compile_features
from heptad.times import DAY

BEGIN, SPAN, SHOPS, FILE = 1_699_920_000_000_000, 60 * DAY, 1_000, 4_000_000
WINDOWS = {
    "1h": (DAY // 24, 60_000_000),
    "1d": (DAY, DAY // 24),
    "7d": (7 * DAY, DAY // 4),
    "30d": (30 * DAY, DAY),
}
KEYS = ("user", "item", "shop")
EVENT_BYTES = 7 * 8


class Sale(hp.Event, lateness="2h"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    shop: hp.Id
    price: float
    qty: int


class Ask(hp.Event):
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    shop: hp.Id


def declared() -> hp.Data:
    dynamic: dict[str, Any] = {}
    for key in KEYS:
        dynamic[f"{key}_n"] = Sale.per(key).count(*WINDOWS)
        dynamic[f"{key}_sum"] = Sale.per(key).sum("price", *WINDOWS, decimals=2)
        dynamic[f"{key}_mean"] = Sale.per(key).mean("qty", *WINDOWS)
        dynamic[f"{key}_last"] = Sale.per(key).aggregate("last", "price", "all")
    dynamic["since"] = Sale.per("user").aggregate("since_last", None, "all")
    return hp.Data(dynamic=dynamic)


PLAN = compile_features(declared(), hp.label(Ask))


def zipf(draw: np.random.Generator, n: int, keys: int) -> Any:
    """n keys in 1..keys, the k-th with a share near k ** -1.1."""
    power = -0.1
    uniform = draw.random(n)
    return np.minimum(((uniform * ((keys + 1.0) ** power - 1) + 1) ** (1 / power)).astype(np.int64), keys)


def make(data: Path, events: int) -> None:
    """The files, unless they are there."""
    labels = events // 10
    if (data / "labels.parquet").exists():
        return
    (data / "events").mkdir(parents=True)
    keys = {"user": max(1_000, events // 10), "item": max(1_000, events // 100), "shop": SHOPS}
    step = SPAN // events // 2 * 2
    for part, first in enumerate(range(0, events, FILE)):
        draw = np.random.default_rng([7, part])
        n = min(FILE, events - first)
        row = np.arange(first, first + n)
        columns = {"sale": row, "ts": BEGIN + row * step + draw.integers(0, step // 2, n) * 2}
        columns |= {key: zipf(draw, n, many) for key, many in keys.items()}
        columns |= {"price": np.rint(draw.gamma(2.0, 1000.0, n)) / 100, "qty": draw.integers(1, 6, n)}
        pq.write_table(pa.table(columns), data / "events" / f"{part:04}.parquet", row_group_size=500_000)
    draw = np.random.default_rng(8)
    asked = {
        "row": np.arange(labels),
        "ts": draw.integers(BEGIN + 30 * DAY, BEGIN + SPAN, labels) // 2 * 2 + 1,
    }
    asked |= {key: zipf(draw, labels, many) for key, many in keys.items()}
    pq.write_table(pa.table(asked), data / "labels.parquet", row_group_size=250_000)


def run(data: Path, out: Path, memory: str) -> dict[str, Any]:
    """One build by heptad."""
    events = {
        "Sale": rows_of("events", data / "events", [field.name for field in PLAN.stream("Sale").fields])
    }
    fields = {field.name: field for field in request_fields(PLAN)}
    labels = Labels(rows_of("labels", data / "labels.parquet"), "ts", fields, set(fields))
    return build(PLAN, events, labels, out, Budget.of(memory, 2)).as_dict()


def contender(data: Path, answer: Path | None, memory: str) -> dict[str, Any]:
    """What `contest` runs: kernels first, on a few rows, then the load."""
    with tempfile.TemporaryDirectory(dir=data) as folder:
        small = Path(folder)
        make(small, 2_000)
        fields = {field.name: field for field in request_fields(PLAN)}
        labels = Labels(rows_of("labels", small / "labels.parquet"), "ts", fields, set(fields))
        events = {"Sale": rows_of("events", small / "events")}
        build(PLAN, events, labels, small / "out.parquet", Budget(10**9, 2, partitions=2, load=200))
    out = answer or data / "out-heptad.parquet"
    begin, worked = time.perf_counter(), time.process_time()
    report = run(data, out, memory)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if answer is None:
        out.unlink()
    kept = {name: report[name] for name in ("spilled", "written", "in_memory", "stages")}
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_mb": peak_mb(),
        "versions": {},
    } | kept


def expected(data: Path, rows: Any) -> dict[str, Any]:
    """The features of some label rows by definition: all events of their keys, one mask per window."""
    asked = pq.read_table(data / "labels.parquet").take(pa.array(rows)).to_pydict()
    names = [c.name for c in PLAN.columns]
    out: dict[str, Any] = {name: np.zeros(len(rows)) for name in names}
    price: dict[str, Any] = {key: np.full(len(rows), np.nan) for key in KEYS}
    newest = np.full(len(rows), np.iinfo(np.int64).min)
    quantity = {(key, w): np.zeros(len(rows)) for key in KEYS for w in WINDOWS}
    for path in sorted((data / "events").iterdir()):
        held = {
            name: column.to_numpy()
            for name, column in zip(pq.read_schema(path).names, pq.read_table(path), strict=True)
        }
        cents = np.rint(held["price"] * 100)
        for key in KEYS:
            for i, (t, who) in enumerate(zip(asked["ts"], asked[key], strict=True)):
                mine = np.flatnonzero((held[key] == who) & (held["ts"] < t))
                if len(mine):
                    price[key][i] = held["price"][mine[-1]]  # files and rows are in the order of time
                    if key == "user":
                        newest[i] = held["ts"][mine[-1]]
                for w, (width, hop) in WINDOWS.items():
                    inside = mine[held["ts"][mine] >= (t - width) // hop * hop]
                    out[f"{key}_n_{w}"][i] += len(inside)
                    out[f"{key}_sum_{w}"][i] += cents[inside].sum()
                    quantity[key, w][i] += held["qty"][inside].sum()
    for key in KEYS:
        out[f"{key}_last"] = price[key]
        for w in WINDOWS:
            out[f"{key}_sum_{w}"] /= 100
            n = out[f"{key}_n_{w}"]
            out[f"{key}_mean_{w}"] = np.divide(
                quantity[key, w], n, out=np.full(len(rows), np.nan), where=n > 0
            )
    seen = newest > np.iinfo(np.int64).min
    out["since"] = np.where(seen, (np.array(asked["ts"]) - np.where(seen, newest, 0)) / 1e6, np.nan)
    return out


def sample(data: Path, n: int) -> Any:
    """Label rows to look at: the first of the hottest user, item and shop, and some at random."""
    asked = pq.read_table(data / "labels.parquet")
    hot = [int(np.flatnonzero(asked[key].to_numpy() == 1)[0]) for key in KEYS]
    return np.unique(np.r_[hot, np.random.default_rng(1).choice(asked.num_rows, n, replace=False)])


def column_of(path: Path, name: str) -> Any:
    """One column of an answer, float64 or int64: all of them at once may not fit in memory."""
    column = pq.read_table(path, columns=[name])[name]
    return (column if pa.types.is_integer(column.type) else column.cast(pa.float64())).to_numpy()


def checker(data: Path, n: int) -> Any:
    """Compares an answer's sample with `expected`: heptad's to the last bit, others' to 1e-12 (one multiplies by 0.01
    where it is told to divide by 100); rows must be the labels, in their order."""
    rows = sample(data, n)
    want = expected(data, rows)
    labels = pq.read_table(data / "labels.parquet", columns=["row", "ts"])

    def check(name: str, path: Path) -> str:
        if pq.ParquetFile(path).metadata.num_rows != labels.num_rows or not all(
            np.array_equal(column_of(path, c), labels[c].to_numpy()) for c in ("row", "ts")
        ):
            return "rows are not the label rows in their order"
        for column, values in want.items():
            mine = column_of(path, column)[rows]
            near = mine == values if name == "heptad" else np.isclose(mine, values, rtol=1e-12, atol=0)
            wrong = ~(near | (np.isnan(mine) & np.isnan(values)))
            if wrong.any():
                i = int(np.argmax(wrong))
                return f"{column} of row {rows[i]}: expected {values[i]!r}, got {mine[i]!r}"
        return "yes"

    return check


def floor(events: int, data: Path, spilled: int, written: int) -> dict[str, Any]:
    """The bytes that must move at the least (files in, answer out), and those that did, at a copy's speed and the disk's."""
    read = (
        sum(path.stat().st_size for path in (data / "events").iterdir())
        + (data / "labels.parquet").stat().st_size
    )
    disk = disk_speed(data)
    return {
        "bytes_in": read, "bytes_out": written, "bytes_spilled": spilled, "disk_mb_per_s": round(disk / 1e6),
        "copy_gb_per_s": round(copy_speed() / 1e9, 1),
        "seconds_in_and_out": round((read + written) / disk, 2),
        "seconds_with_spill": round((read + written + 2 * spilled) / disk, 2),
    }  # fmt: skip


def disk_speed(data: Path) -> float:
    """Bytes per second of a large synced write."""
    block, path = os.urandom(2**24), data / "speed"
    begin = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(32):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - begin
    path.unlink()
    return 32 * len(block) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e7, 1e8, 3e8], help="numbers of events")
    parser.add_argument(
        "--peers", type=float, default=1e8, help="the largest number of events the others are given"
    )
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds until a contender is given up")
    parser.add_argument("--gigabytes", type=float, help="heptad alone on so many gigabytes of events")
    parser.add_argument("--folder", type=Path, help="where the data goes, and stays [a temporary folder]")
    parser.add_argument("--json", type=Path, help="write the result here too")
    parser.add_argument("--data", type=Path, help="one load, in this process")
    parser.add_argument("--answer", type=Path)
    given = parser.parse_args()
    if given.data:
        print(json.dumps(contender(given.data, given.answer, given.memory)))
        return
    sizes = [given.gigabytes * 1e9 / EVENT_BYTES] if given.gigabytes else given.sizes
    peers = 0.0 if given.gigabytes else given.peers
    folder = given.folder or Path(tempfile.mkdtemp(prefix="out-of-core-"))
    try:
        loads = {
            f"{int(size):,} events": load(folder / str(int(size)), int(size), given, peers) for size in sizes
        }
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    per_row = [one["contenders"]["heptad"]["us_per_event"] for one in loads.values()]
    write(
        {
            "id": "B3", "machine": machine(), "memory": given.memory, "loads": loads,
            "flat": round(per_row[-1] / per_row[0], 2),
            "goal": "time per row at most 1.3 times the smallest load's; at most 4 GB; at least 5 times the best other",
        },
        given.json,
    )  # fmt: skip


def load(data: Path, events: int, given: Any, peers: float) -> dict[str, Any]:
    """All contenders on one size."""
    print(f"{events:,} events", file=sys.stderr, flush=True)
    make(data, events)
    memory = ("--memory", given.memory)
    rounds = given.rounds if events <= 2e7 else 1
    contenders = [Contender("heptad", "out_of_core.py", args=memory, timeout=3600.0)]
    if events <= peers:
        contenders += [
            Contender(
                name,
                f"contenders/out_of_core_{name}.py",
                str(OTHERS),
                memory,
                rounds=1,
                timeout=given.timeout,
            )
            for name in ("duckdb", "polars")
        ]
    found = contest(data, contenders, checker(data, 40 if events <= 2e7 else 8), rounds=rounds)
    mine = found["heptad"]
    mine["us_per_event"] = round(mine["seconds"] / events * 1e6, 4)
    result = {
        "events": events, "labels": events // 10, "contenders": found, "ratio": ratios(found),
        "floor": floor(events, data, mine["spilled"], mine["written"]),
    }  # fmt: skip
    shutil.rmtree(data) if given.folder is None else None
    return result


if __name__ == "__main__":
    main()
