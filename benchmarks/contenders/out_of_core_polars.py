"""Polars' training set from Parquet to Parquet under a memory limit; runs in the contenders' environment.

Its best known form here: running sums per key, and a join_asof at the head and at the tail of each window (an ASOF
join does not meet all events of a window, as join_where and rolling do). Sums are of whole cents, so that they are
exact. Polars has no limit of its own: the process may not allocate more than --memory.
"""

import argparse
import json
import resource
import time
from importlib.metadata import version
from pathlib import Path

import polars as pl
from measure import peak_mb

KEYS = ("user", "item", "shop")
SECOND, DAY = 1_000_000, 86_400_000_000
#: width and hop of each window, microseconds
WINDOWS = {
    "1h": (DAY // 24, 60 * SECOND),
    "1d": (DAY, 3600 * SECOND),
    "7d": (7 * DAY, 21600 * SECOND),
    "30d": (30 * DAY, DAY),
}
SUMS = ("n", "cents", "qty")


def by_key(data: Path, key: str) -> pl.DataFrame:
    """The features of one key, in the order of the label rows."""
    events = pl.scan_parquet(data / "events" / "*.parquet").select(key, "ts", "price", "qty").set_sorted("ts")
    cents = (pl.col("price") * 100).round().cast(pl.Int64)
    sums = events.with_columns(
        pl.int_range(1, pl.len() + 1).over(key).alias("n"), cents.cum_sum().over(key).alias("cents"),
        pl.col("qty").cum_sum().over(key),
    ).collect()  # fmt: skip
    out = pl.scan_parquet(data / "labels.parquet").select("row", key, "ts").sort("ts").collect()
    head = sums.rename({name: f"h_{name}" for name in SUMS} | {"ts": "h_ts"})
    out = out.join_asof(
        head,
        left_on="ts",
        right_on="h_ts",
        by=key,
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    del head
    features = []
    for name, (width, hop) in WINDOWS.items():
        tail = sums.select(key, pl.col("ts").alias("t_ts"), *(pl.col(s).alias(f"t_{name}_{s}") for s in SUMS))
        out = out.with_columns(((pl.col("ts") - width) // hop * hop).alias("tail")).join_asof(
            tail, left_on="tail", right_on="t_ts", by=key, allow_exact_matches=False, check_sortedness=False
        )
        out = out.drop("t_ts", strict=False)
        n, c, q = (pl.col(f"h_{s}").fill_null(0) - pl.col(f"t_{name}_{s}").fill_null(0) for s in SUMS)
        count = n.cast(pl.Float64)
        features += [
            count.alias(f"{key}_n_{name}"), (c.cast(pl.Float64) / 100).alias(f"{key}_sum_{name}"),
            pl.when(count > 0).then(q.cast(pl.Float64) / count).alias(f"{key}_mean_{name}"),
        ]  # fmt: skip
    features.append(pl.col("price").alias(f"{key}_last"))
    if key == "user":
        features.append(((pl.col("ts") - pl.col("h_ts")).cast(pl.Float64) / 1e6).alias("since"))
    return out.select("row", *features).sort("row").drop("row")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--memory", default="4GB")
    given = parser.parse_args()
    limit = int(float(given.memory.removesuffix("GB")) * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    out = given.answer or given.data / "out-polars.parquet"
    begin, worked = time.perf_counter(), time.process_time()
    parts = [by_key(given.data, key) for key in KEYS]
    labels = pl.read_parquet(given.data / "labels.parquet")
    pl.concat([labels, *parts], how="horizontal").write_parquet(out, compression="snappy")
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if not given.answer:
        out.unlink()
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
