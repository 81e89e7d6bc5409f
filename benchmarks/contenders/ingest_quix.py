"""Quix Streams' windows over the same impressions, without a broker; runs in the contenders' environment.

What is timed is its own StreamingDataFrame, windows, RocksDB state and checkpoints (one per 10,000 events, as heptad
acknowledges); there is no Kafka, no changelog topic and no deserialisation, which only favours it. The form that
favours it further: each window is a tumbling one of heptad's hop (1m, 1h, 6h) with all its aggregations in one
``agg``, so an event updates one tile a window; merging the tiles of 1h, 1d and 7d is left to the reader and not timed
(its hopping windows of those widths would update 60, 24 and 28 windows per event). Three streams, keyed by user, ad
and pair. Duplicates are not looked for. The answer is the all-time columns, which its stateful functions keep.
"""

import argparse
import json
import logging
import tempfile
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measure import peak_mb
from quixstreams.context import set_message_context
from quixstreams.dataframe import DataFrameRegistry, StreamingDataFrame
from quixstreams.dataframe.windows import Count, Max, Mean, Min, Sum
from quixstreams.models import MessageContext, Topic
from quixstreams.models.topics import TopicConfig, TopicManager
from quixstreams.processing import ProcessingContext
from quixstreams.sinks import SinkManager
from quixstreams.state import StateStoreManager

HOUR = 3_600_000_000
CHECKPOINT = 10_000
TILES = {"1h": timedelta(minutes=1), "1d": timedelta(hours=1), "7d": timedelta(hours=6)}


class NoKafka:
    """The producer and the consumer of a checkpoint, with nothing behind them."""

    def __init__(self):
        self.offsets = {}

    def flush(self, *_args, **_options):
        return 0

    def commit(self, *_args, **_options):
        return []


class Frame:
    """One keyed stream: all-time state and three windows."""

    def __init__(self, name, directory, best, keep):
        registry = DataFrameRegistry()
        self.name, self.state = name, StateStoreManager(group_id=name, state_dir=directory)
        self.context = ProcessingContext(
            commit_interval=1e9, producer=NoKafka(), consumer=NoKafka(), state_manager=self.state,
            sink_manager=SinkManager(), dataframe_registry=registry,
        )  # fmt: skip
        topic = Topic(name)
        unlimited = {"retention.ms": "-1", "retention.bytes": "-1"}
        topic.broker_config = TopicConfig(num_partitions=1, replication_factor=1, extra_config=unlimited)
        frame = StreamingDataFrame(
            topic, topic_manager=TopicManager(topic_admin=None, consumer_group="b4"), registry=registry,
            processing_context=self.context, stream_id=name,
        )  # fmt: skip
        registry.register_root(frame)

        def keep_all(value, state):
            count, newest, last = state.get("kept", (0, [], 0))
            newest = [value["value"], *newest][:keep]
            kept = count + 1, newest, max(last, value["ts"])
            state.set("kept", kept)
            if self.asked is not None:
                self.asked[value["key"]] = kept
            return value

        self.asked = None
        frame = frame.apply(keep_all, stateful=True)
        for width, tile in TILES.items():
            wanted = {"count": Count(), "mean": Mean("bid")}
            if width != "1h":
                wanted["total"] = Sum("bid")
            if width == "7d" and best is not None:
                wanted["best"] = best("bid")
            frame.tumbling_window(tile, grace_ms=timedelta(hours=1), name=width).agg(**wanted).current()
        self.state.init()
        self.state.on_partition_assign(name, 0, {name: -1001})
        self.context.init_checkpoint()
        self.run = registry.compose_all()[name]
        self.message = MessageContext(topic=name, partition=0, offset=0, size=0)

    def post(self, offset, key, value, ts):
        set_message_context(self.message)
        self.run(value, key, ts // 1000, [])
        self.context.store_offset(self.name, 0, offset)

    def checkpoint(self):
        self.context.commit_checkpoint(force=True)


def run(rows, category, directory, asked):
    """The three frames after all rows; what was kept of every key, where it is asked for."""
    frames = (
        Frame("user", directory, Max, 10),
        Frame("ad", directory, Min, 1),
        Frame("pair", directory, None, 1),
    )
    for frame in frames:
        frame.asked = {} if asked else None
    users, ads, pairs = frames
    frontier = 0
    for offset, row in enumerate(rows):
        ts = row["ts"]
        if ts < frontier - HOUR:
            continue
        frontier = max(frontier, ts)
        user, ad, bid = row["user"], row["ad"], row["bid"]
        pair = f"{user}/{category[ad]}"
        users.post(offset, b"%d" % user, {"bid": bid, "value": ad, "ts": ts, "key": user}, ts)
        ads.post(offset, b"%d" % ad, {"bid": bid, "value": row["device"], "ts": ts, "key": ad}, ts)
        pairs.post(offset, pair.encode(), {"bid": bid, "value": ad, "ts": ts, "key": pair}, ts)
        if (offset + 1) % CHECKPOINT == 0:
            for frame in frames:
                frame.checkpoint()
    for frame in frames:
        frame.checkpoint()
    return frames


def main():
    logging.disable(logging.WARNING)
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
    with tempfile.TemporaryDirectory(dir=given.data) as directory:
        run(rows[:200], category, Path(directory) / "warm", asked=False)
        begin = time.perf_counter()
        frames = run(rows, category, Path(directory) / "timed", asked=given.answer is not None)
        seconds = time.perf_counter() - begin
        if given.answer:
            end, found = 11 * 24 * HOUR, []
            names = ("seen_all", "since"), ("ad_seen_all", "ad_since"), ("pair_seen_all", "pair_since")
            for asked in pq.read_table(given.data / "requests.parquet").to_pylist():
                keys = asked["user"], asked["ad"], f"{asked['user']}/{asked['category']}"
                row = {}
                for (count, since), frame, key in zip(names, frames, keys, strict=True):
                    kept = frame.asked.get(key)
                    row[count] = 0.0 if kept is None else float(kept[0])
                    row[since] = None if kept is None else (end - kept[2]) / 1e6
                found.append(row)
            pq.write_table(pa.Table.from_pylist(found), given.answer)
    n = len(rows)
    print(
        json.dumps(
            {
                "us_per_event": round(1e6 * seconds / n, 3), "rate": round(n / seconds), "seconds": round(seconds, 3),
                "events": n, "peak_mb": peak_mb(), "versions": {"quixstreams": version("quixstreams")},
                "form": "StreamingDataFrame, tumbling tiles, RocksDB and checkpoints; no broker",
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
