"""Polars' join_asof of five tables, from Parquet files to a frame in memory; runs in the contenders' environment.

Its best known form: lazy, the tables known to be in the order of time, and only the rows of users that are asked for
enter the join (a semi join), which is faster here than joining all of them.
"""

import argparse
import json
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import polars as pl
from measure import peak_mb

TABLES = 5


def join(data: Path, rows: int | None = None) -> pl.DataFrame:
    labels = pl.scan_parquet(data / "labels.parquet").set_sorted("ts")
    labels = labels if rows is None else labels.head(rows)
    users = labels.select("user").unique()
    out = labels
    for k in range(TABLES):
        table = pl.scan_parquet(data / f"t{k}.parquet").join(
            users, on="user", how="semi", maintain_order="left"
        )
        table = table.rename(
            {c: f"t{k}_{c}" for c in table.collect_schema().names() if c not in ("user", "since")}
        )
        out = out.join_asof(
            table.set_sorted("since"), left_on="ts", right_on="since", by="user", strategy="backward",
            allow_exact_matches=False, tolerance=timedelta(days=30), check_sortedness=False, coalesce=True,
        )  # fmt: skip
        out = out.drop("since", strict=False)
    return out.collect()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    given = parser.parse_args()
    join(given.data, 10)
    begin, worked = time.perf_counter(), time.process_time()
    found = join(given.data)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if given.answer:
        found.write_parquet(given.answer)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu, 3),
                "peak_mb": peak_mb(),
                "versions": {"polars": version("polars")},
            }
        )
    )


if __name__ == "__main__":
    main()
