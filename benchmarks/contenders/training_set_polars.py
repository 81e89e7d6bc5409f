"""Polars' windowed aggregates as of each row's time, frames in memory to Arrow in memory; in the contenders' environment.

Polars' own rolling windows end at rows of the frame and have one width each, so they cannot give these windows. Its
best known form: events sorted by user and time once; an ASOF join at the head and one at the tail of each window give
places in that order; counts are differences of places, sums differences of running sums, the last five are
gathered, and the greatest of a window is the greater of two overlapping runs of 2**k events, whose greatest
values are made level by level from those of half the length.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import polars as pl
from measure import peak_mb

WINDOWS = ("1h", "1d", "7d", "30d")
HEAD = "t"


def places(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """For the head and each tail the place after the last event strictly before it; the user's first place where none is."""
    keys = events.select("user", "ts", (pl.col("place") + 1).alias("after"))
    firsts = events.group_by("user").agg(pl.col("place").min().alias("first"))
    out = rows.join(firsts, on="user", how="left", maintain_order="left").with_columns(
        pl.col("first").fill_null(0)
    )
    for name in (HEAD, *(f"lo_{w}" for w in WINDOWS)):
        one = rows.select("row", "user", pl.col(name).alias("ts")).sort("user", "ts")
        found = one.join_asof(
            keys, on="ts", by="user", strategy="backward", allow_exact_matches=False, check_sortedness=False
        )
        found = found.select("row", pl.col("after").alias(f"p_{name}")).sort("row")
        out = out.with_columns(found[f"p_{name}"])
        out = out.with_columns(pl.col(f"p_{name}").fill_null(pl.col("first")))
    return out


def answer(events: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    events = (
        events.sort("user", "ts", "click_id")
        .with_row_index("place")
        .with_columns(pl.col("place").cast(pl.Int64))
    )
    at = places(rows, events)
    sums = pl.concat([pl.Series("s", [0.0]), events["bid"].cum_sum()])
    head = at[f"p_{HEAD}"]
    out = {"row": at["row"]}
    for w in WINDOWS:
        low = at[f"p_lo_{w}"]
        count = head - low
        total = sums.gather(head) - sums.gather(low)
        some = count > 0
        frame = pl.DataFrame({"n": count, "s": total, "some": some}).select(
            pl.col("n").alias(f"clicks_{w}"),
            pl.when("some").then(pl.col("s")).otherwise(0.0).alias(f"spent_{w}"),
            pl.when("some").then(pl.col("s") / pl.col("n")).alias(f"mean_bid_{w}"),
        )
        out |= {name: frame[name] for name in frame.columns}
        out[f"max_bid_{w}"] = pl.repeat(None, len(rows), dtype=pl.Float64, eager=True)
    greatest(events["bid"], at, out)
    reach = pl.DataFrame({"head": head, "first": at["first"]}).with_columns(
        **{
            f"i{k}": pl.when(pl.col("head") - 1 - k >= pl.col("first")).then(pl.col("head") - 1 - k)
            for k in range(5)
        }
    )
    five = pl.DataFrame({f"v{k}": events["item"].gather(reach[f"i{k}"]) for k in range(5)})
    out["recent"] = five.select(pl.concat_list(pl.all()).list.drop_nulls().alias("recent"))["recent"]
    return pl.DataFrame(out)


def greatest(bids: pl.Series, at: pl.DataFrame, out: dict[str, pl.Series]) -> None:
    """Fill the columns of greatest values, level by level: level k serves windows of 2**k to 2**(k+1) - 1 events."""
    head = at[f"p_{HEAD}"]
    lows = {w: at[f"p_lo_{w}"] for w in WINDOWS}
    parts = {w: [] for w in WINDOWS}
    longest = max((head - low).max() for low in lows.values())
    runs, length = bids, 1
    while length <= longest:
        for w, low in lows.items():
            frame = pl.DataFrame({"row": at["row"], "low": low, "head": head}).filter(
                (pl.col("head") - pl.col("low")).is_between(length, 2 * length - 1)
            )
            if len(frame):
                left, right = runs.gather(frame["low"]), runs.gather(frame["head"] - length)
                parts[w].append(
                    pl.DataFrame({"row": frame["row"], "l": left, "r": right}).select(
                        "row", pl.max_horizontal("l", "r").alias("m")
                    )
                )
        runs = pl.DataFrame({"a": runs, "b": runs.shift(-length)}).select(
            pl.max_horizontal("a", "b").alias("m")
        )["m"]
        length *= 2
    for w in WINDOWS:
        if parts[w]:
            found = at.select("row").join(pl.concat(parts[w]), on="row", how="left", maintain_order="left")
            out[f"max_bid_{w}"] = found["m"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    given = parser.parse_args()
    events, rows = (pl.read_parquet(given.data / f"{name}.parquet") for name in ("events", "rows"))
    events = events.rechunk()
    answer(events.head(1000), rows.head(100))
    begin, worked = time.perf_counter(), time.process_time()
    found = answer(events, rows).to_arrow()
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
                "versions": {"polars": version("polars")},
            }
        )
    )


if __name__ == "__main__":
    main()
