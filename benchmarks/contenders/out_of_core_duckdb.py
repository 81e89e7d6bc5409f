"""DuckDB's training set from Parquet to Parquet at a memory limit; runs in the contenders' environment.

Its best known form here: sums in windows as differences of running sums, each found by an ASOF join (one at the head of
all windows and one at the tail of each), so that no label row meets more than five events per key. A join of ranges
meets all events of the window, which for the hottest keys is tens of thousands of millions of pairs. Running sums are
of whole cents, so that they are exact.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import duckdb
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


def sql_of(key: str) -> str:
    """One row of features per label row, for one key."""
    joins = [f"ASOF LEFT JOIN sums h ON l.{key} = h.{key} AND l.ts > h.ts"]
    columns = ["l.row"]
    for name, (width, hop) in WINDOWS.items():
        tail = f"((l.ts - {width}) // {hop}) * {hop}"
        joins.append(f"ASOF LEFT JOIN sums t{name} ON l.{key} = t{name}.{key} AND {tail} > t{name}.ts")
        count = f"coalesce(h.n, 0) - coalesce(t{name}.n, 0)"
        columns += [
            f"({count})::DOUBLE AS {key}_n_{name}",
            f"(coalesce(h.cents, 0) - coalesce(t{name}.cents, 0))::DOUBLE / 100 AS {key}_sum_{name}",
            f"(coalesce(h.qty, 0) - coalesce(t{name}.qty, 0))::DOUBLE / nullif({count}, 0) AS {key}_mean_{name}",
        ]
    columns.append(f"h.price AS {key}_last")
    if key == "user":
        columns.append("(l.ts - h.ts)::DOUBLE / 1e6 AS since")
    return f"""
        WITH sums AS (
            SELECT {key}, ts, price,
                   count(*) OVER w AS n, sum(round(price * 100)::BIGINT) OVER w AS cents, sum(qty) OVER w AS qty
            FROM events WINDOW w AS (PARTITION BY {key} ORDER BY ts ROWS UNBOUNDED PRECEDING)
        )
        SELECT {", ".join(columns)} FROM labels l {" ".join(joins)}"""


def build(data: Path, out: Path, memory: str, spill: Path) -> None:
    spill.mkdir(exist_ok=True)
    with duckdb.connect(str(spill / "work.duckdb")) as db:
        db.execute(f"SET memory_limit = '{memory}'; SET temp_directory = '{spill}'; SET threads = 2")
        db.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        db.execute(f"CREATE VIEW events AS SELECT * FROM '{data}/events/*.parquet'")
        db.execute(f"CREATE VIEW labels AS SELECT * FROM '{data}/labels.parquet'")
        for key in KEYS:  # one after the other: all at once needs their memory together
            db.execute(f"CREATE TABLE by_{key} AS {sql_of(key)}")
        joined = " ".join(f"JOIN by_{key} USING (row)" for key in KEYS)
        db.execute(
            f"COPY (SELECT * FROM labels {joined} ORDER BY row) TO '{out}' (FORMAT parquet, COMPRESSION snappy)"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--memory", default="4GB")
    given = parser.parse_args()
    out, spill = given.answer or given.data / "out-duckdb.parquet", given.data / "spill-duckdb"
    begin, worked = time.perf_counter(), time.process_time()
    try:
        build(given.data, out, given.memory, spill)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    finally:
        for path in spill.iterdir():
            path.unlink()
        spill.rmdir()
    if not given.answer:
        out.unlink()
    print(
        json.dumps(
            {
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu, 3),
                "peak_mb": peak_mb(),
                "versions": {"duckdb": version("duckdb")},
            }
        )
    )


if __name__ == "__main__":
    main()
