"""B7: how soon a read knows an event, while B6's load runs.

    python benchmarks/freshness.py [--rate 75] [--event-rate 20] [--events 6000] [--store redis] [--json FILE]

Events are posted one by one at even distances beside rank requests at half the saturating rate (found first, or given).
An event is visible at the end of the first read, sent once it was acknowledged, that knows its offset; the time
counts from the moment the event was due, so it holds the post, the disk (every event is synced), the state and one read.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from contest import machine, write
from heptad.testing.servers import RedisServer
from rank_deployment import half_of_saturation, loaded, prepare

ITEMS, USERS = 5_000, 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, help="requests per second [default: half the saturating rate]")
    parser.add_argument("--event-rate", type=float, default=20.0)
    parser.add_argument("--events", type=int, default=6_000)
    parser.add_argument("--store", choices=("embedded", "redis"), default="embedded")
    parser.add_argument("--serve", default="--workers 2", help="more words for heptad serve")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, workers = Path(name), tuple(given.serve.split())
        store = f"embedded:{folder}/state"
        if given.store == "redis":
            store = stack.enter_context(RedisServer(folder)).url("rank")
        prepare(folder, events=given.history, users=USERS, items=ITEMS, store=store)
        words = (
            "--events", "View", str(folder / "views.jsonl"), "--event-rate", str(given.event_rate),
            "--event-key", "view", "--event-time", "ts",
        )  # fmt: skip
        seconds = given.events / given.event_rate
        if given.rate is None:
            found = half_of_saturation(folder, *words, seconds=seconds, workers=workers)
        else:
            rate = ("--rate", str(given.rate), "--seconds", str(seconds))
            found = loaded(folder, *rate, *words, workers=workers)
    load, bar = found["load"], 20.0 if given.store == "embedded" else 50.0
    fresh = load["freshness"]
    p99 = fresh["visible_ms"]["p99"]
    result = {
        "id": "B7", "machine": machine(), "unit": "milliseconds from the due time of an event to the end of a read that knows it",
        "load": {
            "history": given.history, "store": given.store, "events_per_second": given.event_rate, "serve": given.serve,
            "requests_per_second": load["offered"],
        },
        "freshness": fresh, "requests": {name: load[name] for name in ("latency_ms", "failed", "flagged", "generator", "doubts")},
        "saturation": found.get("saturation"), "server": found["server"],
        "goal": f"p99 <= {bar:g} ms under B6's load",
        "holds": {f"p99 <= {bar:g} ms": p99 <= bar, "nothing failed": not fresh["failed"] and not load["failed"]},
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
