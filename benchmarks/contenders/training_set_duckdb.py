"""DuckDB's windowed aggregates as of each row's time, tables in memory to Arrow in memory; in the contenders' environment.

Three forms, all given the bounds of every window in advance (``lo_1h`` ... of the rows):

* ``window``: events and rows in one relation, one frame per window (RANGE ... PRECEDING of the row's own width),
  which DuckDB answers with segment trees after one sort. The list of the last five is made per event, and the
  newest before the row is taken.
* ``asof``: running counts and sums per user, an ASOF join at the head and one at the tail of every window, whose
  differences are the window's; a greatest value has no difference, so it comes from the frames of ``window``.
* ``range``: a join of all events of the row's user before it, grouped by row.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import duckdb
from measure import peak_mb

WINDOWS = ("1h", "1d", "7d", "30d")

ALL = """
    WITH listed AS (
        SELECT *, list_filter([item, lag(item, 1) OVER ordered, lag(item, 2) OVER ordered, lag(item, 3) OVER ordered,
                               lag(item, 4) OVER ordered], lambda x: x IS NOT NULL) AS five
        FROM events WINDOW ordered AS (PARTITION BY user ORDER BY ts, click_id)
    )"""


def unioned(columns: str, source: str) -> str:
    empty = ", ".join(f"NULL AS {name}" for name in columns.split(", "))
    zeros = ", ".join(f"0::BIGINT AS b_{w}" for w in WINDOWS)
    bounds = ", ".join(f"t - lo_{w} AS b_{w}" for w in WINDOWS)
    return f"""(SELECT user, ts, NULL AS row, {columns}, {zeros} FROM {source}
                UNION ALL BY NAME SELECT user, t AS ts, row, {empty}, {bounds} FROM rows)"""


def frames() -> str:
    return ", ".join(
        f"w_{w} AS (PARTITION BY user ORDER BY ts RANGE BETWEEN b_{w} PRECEDING AND 1 PRECEDING)"
        for w in WINDOWS
    )


def window() -> str:
    values = ", ".join(
        f"count(bid) OVER w_{w} AS clicks_{w}, coalesce(sum(bid) OVER w_{w}, 0) AS spent_{w}, "
        f"avg(bid) OVER w_{w} AS mean_bid_{w}, max(bid) OVER w_{w} AS max_bid_{w}"
        for w in WINDOWS
    )
    return f"""{ALL}
        SELECT row, {values}, coalesce(last_value(five IGNORE NULLS) OVER past, []) AS recent
        FROM {unioned("bid, click_id, five", "listed")}
        WINDOW {frames()},
               past AS (PARTITION BY user ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        QUALIFY row IS NOT NULL"""


def asof() -> str:
    tails = " ".join(
        f"ASOF LEFT JOIN running t_{w} ON r.user = t_{w}.user AND r.lo_{w} > t_{w}.ts" for w in WINDOWS
    )
    counts = {w: f"(coalesce(h.n, 0) - coalesce(t_{w}.n, 0))" for w in WINDOWS}
    sums = {w: f"(coalesce(h.s, 0) - coalesce(t_{w}.s, 0))" for w in WINDOWS}
    values = ", ".join(
        f"{counts[w]} AS clicks_{w}, CASE WHEN {counts[w]} = 0 THEN 0 ELSE {sums[w]} END AS spent_{w}, "
        f"CASE WHEN {counts[w]} > 0 THEN {sums[w]} / {counts[w]} END AS mean_bid_{w}, g.max_bid_{w}"
        for w in WINDOWS
    )
    greatest = ", ".join(f"max(bid) OVER w_{w} AS max_bid_{w}" for w in WINDOWS)
    return f"""{ALL}, running AS (
            SELECT user, ts, five, count(*) OVER ordered AS n, sum(bid) OVER ordered AS s FROM listed
            WINDOW ordered AS (PARTITION BY user ORDER BY ts, click_id ROWS UNBOUNDED PRECEDING)
        ), greatest AS (
            SELECT row, {greatest} FROM {unioned("bid", "events")} WINDOW {frames()} QUALIFY row IS NOT NULL
        )
        SELECT r.row, {values}, coalesce(h.five, []) AS recent
        FROM rows r ASOF LEFT JOIN running h ON r.user = h.user AND r.t > h.ts {tails}
        JOIN greatest g ON g.row = r.row"""


def ranged() -> str:
    values = ", ".join(
        f"count(*) FILTER (e.ts >= r.lo_{w}) AS clicks_{w}, coalesce(sum(bid) FILTER (e.ts >= r.lo_{w}), 0) AS spent_{w}, "
        f"avg(bid) FILTER (e.ts >= r.lo_{w}) AS mean_bid_{w}, max(bid) FILTER (e.ts >= r.lo_{w}) AS max_bid_{w}"
        for w in WINDOWS
    )
    return f"""SELECT r.row, {values}, coalesce(arg_max(item, ts, 5), []) AS recent
        FROM rows r LEFT JOIN events e ON e.user = r.user AND e.ts < r.t GROUP BY r.row"""


FORMS = {"window": window, "asof": asof, "range": ranged}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--form", choices=FORMS, default="window")
    given = parser.parse_args()
    held = duckdb.connect()
    held.execute(f"SET preserve_insertion_order = false; SET temp_directory = '{given.data / 'spilled'}'")
    for name in ("events", "rows"):
        held.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{given.data / name}.parquet')")
    begin, worked = time.perf_counter(), time.process_time()
    found = held.execute(FORMS[given.form]()).to_arrow_table()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if given.answer:
        import pyarrow.parquet as pq

        pq.write_table(found, given.answer)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu, 3),
                "peak_mb": peak_mb(),
                "form": given.form,
                "versions": {"duckdb": version("duckdb")},
            }
        )
    )


if __name__ == "__main__":
    main()
