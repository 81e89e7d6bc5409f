"""Feature reads: microseconds of one read of 1, 100 and 500 rows by 50 features, on both stores. Prints JSON.

    python benchmarks/online_read.py [--events 200000] [--reads 1000] [--directory DIR] [--json FILE]

One user and many candidate ads per read, another user and other ads each time. Before anything is timed, a
sample of rows is compared with the oracle, to the last bit.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import heptad as hp
from contest import machine
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.open import open_store
from heptad.state.store import Store
from heptad.testing.compare import differences
from heptad.testing.tiny_applier import StandingClock, TinyApplier, columns_of
from heptad.times import DAY

USERS, ADS, CATEGORIES, TAGS = 2_000, 5_000, 20, 12
ROWS = (1, 100, 500)
SAMPLED = 20
BATCH = 10_000


class Ad(hp.Table):
    ad: hp.Id
    category: str
    tags: list[str]
    price: float


class Impression(hp.Event):
    impression_id: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    device: str
    bid: float
    category: str = hp.lookup(Ad.category)
    tags: list[str] = hp.lookup(Ad.tags)


class Click(hp.Event):
    click_id: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    category: str = hp.lookup(Ad.category)


@hp.feature
def value_gap(bid: Any, bid_mean_7d: Any) -> Any:
    return bid - bid_mean_7d


def plan_of_fifty() -> Plan:
    seen, pair = Impression.per("user"), Impression.per("user", "category")
    windows = ("1h", "1d", "7d", "30d", "all")
    dynamic = {
        "seen": seen.count(*windows),
        "clicked": Click.per("user").count(*windows),
        "bid_mean": seen.mean("bid", "1h", "1d", "7d"),
        "bid_sum": seen.sum("bid", "1d", "7d"),
        "bid_min": seen.min("bid", "7d"),
        "bid_max": seen.max("bid", "7d"),
        "since": seen.since_last("30d"),
        "last_categories": seen.last("category", "7d", n=10),
        "last_device": seen.last("device", "30d"),
        "ad_ctr": hp.rate(Click, Impression, per="ad", over=("1h", "1d", "7d", "all"), prior=0.1, strength=20),
        "ad_seen": Impression.per("ad").count("1h", "1d", "7d"),
        "ad_bid": Impression.per("ad").mean("bid", "1d", "7d"),
        "ad_since": Impression.per("ad").since_last(),
        "category_seen": Impression.per("category").count("1h", "1d", "7d"),
        "category_bid": Impression.per("category").mean("bid", "1d", "7d"),
        "pair_seen": pair.count("1d", "7d", "all"),
        "pair_clicked": Click.per("user", "category").count("7d", "all"),
        "tags_seen": Impression.per("tags").count("1d", "7d"),
    }  # fmt: skip
    static = {"category": Ad.category, "tags": Ad.tags, "price": Ad.price}
    contextual = {
        "hour": hp.hour(),
        "weekday": hp.weekday(),
        "device": Impression.device,
        "value_gap": value_gap,
    }
    contextual["bid"] = Impression.bid
    return compile_features(hp.Data(static, dynamic, contextual), hp.label(Impression))


def history(events: int) -> list[Logged]:
    """Ads, then impressions and clicks over 30 days; ads and users with a few favourites among them."""
    draw = random.Random(7)
    tags = {ad: draw.sample([f"tag {i}" for i in range(TAGS)], draw.randint(1, 3)) for ad in range(ADS)}
    category = {ad: f"category {ad % CATEGORIES}" for ad in range(ADS)}
    log = [
        Logged(
            ad, 0, "Ad", {"ad": ad, "category": category[ad], "tags": tags[ad], "price": draw.uniform(1, 50)}
        )
        for ad in range(ADS)
    ]
    for i in range(events):
        ts = (i + 1) * (30 * DAY // events)
        user, ad = int(USERS * draw.random() ** 2), int(ADS * draw.random() ** 2)
        row = {"ts": ts, "user": user, "ad": ad, "category": category[ad]}
        if i % 10 == 9:
            log.append(Logged(ADS + i, ts, "Click", row | {"click_id": i}))
        else:
            shown = {
                "impression_id": i,
                "device": draw.choice(["web", "app"]),
                "bid": draw.uniform(0, 5),
                "tags": tags[ad],
            }
            log.append(Logged(ADS + i, ts, "Impression", row | shown))
    return log  # fmt: skip


def requests(draw: random.Random, rows: int) -> list[dict[str, Any]]:
    user, ads = int(USERS * draw.random() ** 2), draw.sample(range(ADS), rows)
    return [{"impression_id": 0, "user": user, "ad": ad, "device": "web", "bid": 1.0} for ad in ads]


def check(plan: Plan, log: Sequence[Logged], reader: Reader) -> int:
    """Compare a sample with the oracle; how many values were equal. Raises where one is not."""
    asked = requests(random.Random(1), SAMPLED)
    answer, oracle = reader.read(columns_of(plan, asked), SAMPLED), Oracle(plan, log)
    for i, request in enumerate(asked):
        expected = oracle.read(request, answer.t, answer.offsets[0])
        found = differences(expected, {name: column[i] for name, column in answer.values.items()})
        if found:
            raise SystemExit(f"not what the oracle says: {found[0]}")
    return SAMPLED * len(plan.columns)


def timed(plan: Plan, reader: Reader, rows: int, reads: int) -> dict[str, float]:
    draw = random.Random(rows)
    asked = [columns_of(plan, requests(draw, rows)) for _ in range(reads)]
    first = time.perf_counter()
    reader.read(asked[0], rows)
    each = []
    for request in asked:
        begin = time.perf_counter()
        reader.read(request, rows)
        each.append((time.perf_counter() - begin) * 1e6)
    return {
        "first_us": round((time.perf_counter() - first) * 1e6 - sum(each), 1),
        "p50_us": round(float(np.percentile(each, 50)), 1),
        "p99_us": round(float(np.percentile(each, 99)), 1),
    }


def bytes_of(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def measure(plan: Plan, log: Sequence[Logged], store: Store, reads: int) -> dict[str, Any]:
    applier, begin = TinyApplier(plan, store, log), time.perf_counter()
    for _ in range(0, len(log), BATCH):
        applier.apply(BATCH)
    applied = time.perf_counter() - begin
    reader = Reader(plan, store, StandingClock(30 * DAY + 1))
    begin = time.perf_counter()
    reader.warm()
    warmed = time.perf_counter() - begin
    return {
        "applied_records_per_s": round(len(log) / applied),
        "warm_ms": round(warmed * 1e3, 1),
        "values_equal_to_the_oracle": check(plan, log, reader),
        **{f"{rows} rows": timed(plan, reader, rows, reads) for rows in ROWS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--reads", type=int, default=1000, help="per measurement")
    parser.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    parser.add_argument("--json", type=Path, help="write the result here too")
    arguments = parser.parse_args()
    plan, log = plan_of_fifty(), history(arguments.events)
    result: dict[str, Any] = {
        "machine": machine(), "events": arguments.events, "columns": len(plan.columns), "groups": len(plan.groups),
        "users": USERS, "ads": ADS, "reads": arguments.reads, "unit": "microseconds per read of all rows",
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        for kind, url in (("memory", "memory:"), ("embedded", f"embedded://{name}/state")):
            store = open_store(url, plan.state_hash)
            result[kind] = measure(plan, log, store, arguments.reads)
            store.close()
        result["embedded"]["mib"] = round(bytes_of(Path(name) / "state") / 2**20, 1)
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
