"""River's running statistics of the same impressions; runs in the contenders' environment.

Its best known form for these features: per key one ``TimeRolling(Mean)`` for 1h, 1d and 7d, which gives count, mean
and sum at once, and plain counters. Left out, because River has no such thing: durability, duplicates, windows of
max and min over time (the all-time ones are kept instead), and windows that empty without a new event. Lateness is
checked as heptad does it. Windows end at the last event and not at the read, so that only all-time columns have
heptad's meaning; those are the answer.
"""

import argparse
import datetime as dt
import json
import time
from collections import deque
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measure import peak_mb
from river import stats, utils

HOUR = 3_600_000_000
WINDOWS = (dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=7))


class Key:
    """What is kept of one key: ``windows`` of means, and the newest values of a column."""

    __slots__ = ("best", "count", "last_time", "newest", "windows")

    def __init__(self, windows, best, keep):
        self.count, self.last_time, self.newest = 0, 0, deque(maxlen=keep)
        self.windows = [utils.TimeRolling(stats.Mean, period=window) for window in windows]
        self.best = best

    def update(self, bid, when, ts, value):
        self.count += 1
        self.last_time = max(self.last_time, ts)
        for window in self.windows:
            window.update(bid, t=when)
        if self.best is not None:
            self.best.update(bid)
        self.newest.append(value)


def run(rows, category):
    """The states per user, per ad and per (user, category) after all rows."""
    users, ads, pairs, frontier = {}, {}, {}, 0
    for row in rows:
        ts = row["ts"]
        if ts < frontier - HOUR:
            continue
        frontier = max(frontier, ts)
        when, bid, user, ad = row["when"], row["bid"], row["user"], row["ad"]
        key = users.get(user)
        if key is None:
            key = users[user] = Key(WINDOWS, stats.Max(), 10)
        key.update(bid, when, ts, ad)
        key = ads.get(ad)
        if key is None:
            key = ads[ad] = Key(WINDOWS, stats.Min(), 1)
        key.update(bid, when, ts, row["device"])
        pair = user, category[ad]
        key = pairs.get(pair)
        if key is None:
            key = pairs[pair] = Key(WINDOWS, None, 1)
        key.update(bid, when, ts, ad)
    return users, ads, pairs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument(
        "--first", type=int, help="time only so many events; all of them where an answer is asked for"
    )
    given = parser.parse_args()
    rows = pq.read_table(given.data / "impressions.parquet").drop_columns(["arrival"]).to_pylist()
    if given.first and not given.answer:
        rows = rows[: given.first]
    category = {row["ad"]: row["category"] for row in pq.read_table(given.data / "ads.parquet").to_pylist()}
    for row in rows:  # the form River takes, made before the clock runs
        row["when"] = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=row["ts"])
    run(rows[:1000], category)
    begin = time.perf_counter()
    users, ads, pairs = run(rows, category)
    seconds = time.perf_counter() - begin
    if given.answer:
        end, found = 11 * 24 * HOUR, []
        for asked in pq.read_table(given.data / "requests.parquet").to_pylist():
            kept = (
                users.get(asked["user"]), ads.get(asked["ad"]), pairs.get((asked["user"], asked["category"])),
            )  # fmt: skip
            row = {}
            for names, key in zip(
                (("seen_all", "since"), ("ad_seen_all", "ad_since"), ("pair_seen_all", "pair_since")),
                kept,
                strict=True,
            ):
                row[names[0]] = 0.0 if key is None else float(key.count)
                row[names[1]] = None if key is None else (end - key.last_time) / 1e6
            found.append(row)
        pq.write_table(pa.Table.from_pylist(found), given.answer)
    n = len(rows)
    print(
        json.dumps(
            {
                "us_per_event": round(1e6 * seconds / n, 3), "rate": round(n / seconds), "seconds": round(seconds, 3),
                "events": n, "peak_mb": peak_mb(), "versions": {"river": version("river")},
                "form": "in memory, nothing durable",
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
