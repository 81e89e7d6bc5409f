"""B4: events in, acknowledged when durable, applied to the states of 30 features in 3 groups.

    python benchmarks/ingest.py [--events 400000] [--rounds 5] [--store redis] [--json FILE]

Users and ads are drawn by Zipf's law (exponent 1.1), one event in fifty is up to two hours late (lateness is one
hour), and each event looks up its ad's category in a table. The clock runs from the first post to the last commit:
every event is checked, enriched, logged and synced before it is acknowledged, admitted (late, duplicate), and
applied to an embedded store whose every commit is synced; one process, one thread that posts 10,000 events a call,
one that applies what the log holds, by the commit policy that serves reads (`heptad.streams.policy`). With ``--store
redis`` the states are on a server started here, and heptad is measured alone. ``heptad``
posts rows (dicts), ``heptad_columns`` batches of columns, as a Parquet import does, ``heptad_backfill`` logs the
columns and fills an empty state in one pass. River and Quix Streams compute as many of the 30 as each can, from the
same dicts; what each leaves out is said in its file (contenders/). They slow down as history grows, so after the first,
checked round they are timed on the first 50,000 events only, which favours them. Every answer is held to heptad's oracle on a
sample: all 30 columns of heptad's, of the others those whose meaning is the same.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import heptad as hp
from contest import OTHERS, Contender, contest, copy_speed, machine, peak_mb, ratios, write
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Column, Logged, column_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.open import discard_state, open_store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log
from heptad.testing.servers import RedisServer
from heptad.times import DAY

USERS, ADS, CATEGORIES = 100_000, 10_000, 50
ZIPF = 1.1
CALL = 10_000  #: events in one call of the appender
SAMPLED = 30
END = 11 * DAY


class Ad(hp.Table):
    ad: hp.Id
    category: str


class Impression(hp.Event, lateness="1h"):
    impression_id: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    device: str
    bid: float
    category: str = hp.lookup(Ad.category)


def plan_of_thirty() -> Plan:
    by_user, by_ad = Impression.per("user"), Impression.per("ad")
    pair = Impression.per("user", "category")
    dynamic = {
        "seen": by_user.count("1h", "1d", "7d", "all"),
        "bid_mean": by_user.mean("bid", "1h", "1d", "7d"),
        "bid_sum": by_user.sum("bid", "1d", "7d"),
        "bid_max": by_user.max("bid", "7d"),
        "last_ads": by_user.last("ad", n=10),
        "since": by_user.since_last(),
        "ad_seen": by_ad.count("1h", "1d", "7d", "all"),
        "ad_bid": by_ad.mean("bid", "1h", "1d", "7d"),
        "ad_min": by_ad.min("bid", "7d"),
        "ad_device": by_ad.last("device"),
        "ad_since": by_ad.since_last(),
        "pair_seen": pair.count("1h", "1d", "7d", "all"),
        "pair_bid": pair.mean("bid", "1d", "7d"),
        "pair_last": pair.last("ad", "7d"),
        "pair_since": pair.since_last(),
    }  # fmt: skip
    return compile_features(hp.Data(static={"category": Ad.category}, dynamic=dynamic), hp.label(Impression))


def zipf(draw: np.random.Generator, n: int, size: int) -> np.ndarray:
    weights = 1.0 / np.arange(1, n + 1) ** ZIPF
    return draw.choice(n, size, p=weights / weights.sum())


def make(data: Path, n: int) -> None:
    """Impressions of 10 days in the order they arrive, one in fifty up to two hours after its time; and requests."""
    draw = np.random.default_rng(7)
    late = np.where(draw.random(n) < 0.02, draw.integers(0, DAY // 12, n), 0)
    arrival = (np.arange(n) + 1) * (10 * DAY // n)
    columns = {
        "impression_id": np.arange(n), "ts": arrival - late, "user": zipf(draw, USERS, n), "ad": zipf(draw, ADS, n),
        "device": np.where(np.arange(n) % 3 > 0, "web", "app"), "bid": draw.uniform(0, 5, n).round(3),
        "arrival": arrival,
    }  # fmt: skip
    pq.write_table(pa.table(columns), data / "impressions.parquet")
    ads = {"ad": np.arange(ADS), "category": [f"category {ad % CATEGORIES}" for ad in range(ADS)]}
    pq.write_table(pa.table(ads), data / "ads.parquet")
    chance = random.Random(1)
    asked = [
        {"user": int(USERS * chance.random() ** 6), "ad": int(ADS * chance.random() ** 6)}
        for _ in range(SAMPLED)
    ]
    asked = [row | {"category": f"category {row['ad'] % CATEGORIES}"} for row in asked]
    pq.write_table(pa.Table.from_pylist(asked), data / "requests.parquet")


def requests(data: Path) -> list[dict[str, Any]]:
    """The sampled requests, whole."""
    rows = pq.read_table(data / "requests.parquet").to_pylist()
    return [{"impression_id": 0, "device": "web", "bid": 1.0, **row, "category": None} for row in rows]


class Rows:
    """Events as dicts, posted as they are."""

    def __init__(self, table: pa.Table) -> None:
        self._rows = table.drop_columns(["arrival"]).to_pylist()
        self._arrivals = table.column("arrival").to_pylist()

    def __len__(self) -> int:
        return len(self._rows)

    def post(self, appender: Appender, start: int, stop: int) -> None:
        appender.append("Impression", self._rows[start:stop], self._arrivals[start:stop])


class Columns:
    """Events as columns."""

    def __init__(self, table: pa.Table, plan: Plan) -> None:
        self._stream, self._table = plan.stream("Impression"), table
        self._arrivals = table.column("arrival").to_numpy()

    def __len__(self) -> int:
        return len(self._arrivals)

    def post(self, appender: Appender, start: int, stop: int) -> None:
        some, n = self._table.slice(start, stop - start), stop - start
        columns = {}
        for f in self._stream.fields:
            if f.lookup is None:
                held = some.column(f.name)
                values = (
                    np.array(held.to_pylist(), object) if pa.types.is_string(held.type) else held.to_numpy()
                )
                columns[f.name] = Column(values, np.ones(n, np.bool_))
        zeros = np.zeros(n, np.int64)
        batch = Batch(self._stream, columns["ts"].values, zeros, zeros, columns)
        appender.append_batch(batch, self._arrivals[start:stop])


class Deployment:
    """One process's log, state and both halves of ingest."""

    def __init__(self, plan: Plan, directory: Path, ads: list[dict[str, Any]], url: str) -> None:
        self.plan, self.log = plan, Log.open(directory / "log")
        self.appender = Appender(plan, self.log, ReplayClock(0))
        self.appender.append("Ad", ads, [0] * len(ads))
        discard_state(url)
        self.store = open_store(url, plan.state_hash)
        self.letters = DeadLetters.open(directory / "dead.jsonl")
        self.applier = Applier(plan, self.log, self.store, self.appender, self.letters)
        self.commits = 0

    def ingest(self, events: Rows | Columns) -> None:
        """Post all and apply all, side by side."""
        posted = threading.Event()

        def post() -> None:
            try:
                for start in range(0, len(events), CALL):
                    events.post(self.appender, start, min(len(events), start + CALL))
            finally:
                posted.set()

        poster = threading.Thread(target=post)
        poster.start()
        while not posted.is_set() or self.applier.behind:
            if self.applier.behind:
                self.applier.apply()
                self.commits += 1
            else:
                time.sleep(0.001)
        poster.join()

    def backfill(self, events: Rows | Columns) -> None:
        """Post all, then fill the empty state in one pass."""
        for start in range(0, len(events), CALL):
            events.post(self.appender, start, min(len(events), start + CALL))
        self.applier.fill = 1
        self.applier.apply()
        self.commits += 1

    def close(self) -> None:
        self.log.close()
        self.store.close()
        self.letters.close()


