"""What every contender of the trees is asked, and how it is timed: other rows at every call, one after the other."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import peak_mb

REQUEST, SECONDS, MOST = 500, 1.0, 4000


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", default=str(REQUEST), help="rows per call, or: all")
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--way", default="")
    return parser.parse_args()


def rows_of(path):
    """The matrix of a file, float64 (n, d) in C order, and its last column."""
    table = pq.read_table(path)
    columns = [column.to_numpy() for column in table.columns]
    return np.ascontiguousarray(np.column_stack(columns[:-1])), columns[-1]


def compete(predict, given, **said):
    """Time ``predict(x)`` on calls of so many rows for about a second; print the measures."""
    x, _ = rows_of(given.data / "requests.parquet")
    size = len(x) if given.size == "all" else int(given.size)
    calls = [np.ascontiguousarray(x[first : first + size]) for first in range(0, len(x) - size + 1, size)]
    for call in calls[: max(3, 3000 // size)]:
        predict(call)
    taken, end = [], time.perf_counter() + SECONDS
    cpu = time.process_time()
    while len(taken) < MOST and (time.perf_counter() < end or len(taken) < 5):
        call = calls[len(taken) % len(calls)]
        begin = time.perf_counter()
        predict(call)
        taken.append(time.perf_counter() - begin)
    cpu = (time.process_time() - cpu) / len(taken)
    if given.answer:
        found = np.concatenate([np.asarray(predict(call), np.float64).ravel() for call in calls[:200]])
        pq.write_table(pa.table({"p": found}), given.answer)
    p50, p99 = np.percentile(np.array(taken) * 1e3, [50, 99])
    measures = {
        "p50_ms": round(p50, 4),
        "p99_ms": round(p99, 4),
        "cpu_ms": round(cpu * 1e3, 4),
        "calls": len(taken),
    }
    print(json.dumps(measures | {"peak_mb": peak_mb()} | said))
