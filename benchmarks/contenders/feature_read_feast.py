"""Feast's SDK reading fifty numbers per key from its SQLite or Redis online store; runs in the contenders' environment."""

import argparse
import json
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType
from measure import peak_mb

ADS = 5_000


def opened(data: Path, folder: str, redis: str | None) -> tuple[FeatureStore, list[str]]:
    """A store with one view of fifty features, filled with the expected values of every ad."""
    values = pq.read_table(data / "expected.parquet").to_pandas()
    names = list(values.columns[1:])
    values["event_timestamp"] = datetime.now(UTC) - timedelta(minutes=1)
    path = f"{folder}/values.parquet"
    values.to_parquet(path)
    ad = Entity(name="ad", join_keys=["ad"], value_type=ValueType.INT64)
    view = FeatureView(
        name="ads", entities=[ad], ttl=timedelta(days=1), online=True,
        schema=[Field(name=name, dtype=Float64) for name in names],
        source=FileSource(path=path, timestamp_field="event_timestamp"),
    )  # fmt: skip
    online = {"type": "sqlite", "path": f"{folder}/online.db"}
    if redis is not None:
        online = {"type": "redis", "connection_string": redis}
    config = RepoConfig(
        project="bench", provider="local", registry=f"{folder}/registry.db", online_store=online,
        entity_key_serialization_version=3,
    )  # fmt: skip
    store = FeatureStore(config=config)
    store.apply([ad, view])
    store.write_to_online_store("ads", values)
    return store, [f"ads:{name}" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keys", type=int, required=True)
    parser.add_argument("--reads", type=int, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--redis", help="HOST:PORT of a Redis server, instead of SQLite")
    given = parser.parse_args()
    draw = random.Random(given.keys)
    distinct = [draw.sample(range(ADS), given.keys) for _ in range(min(given.reads, 500))]
    asked = [[{"ad": ad} for ad in ads] for ads in distinct]
    with tempfile.TemporaryDirectory() as folder:
        store, names = opened(given.data, folder, given.redis)
        first = store.get_online_features(features=names, entity_rows=asked[0]).to_dict()
        if given.answer:
            found = {name.split(":")[1]: first[name.split(":")[1]] for name in names}
            columns = {
                name: pa.array([np.nan if v is None else v for v in column]) for name, column in found.items()
            }
            pq.write_table(pa.table({"ad": distinct[0], **columns}), given.answer)
        taken = []
        for i in range(given.reads):
            rows = asked[i % len(asked)]
            begin = time.perf_counter()
            store.get_online_features(features=names, entity_rows=rows).to_dict()
            taken.append((time.perf_counter() - begin) * 1e3)
    print(
        json.dumps(
            {
                "p50_ms": round(float(np.percentile(taken, 50)), 3),
                "p99_ms": round(float(np.percentile(taken, 99)), 3),
                "reads": given.reads,
                "peak_mb": peak_mb(),
                "versions": {"feast": version("feast")},
            }
        )
    )


if __name__ == "__main__":
    main()
