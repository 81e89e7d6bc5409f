"""B5: one read of 1, 10, 100 or 500 keys by 50 windowed features, against Feast's SDK on the same kind of store.

    python benchmarks/feature_read.py [--store embedded|redis] [--events 400000] [--reads 24000] [--json FILE]

Fifty features per ad: count, sum, mean, least and greatest bid of its clicks and of its impressions over 1h, 1d, 7d,
30d and all time. heptad holds tiles and merges them at the moment of the read, so its values move with time; Feast
reads fifty numbers that were computed before (by heptad, at the moment of the read) and written to its SQLite store,
or, with ``--store redis``, to its Redis store: then both are on one server, started here, which nobody else uses.
``heptad`` fetches every record from the store on every read; ``heptad_held`` holds merged words from read to read, as
it is served (`online.merged`), and nothing is written meanwhile.
Both get the same keys in the same order, 500 distinct ones at most of 5,000, and both answers are compared with those
values, of which a sample is held to the oracle. A closed loop in one process: one read after the other.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import heptad as hp
from contest import OTHERS, Contender, contest, machine, peak_mb, ratios, write
from heptad.online.merged import Merged
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.state.open import open_store
from heptad.testing.compare import differences
from heptad.testing.servers import RedisServer
from heptad.testing.tiny_applier import StandingClock, TinyApplier, columns_of
from heptad.times import DAY

ADS, WINDOWS, KEYS = 5_000, ("1h", "1d", "7d", "30d", "all"), (1, 10, 100, 500)
NOW = 30 * DAY + 1


class Impression(hp.Event):
    impression_id: hp.Key
    ts: hp.Time
    ad: hp.Id
    bid: float


class Click(hp.Event):
    click_id: hp.Key
    ts: hp.Time
    ad: hp.Id
    bid: float


def fifty() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, stream in (("shown", Impression), ("clicked", Click)):
        per = stream.per("ad")
        found[f"{name}_count"] = per.count(*WINDOWS)
        for aggregation in ("sum", "mean", "min", "max"):
            found[f"{name}_{aggregation}"] = getattr(per, aggregation)("bid", *WINDOWS)
    return found


PLAN = compile_features(hp.Data(dynamic=fifty()), hp.label(Impression))


def history(events: int) -> list[Logged]:
    """Impressions and a tenth as many clicks over 30 days; some ads far more often than others."""
    draw, log = random.Random(7), []
    for i in range(events):
        ts = (i + 1) * (30 * DAY // events)
        row = {"ts": ts, "ad": int(ADS * draw.random() ** 2), "bid": draw.uniform(0, 5)}
        log.append(
            Logged(i, ts, "Click", row | {"click_id": i})
            if i % 10 == 9
            else Logged(i, ts, "Impression", row | {"impression_id": i})
        )
    return log


def prepare(data: Path, url: str, events: int) -> int:
    """The store, and what every ad's features are at the moment of the reads; how many values the oracle held to."""
    log = history(events)
    store = open_store(url, PLAN.state_hash)
    applier = TinyApplier(PLAN, store, log)
    for _ in range(0, len(log), 10_000):
        applier.apply(10_000)
    reader = Reader(PLAN, store, StandingClock(NOW))
    answer = reader.read(columns_of(PLAN, requests(range(ADS))), ADS)
    oracle = Oracle(PLAN, log)
    sample = random.Random(1).sample(range(ADS), 20)
    for ad, request in zip(sample, requests(sample), strict=True):
        wrong = differences(
            oracle.read(request, answer.t, answer.offsets[0]), {n: c[ad] for n, c in answer.values.items()}
        )
        if wrong:
            raise SystemExit(f"not what the oracle says: {wrong[0]}")
    store.close()
    values = {name: pa.array(np.asarray(column, np.float64)) for name, column in answer.values.items()}
    pq.write_table(pa.table({"ad": pa.array(range(ADS)), **values}), data / "expected.parquet")
    return len(sample) * len(PLAN.columns)


def requests(ads: Sequence[int]) -> list[dict[str, Any]]:
    return [{"impression_id": 0, "ad": ad, "bid": 1.0} for ad in ads]


def drawn(keys: int, reads: int) -> list[list[int]]:
    """The keys of each read; every contender draws these."""
    draw = random.Random(keys)
    return [draw.sample(range(ADS), keys) for _ in range(reads)]


