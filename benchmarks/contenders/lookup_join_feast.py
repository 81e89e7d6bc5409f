"""Feast's get_historical_features of five feature views, by its dask or DuckDB store; in the contenders' environment."""

import argparse
import json
import tempfile
import time
import warnings
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64, Int64, String
from feast.value_type import ValueType
from measure import peak_mb

TABLES = 5
COLUMNS = (
    {f"x{i}": Float64 for i in range(6)}
    | {f"n{i}": Int64 for i in range(2)}
    | {f"s{i}": String for i in range(2)}
)


def opened(data: Path, folder: str, store: str) -> FeatureStore:
    """A repository of five views over the files; full names tell their columns apart."""
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=f"t{k}", entities=[user], ttl=timedelta(days=30), online=False,
            schema=[Field(name=name, dtype=kind) for name, kind in COLUMNS.items()],
            source=FileSource(name=f"t{k}_file", path=str(data / f"t{k}.parquet"), timestamp_field="since"),
        )
        for k in range(TABLES)
    ]  # fmt: skip
    config = RepoConfig(
        project="bench", provider="local", registry=f"{folder}/registry.db", offline_store={"type": store},
        online_store={"type": "sqlite", "path": f"{folder}/online.db"}, entity_key_serialization_version=3,
    )  # fmt: skip
    opened = FeatureStore(config=config)
    opened.apply([user, *views])
    return opened


def join(store: FeatureStore, labels: pd.DataFrame) -> pd.DataFrame:
    features = [f"t{k}:{name}" for k in range(TABLES) for name in COLUMNS]
    return store.get_historical_features(entity_df=labels, features=features, full_feature_names=True).to_df()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", choices=["dask", "duckdb"], required=True)
    parser.add_argument("--answer", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    labels = (
        pq.read_table(given.data / "labels.parquet").to_pandas().rename(columns={"ts": "event_timestamp"})
    )
    with tempfile.TemporaryDirectory() as folder:
        store = opened(given.data, folder, given.store)
        begin, worked = time.perf_counter(), time.process_time()
        found = join(store, labels)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    if given.answer:
        found = found.sort_values("row").rename(columns=lambda name: name.replace("__", "_", 1))
        pq.write_table(pa.Table.from_pandas(found, preserve_index=False), given.answer)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu, 3),
                "peak_mb": peak_mb(),
                "versions": {
                    name: version(name) for name in ("feast", "pandas", "dask", "duckdb", "pyarrow")
                },
            }
        )
    )


if __name__ == "__main__":
    main()
