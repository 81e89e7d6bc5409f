"""FastAPI, Feast and LightGBM behind one address: ranks the candidates a request names; runs in the contenders' environment.

Its features were computed before, by heptad, and written to Feast's online store; they do not move with time. Users,
items, categories and pairs of both are four feature views, looked up once per entity: one user, the distinct
categories, 500 items. Candidates and the scores of their sources come with the request, so it retrieves nothing.
"""

import argparse
import json
import multiprocessing
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import orjson
import pyarrow.parquet as pq
import uvicorn
from fastapi import FastAPI, Request, Response
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

VIEWS = {"users": ["user"], "items": ["item"], "categories": ["category"], "tastes": ["user", "category"]}


def settings(folder: str, redis: str | None) -> RepoConfig:
    online = (
        {"type": "redis", "connection_string": redis}
        if redis
        else {"type": "sqlite", "path": f"{folder}/online.db"}
    )
    return RepoConfig(
        project="bench", provider="local", registry=f"{folder}/registry.db", online_store=online,
        entity_key_serialization_version=3,
    )  # fmt: skip


def fill(data: Path, folder: str, redis: str | None) -> None:
    """The four views, with the values of every entity that a request may name."""
    store = FeatureStore(config=settings(folder, redis))
    entities = {
        key: Entity(name=key, join_keys=[key], value_type=ValueType.INT64)
        for key in ("user", "item", "category")
    }
    for name, keys in VIEWS.items():
        values = pq.read_table(data / f"{name}.parquet").to_pandas()
        values["event_timestamp"] = datetime.now(UTC) - timedelta(minutes=1)
        path = f"{folder}/{name}.parquet"
        values.to_parquet(path)
        view = FeatureView(
            name=name, entities=[entities[key] for key in keys], ttl=timedelta(days=1), online=True,
            schema=[Field(name=n, dtype=Float64) for n in values.columns if n not in (*keys, "event_timestamp")],
            source=FileSource(path=path, timestamp_field="event_timestamp"),
        )  # fmt: skip
        store.apply([*entities.values(), view])
        for start in range(0, len(values), 20_000):
            store.write_to_online_store(name, values.iloc[start : start + 20_000])


class Ranker:
    """Features from Feast, gathered into the model's matrix, and LightGBM's prediction on one thread."""

    def __init__(self, data: Path, folder: str, redis: str | None) -> None:
        self.store = FeatureStore(config=settings(folder, redis))
        self.trees = lightgbm.Booster(model_file=str(data / "trees.txt"))
        self.columns = json.loads((data / "columns.json").read_text())
        self.category = pq.read_table(data / "categories_of_items.parquet").column("category").to_numpy()
        self.names = {
            view: [n for n in pq.read_schema(data / f"{view}.parquet").names if n not in keys]
            for view, keys in VIEWS.items()
        }

    def read(self, view: str, rows: list[dict]) -> dict[str, np.ndarray]:
        names = self.names[view]
        found = self.store.get_online_features(
            features=[f"{view}:{name}" for name in names], entity_rows=rows
        ).to_dict()
        return {name: np.array(found[name], dtype=np.float64) for name in names}

    def rank(self, asked: dict) -> list[float]:
        user, items = asked["user"], np.array(asked["items"])
        category, of = np.unique(self.category[items], return_inverse=True)
        known = {"category": self.category[items].astype(np.float64)}
        known |= self.read("items", [{"item": int(item)} for item in items])
        known |= {n: np.repeat(v, len(items)) for n, v in self.read("users", [{"user": user}]).items()}
        rows = [{"user": user, "category": int(one)} for one in category]
        known |= {n: v[of] for n, v in self.read("tastes", rows).items()}
        known |= {
            n: v[of] for n, v in self.read("categories", [{"category": int(one)} for one in category]).items()
        }
        known |= {name: np.array(values, dtype=np.float64) for name, values in asked["scores"].items()}
        known |= {name: np.full(len(items), value) for name, value in asked["numbers"].items()}
        known["patience"] = known["price"] / (1.0 + known["user_seconds_7d"])
        matrix = np.column_stack([known[name] for name in self.columns])
        return self.trees.predict(matrix, num_threads=1).tolist()


def app(data: Path, folder: str, redis: str | None) -> FastAPI:
    ranker, made = Ranker(data, folder, redis), FastAPI()

    def answer(asked: dict) -> bytes:
        p = np.array(ranker.rank(asked))
        shown = np.argsort(-p, kind="stable")[: asked["n"]]
        items = [asked["items"][place] for place in shown]
        return orjson.dumps({"items": items, "p": p[shown].tolist(), "flags": {}})

    @made.post("/rank")
    async def rank(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        asked = orjson.loads(await request.body())
        return Response(await run_in_threadpool(answer, asked), media_type="application/json")

    return made


def work(data: Path, folder: str, redis: str | None, listening: socket.socket) -> None:
    config = uvicorn.Config(app(data, folder, redis), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--redis")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--answer", type=Path, required=True, help="scores of the first requests, to be checked"
    )
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listening,
    ):
        fill(given.data, folder, given.redis)
        ranker = Ranker(given.data, folder, given.redis)
        lines = (given.data / "requests.jsonl").read_bytes().splitlines()[:10]
        given.answer.write_bytes(orjson.dumps([ranker.rank(orjson.loads(line)) for line in lines]))
        port = listening.getsockname()[1]
        context = multiprocessing.get_context("fork")
        workers = [
            context.Process(target=work, args=(given.data, folder, given.redis, listening), daemon=True)
            for _ in range(given.workers)
        ]
        for worker in workers:
            worker.start()
        print(f"ready http://127.0.0.1:{port}", flush=True)
        for worker in workers:
            worker.join()


if __name__ == "__main__":
    main()