def percentiles(seconds: list[float]) -> dict[str, float]:
    each = np.array(seconds) * 1e3
    return {
        "p50_ms": round(float(np.percentile(each, 50)), 3),
        "p99_ms": round(float(np.percentile(each, 99)), 3),
    }


def ours(url: str, keys: int, reads: int, answer: Path | None, *, held: bool) -> dict[str, Any]:
    store = open_store(url, PLAN.state_hash, readonly=True)
    reader = Reader(PLAN, store, StandingClock(NOW))
    if not held:
        reader.merged = Merged(most=0)
    reader.warm()
    distinct = drawn(keys, min(reads, 500))
    asked = [columns_of(PLAN, requests(ads)) for ads in distinct]
    if answer is not None:
        found = reader.read(asked[0], keys).values
        pq.write_table(pa.table({"ad": distinct[0], **{n: pa.array(c) for n, c in found.items()}}), answer)
    taken = []
    for i in range(reads):
        request = asked[i % len(asked)]
        begin = time.perf_counter()
        reader.read(request, keys)
        taken.append(time.perf_counter() - begin)
    return {
        **percentiles(taken),
        "reads": reads,
        "peak_mb": peak_mb(),
        "versions": {"heptad": hp.__version__},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--reads", type=int, default=24_000, help="by heptad, of each number of keys")
    parser.add_argument("--rounds", type=int, default=1, help="of the whole, alternating")
    parser.add_argument("--store", choices=("embedded", "redis"), default="embedded")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--held", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keys", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data:
        print(json.dumps(ours(given.url, given.keys, given.reads, given.answer, held=given.held)))
        return
    at_server, most = given.store == "redis", 5.0 if given.store == "redis" else 2.5
    feast = f"feast_{'redis' if at_server else 'sqlite'}"
    result: dict[str, Any] = {
        "id": "B5", "store": given.store, "machine": machine(), "unit": "milliseconds per read of all keys and 50 features",
        "load": {"events": given.events, "ads": ADS, "features": len(PLAN.columns), "keys": list(KEYS)},
        "goal": f"500 keys: p99 <= {most} ms on this store; 100 keys: >= 50 x Feast on the same kind of store",
    }  # fmt: skip
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, theirs = f"embedded://{data}/state", ()
        if at_server:
            server = stack.enter_context(RedisServer(data))
            url, theirs = server.url("b5"), ("--redis", f"127.0.0.1:{server.port}")
        result["values_equal_to_the_oracle"] = prepare(data, url, given.events)
        expected = pq.read_table(data / "expected.parquet")

        def check(_: str, path: Path) -> str:
            got = pq.read_table(path)
            for column in expected.column_names[1:]:
                want = expected.column(column).to_numpy()[got.column("ad").to_numpy()]
                if not np.array_equal(want, got.column(column).to_numpy(), equal_nan=True):
                    return f"wrong: {column}"
            return "yes"

        result["contenders"], result["ratio"] = {}, {}
        for keys in KEYS:
            few = max(300, min(given.reads // 10, 2_000 if keys <= 10 else 1_000 if keys == 100 else 300))
            print(f"{keys} keys", file=sys.stderr)
            asked = ("--url", url, "--keys", str(keys), "--reads", str(given.reads))
            sides = [
                Contender("heptad", "feature_read.py", args=asked),
                Contender("heptad_held", "feature_read.py", args=(*asked, "--held")),
                Contender(feast, "contenders/feature_read_feast.py", str(OTHERS), ("--keys", str(keys), "--reads", str(few), *theirs)),
            ]  # fmt: skip
            found = contest(data, sides, check, rounds=given.rounds, key="p50_ms")
            result["contenders"][f"{keys} keys"] = found
            result["ratio"][f"{keys} keys"] = {
                "p50": ratios(found, key="p50_ms"), "p99": ratios(found, key="p99_ms"),
            }  # fmt: skip
    at_100 = {side: found["p50_ms"] for side, found in result["contenders"]["100 keys"].items()}
    result["holds"] = {
        side: {
            f"500 keys p99 <= {most} ms": result["contenders"]["500 keys"][side]["p99_ms"] <= most,
            "50 x Feast at 100 keys": at_100[feast] >= 50 * at_100[side],
        }
        for side in ("heptad", "heptad_held")
    }
    write(result, given.json)


if __name__ == "__main__":
    main()