def ours(
    data: Path,
    form: str,
    answer: Path | None = None,
    url: str | None = None,
    when: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """heptad's measure; ``url`` is a store at a server, and ``when`` returns when the timed part is to begin."""
    plan = plan_of_thirty()
    table = pq.read_table(data / "impressions.parquet")
    ads = pq.read_table(data / "ads.parquet").to_pylist()
    way = Deployment.backfill if form == "backfill" else Deployment.ingest
    for size in (3 * CALL, table.num_rows):  # the first loads the kernels
        some = table.slice(0, size)
        events = Rows(some) if form == "rows" else Columns(some, plan)
        with tempfile.TemporaryDirectory(dir=data) as name:
            live = Deployment(plan, Path(name), ads, url or f"embedded:{name}/state")
            if when is not None and size == table.num_rows:
                when()
            begin, worked = time.perf_counter(), time.process_time()
            way(live, events)
            seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
            if answer is not None and size == table.num_rows:
                asked = requests(data)
                columns = {f.name: column_of([r[f.name] for r in asked], f.kind) for f in plan.request}
                found = Reader(plan, live.store, ReplayClock(END)).read(columns, len(asked))
                pq.write_table(
                    pa.table({k: pa.array([_plain(x) for x in v.tolist()]) for k, v in found.values.items()}),
                    answer,
                )
            size_on_disk = sum(
                path.stat().st_size for path in (Path(name) / "log").rglob("*") if path.is_file()
            )
            commits = live.commits
            live.close()
    n = table.num_rows
    return {
        "us_per_event": round(1e6 * seconds / n, 3), "rate": round(n / seconds), "seconds": round(seconds, 3),
        "cpu_us_per_event": round(1e6 * cpu / n, 3), "commits": commits, "log_bytes_per_event": round(size_on_disk / n),
        "peak_mb": peak_mb(), "versions": {"heptad": hp.__version__},
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def checker(data: Path) -> Any:
    """A check of an answer: every column it has is the oracle's, on the sample."""
    plan = plan_of_thirty()
    ads = pq.read_table(data / "ads.parquet").to_pylist()
    table = pq.read_table(data / "impressions.parquet")
    category = {row["ad"]: row["category"] for row in ads}
    arrivals = table.column("arrival").to_pylist()
    rows = [row | {"category": category[row["ad"]]} for row in table.drop_columns(["arrival"]).to_pylist()]
    log = [Logged(i, 0, "Ad", row) for i, row in enumerate(ads)]
    log += [
        Logged(ADS + i, at, "Impression", row) for i, (at, row) in enumerate(zip(arrivals, rows, strict=True))
    ]
    oracle = Oracle(plan, log)
    asked = requests(data)
    want = [oracle.read(row, END, len(log)) for row in asked]

    def check(name: str, path: Path) -> str:
        got = pq.read_table(path).to_pylist()
        exact = name.startswith("heptad")
        for place, (mine, right) in enumerate(zip(got, want, strict=True)):
            if exact and mine.keys() != right.keys():
                return f"wrong: columns {sorted(mine)}"
            for column, value in mine.items():
                if not _same(value, right[column], exact):
                    return f"wrong: {column} of request {place} is {value!r}, not {right[column]!r}"
        return "yes" if exact else f"yes, in the {len(got[0])} columns whose meaning is the same"

    return check


def _same(value: Any, right: Any, exact: bool) -> bool:
    right = _plain(right)
    if right is None or right != right:
        return value is None or value != value
    if isinstance(right, float) and not exact:
        return value is not None and abs(value - right) <= 1e-9 * max(1.0, abs(right))
    return bool(value == right)


def floor(events: int, log_bytes: int, put: int) -> dict[str, Any]:
    """The bytes that must reach the disk once: the log's, and a record per key and commit is not even counted."""
    speed = copy_speed()
    size = events * (log_bytes + put)
    return {
        "bytes": size, "copy_gib_per_s": round(speed / 2**30, 1), "seconds_at_copy_speed": round(size / speed, 4),
        "what": "log bytes and 56 words of lifted state per event, moved once in memory; no sync, no hashing",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=3, help="of contenders that take long")
    parser.add_argument(
        "--few", type=int, default=50_000, help="events of the slow ones after the checked round"
    )
    parser.add_argument("--store", choices=("embedded", "redis"), default="embedded")
    parser.add_argument("--only", nargs="*", help="contenders")
    parser.add_argument("--json", type=Path, help="write the result here too")
    parser.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--form", default="rows", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data:
        print(json.dumps(ours(given.data, given.form, given.answer, given.url)))
        return
    at_server = given.store == "redis"
    slow, few = given.slow_rounds, ("--first", str(given.few))
    sides = [
        Contender("heptad", "ingest.py"),
        Contender("heptad_columns", "ingest.py", args=("--form", "columns")),
        Contender("heptad_backfill", "ingest.py", args=("--form", "backfill")),
        Contender("river", "contenders/ingest_river.py", str(OTHERS), few, rounds=slow, timeout=1800),
        Contender("quix", "contenders/ingest_quix.py", str(OTHERS), few, rounds=slow, timeout=1800),
    ]
    sides = [side for side in sides if not given.only or side.name in given.only]
    plan = plan_of_thirty()
    with tempfile.TemporaryDirectory(dir=given.directory) as name, ExitStack() as servers:
        data = Path(name)
        if at_server:
            url = servers.enter_context(RedisServer(data)).url("b4")
            sides = [replace(s, args=(*s.args, "--url", url)) for s in sides if s.name.startswith("heptad")]
        make(data, given.events)
        found = contest(data, sides, checker(data), rounds=given.rounds, key="us_per_event")
    ratio = ratios(found, key="us_per_event")
    rate = 1e6 / found["heptad"]["us_per_event"] if "us_per_event" in found.get("heptad", {}) else 0
    peers = [] if at_server else [ratio.get(peer, 0.0) for peer in ("river", "quix")]
    bar = 50_000 if at_server else 200_000
    result = {
        "id": "B4", "machine": machine(),
        "load": {
            "events": given.events, "users": USERS, "ads": ADS, "zipf": ZIPF, "columns": len(plan.columns),
            "features": len([c for c in plan.columns if c.group == "dynamic"]), "groups": 3, "lateness": "1h",
            "store": given.store,
            "acknowledged": "after the sync of the log, 10,000 events a call; every commit of the state is synced",
        },
        "contenders": found, "ratio": ratio,
        "floor": floor(given.events, found.get("heptad", {}).get("log_bytes_per_event", 0), 8 * 56),
        "goal": f"at least {bar:,} events/s" + ("" if at_server else "; at least 10 times River and Quix Streams"),
        "holds": bool(rate >= bar and all(peer >= 10 for peer in peers)),
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    sys.exit(main())
