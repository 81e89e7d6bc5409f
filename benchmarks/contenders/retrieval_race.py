"""The race every contender of B8 runs: build, tune its effort to the recall, answer queries one by one, add and delete.

One thread asks; beside the time that passes, the time of the processor is taken, which company on the machine moves less.
A contender that has an effort to choose (lists to probe, a beam's width) gets the smallest of its
ladder that reaches the recall on 100 queries made for that; the queries that are timed are others.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

K, RECALL = 100, 0.95
TUNED = 0.955  #: what tuning aims at, so that other queries reach the recall too
#: The filters, by the share of items they let pass.
SHARES = {"none": 1.0, "half": 0.5, "tenth": 0.1, "hundredth": 0.01}
ANSWERED = 500  #: queries whose answers are handed in
FRESH = 1000  #: items added and deleted at the end


class Runner(Protocol):
    """``build`` takes (n, d) float32, ids are row numbers; ``prepare`` a filter's mask (None: all) into what ``search``
    takes, which gives the ids of a query's 100 nearest, best first. ``delete`` None: it cannot."""

    efforts: Sequence[int]
    delete: Callable[[np.ndarray], None] | None

    def build(self, vectors: np.ndarray) -> None: ...
    def prepare(self, mask: np.ndarray | None) -> Any: ...
    def search(self, query: np.ndarray, allowed: Any, effort: int) -> np.ndarray: ...
    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None: ...


def vectors(path: Path) -> np.ndarray:
    """(n, d) float32 from a Parquet file of lists of a fixed size."""
    column = pq.read_table(path).column("vector").combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)


def write_vectors(path: Path, values: np.ndarray) -> None:
    flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
    pq.write_table(pa.table({"vector": pa.FixedSizeListArray.from_arrays(flat, values.shape[1])}), path)


def recall(found: Sequence[np.ndarray], true: np.ndarray) -> float:
    return sum(len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True)) / true.size


def race(runner: Runner, data: Path, answer: Path | None, queries: int, seconds: float) -> dict[str, Any]:
    """All that a contender reports, without its versions; ``seconds`` bounds the timed queries of one filter."""
    items, asked, tuning = (vectors(data / f"{name}.parquet") for name in ("items", "queries", "tuning"))
    masks = pq.read_table(data / "masks.parquet")
    true = np.load(data / "tuning_truth.npz")
    begin, worked = time.perf_counter(), time.process_time()
    runner.build(items)
    out: dict[str, Any] = {
        "build_seconds": round(time.perf_counter() - begin, 1),
        "build_cpu_seconds": round(time.process_time() - worked, 1),
        "filters": {},
    }
    answers = []
    for name in SHARES:
        allowed = runner.prepare(None if name == "none" else masks.column(name).to_numpy())
        chosen = 0
        for effort in runner.efforts:
            chosen = effort
            if recall([runner.search(query, allowed, effort) for query in tuning], true[name]) >= TUNED:
                break
        for query in tuning:
            runner.search(query, allowed, chosen)
        took: list[float] = []
        cpu: list[float] = []
        start = time.perf_counter()
        for place, query in enumerate(asked[:queries]):
            before, busy = time.perf_counter(), time.thread_time()
            found = runner.search(query, allowed, chosen)
            cpu.append(time.thread_time() - busy)
            took.append(time.perf_counter() - before)
            if answer is not None and place < ANSWERED:
                answers.append((name, place, found.tolist()))
            if before - start > seconds and place >= ANSWERED:
                break
        p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e3
        cpu_p50, cpu_p99 = np.quantile(cpu, [0.5, 0.99]) * 1e3
        out["filters"][name] = {
            "p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3), "cpu_p50_ms": round(float(cpu_p50), 3), "cpu_p99_ms": round(float(cpu_p99), 3),
            "queries": len(took),
            **({"effort": chosen} if len(runner.efforts) else {}),
        }  # fmt: skip
    out["worst_p99_ms"] = max(found["p99_ms"] for found in out["filters"].values())
    out |= _changes(runner, items)
    if answer is not None:
        columns = dict(zip(("filter", "query", "ids"), zip(*answers, strict=True), strict=True))
        pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), answer)
    return out


def _changes(runner: Runner, items: np.ndarray) -> dict[str, Any]:
    """Milliseconds from the call until a search shows 1,000 items added, and no longer shows them deleted."""
    fresh = items[:FRESH] + np.float32(1000)  # far away from all others
    ids = np.arange(len(items), len(items) + FRESH)
    effort = runner.efforts[-1] if len(runner.efforts) else 0
    every = runner.prepare(None)
    begin = time.perf_counter()
    runner.add(ids, fresh)
    shown = set(runner.search(fresh[-1], every, effort).tolist()) <= set(ids.tolist())
    out = {"add_1000_ms": round((time.perf_counter() - begin) * 1e3, 1) if shown else "never shown"}
    if runner.delete is None:
        return out | {"delete_1000_ms": "cannot"}
    begin = time.perf_counter()
    runner.delete(ids)
    gone = not set(runner.search(fresh[-1], runner.prepare(None), effort).tolist()) & set(ids.tolist())
    return out | {"delete_1000_ms": round((time.perf_counter() - begin) * 1e3, 1) if gone else "still shown"}


def arguments() -> argparse.ArgumentParser:
    """What the contest calls a contender with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--queries", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=20.0)
    return parser


def report(found: dict[str, Any], versions: dict[str, str], peak: float) -> None:
    """The contender's last line."""
    print(json.dumps({**found, "peak_mb": peak, "versions": versions}))
