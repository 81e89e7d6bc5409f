"""B2: facts of five tables as of each label row's time, from Parquet files to an answer in memory.

    python benchmarks/lookup_join.py [--rows 2000000] [--labels 100000] [--rounds 3] [--json FILE]

Five tables of ``--rows`` rows and ten columns (six floats, two ints, two texts), each row valid from its time on, in
the order of time; 200,000 users, one in twenty label rows of a user nobody knows. A label row gets, from each table, the
ten columns of its user's newest row strictly before its time and at most 30 days old: fifty columns. No two times
are equal, so that what a contender does at an equal time makes no difference. Every contender reads the same
files, and the clock runs from there to the whole answer in memory; importing, declaring and, for heptad, the
compiling of its kernels are done before on a few rows. 200 rows of every answer are held to heptad's oracle. Feast's
dask store drops label rows whose user has no row before their time, or none within the ttl: its answer is reported
as wrong, and its time stands beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import heptad as hp
from contest import OTHERS, Contender, contest, copy_speed, machine, peak_mb, ratios, write
from heptad.offline.conversion import Reading, convert
from heptad.offline.frames import to_arrow
from heptad.offline.sources import read
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.times import DAY

BEGIN, DAYS, USERS, TABLES = 1_700_000_000_000_000, 60, 200_000, 5
FLOATS, INTS, TEXTS = [f"x{i}" for i in range(6)], ["n0", "n1"], ["s0", "s1"]
COLUMNS = [*FLOATS, *INTS, *TEXTS]
UTC = pa.timestamp("us", "UTC")


def table(name: str) -> Any:
    """One of the tables, all of them alike: the class a user would write out, made of the lists above."""
    kinds = {"user": hp.Id, "since": hp.Time}
    kinds |= dict.fromkeys(FLOATS, float) | dict.fromkeys(INTS, int) | dict.fromkeys(TEXTS, str)
    return type(hp.Table)(name, (hp.Table,), {"__annotations__": kinds, "__module__": __name__}, ttl="30d")


class Ask(hp.Event):
    ts: hp.Time
    user: hp.Id


CLASSES = tuple(table(f"T{k}") for k in range(TABLES))
PLAN = compile_features(
    hp.Data(static={f"t{k}_{name}": getattr(cls, name) for k, cls in enumerate(CLASSES) for name in COLUMNS}),
    hp.label(Ask),
)


def make(data: Path, rows: int, labels: int) -> None:
    """The files: tables with even microseconds, label rows with odd ones."""
    draw = np.random.default_rng(7)
    words = np.array([f"word {i}" for i in range(10_000)])
    for k in range(TABLES):
        since = np.sort(draw.choice(DAYS * DAY // 2, rows, replace=False)) * 2 + BEGIN
        columns: dict[str, Any] = {
            "user": draw.integers(0, USERS, rows),
            "since": pa.array(since, pa.int64()).cast(UTC),
        }
        columns |= {name: draw.gamma(2.0, 1.0, rows) for name in FLOATS}
        columns |= {name: draw.integers(0, 1_000_000, rows) for name in INTS}
        columns |= {"s0": words[draw.integers(0, 50, rows)], "s1": words[draw.integers(0, 10_000, rows)]}
        pq.write_table(pa.table(columns), data / f"t{k}.parquet")
    t = draw.integers(BEGIN + 30 * DAY, BEGIN + DAYS * DAY, labels) // 2 * 2 + 1
    user = np.where(draw.random(labels) < 0.05, USERS, 0) + draw.integers(0, USERS, labels)
    order = np.argsort(t, kind="stable")
    asked = {"row": np.arange(labels), "user": user[order], "ts": pa.array(t[order], pa.int64()).cast(UTC)}
    pq.write_table(pa.table(asked), data / "labels.parquet")


def join(data: Path, labels: pa.Table) -> pa.Table:
    """heptad's answer for these label rows."""
    batches = {
        cls.__name__: read(PLAN.stream(cls.__name__), data / f"{cls.__name__.lower()}.parquet")
        for cls in CLASSES
    }
    asked = {
        f.name: convert(labels.column(f.name).combine_chunks(), f, f"labels.{f.name}", Reading())
        for f in PLAN.stream("Ask").fields
    }
    return to_arrow(training_set(PLAN, batches, {"user": asked["user"]}, asked["ts"].values))


def ours(data: Path, answer: Path | None) -> dict[str, Any]:
    labels = pq.read_table(data / "labels.parquet").select(["user", "ts"])
    with tempfile.TemporaryDirectory() as name:  # the kernels, compiled
        small = Path(name)
        for k in range(TABLES):
            pq.write_table(
                pq.ParquetFile(data / f"t{k}.parquet").read_row_group(0).slice(0, 100),
                small / f"t{k}.parquet",
            )
        join(small, labels.slice(0, 10))
    begin, worked = time.perf_counter(), time.process_time()
    found = join(data, labels)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if answer is not None:
        pq.write_table(found, answer)
    return {
        "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "peak_mb": peak_mb(),
        "versions": {"heptad": hp.__version__, "pyarrow": version("pyarrow")},
    }  # fmt: skip


def expected(data: Path, sample: np.ndarray) -> list[dict[str, Any]]:
    """The oracle's answers for some label rows, from all table rows of their users."""
    labels = pq.read_table(data / "labels.parquet")
    users = labels.column("user").to_numpy()[sample]
    times = labels.column("ts").cast(pa.int64()).to_numpy()[sample]
    log: list[Logged] = []
    for k in range(TABLES):
        held = pq.read_table(data / f"t{k}.parquet", filters=[("user", "in", sorted(set(users.tolist())))])
        held = held.set_column(1, "since", held.column("since").cast(pa.int64()))
        log += [Logged(len(log) + i, 2**61, f"T{k}", row) for i, row in enumerate(held.to_pylist())]
    oracle = Oracle(PLAN, log)
    return [
        oracle.read({"user": user}, t, len(log))
        for user, t in zip(users.tolist(), times.tolist(), strict=True)
    ]


def checker(data: Path, labels: int) -> Any:
    """A check of an answer: all rows there, in their order, and the sample as the oracle says."""
    sample = np.sort(np.random.default_rng(1).choice(labels, min(200, labels), replace=False))
    want = expected(data, sample)

    def check(_: str, path: Path) -> str:
        got = pq.read_table(path)
        if got.num_rows != labels:
            return f"wrong: {got.num_rows} rows of {labels}"
        for column in PLAN.columns:
            values = got.column(column.name).take(pa.array(sample)).to_pylist()
            for place, (value, row) in enumerate(zip(values, want, strict=True)):
                right = row[column.name]
                missing = right is None or right != right
                if (value is None or value != value) != missing or (not missing and value != right):
                    return f"wrong: {column.name} of row {sample[place]} is {value!r}, not {right!r}"
        return "yes"

    return check


def floor(rows: int, labels: int) -> dict[str, Any]:
    """Key and time of every row, ten columns of them as they must leave Parquet, and the answer written once."""
    size = TABLES * rows * 8 * (2 + len(COLUMNS)) + labels * TABLES * len(COLUMNS) * 8
    speed = copy_speed()
    return {"bytes": size, "copy_gib_per_s": round(speed / 2**30, 1), "seconds": round(size / speed, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="of each table")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=3, help="of contenders that take minutes")
    parser.add_argument("--only", nargs="*", help="contenders")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data:
        print(json.dumps(ours(given.data, given.answer)))
        return
    feast, slow = "contenders/lookup_join_feast.py", given.slow_rounds
    sides = [
        Contender("heptad", "lookup_join.py"),
        Contender("polars", "contenders/lookup_join_polars.py", str(OTHERS)),
        Contender("feast_duckdb", feast, str(OTHERS), ("--store", "duckdb"), rounds=slow),
        Contender("feast_dask", feast, str(OTHERS), ("--store", "dask"), rounds=slow, timeout=3600),
    ]
    sides = [side for side in sides if not given.only or side.name in given.only]
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        make(data, given.rows, given.labels)
        found = contest(data, sides, checker(data, given.labels), rounds=given.rounds)
    ratio = ratios(found)
    goals = {"feast_dask": 100.0, "feast_duckdb": 10.0, "polars": 1.0}
    result = {
        "id": "B2", "machine": machine(), "unit": "seconds from Parquet files to the whole answer in memory",
        "load": {
            "tables": TABLES, "rows": given.rows, "columns": len(COLUMNS), "labels": given.labels, "users": USERS,
        },
        "contenders": found, "ratio": ratio, "floor": floor(given.rows, given.labels),
        "goal": "at least 100 x Feast's dask store, 10 x its DuckDB store, no slower than Polars join_asof",
        "holds": {
            name: ratio[name] >= goal and found["heptad"]["correct"] == "yes"
            for name, goal in goals.items() if name in ratio
        },
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
