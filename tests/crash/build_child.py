"""The process that is killed: it forks a build for each line it reads, which kills itself at the write so numbered.

``build_child.py FOLDER`` builds FOLDER/out.parquet from the files `write_sources` puts there. For each number read
it answers with the operations its child did, or -9 where the child was killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import heptad as hp
from heptad.offline.build.budget import Budget
from heptad.offline.build.build import build
from heptad.offline.build.disk import OsDisk
from heptad.offline.build.files import rows_of
from heptad.offline.build.labels import Labels
from heptad.offline.build.shards import request_fields
from heptad.plan.compile import compile_features
from heptad.times import DAY, HOUR


class Sale(hp.Event, lateness="1h"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    paid: float


PLAN = compile_features(
    hp.Data(
        dynamic={
            "n": Sale.per("user").count("1h", "1d", "all"),
            "spent": Sale.per("user").sum("paid", "1d"),
            "had": Sale.per("user").last("item", n=3),
            "best": Sale.per("item").aggregate("max", "paid", "1d"),
        }
    ),
    hp.label(Sale),
)
BUDGET = Budget(10**9, 2, chunk=60, block=25, partitions=3, load=60)


def write_sources(folder: Path) -> None:
    """Two files of sales, some of them repeated, and labels."""
    draw = np.random.default_rng(4)
    n, users = 300, [f"u{i}" for i in range(20)]
    table = pa.table(
        {
            "sale": draw.permutation(np.r_[np.arange(n - 10), np.arange(10)]),
            "ts": np.sort(draw.integers(0, 3 * DAY, n)),
            "user": [users[i] for i in np.minimum(draw.geometric(0.3, n), 20) - 1],
            "item": draw.integers(0, 30, n),
            "paid": np.round(draw.gamma(2.0, 5.0, n), 2),
        }
    )
    (folder / "sales").mkdir()
    parquet.write_table(table.slice(0, 200), folder / "sales" / "a.parquet")
    parquet.write_table(table.slice(200), folder / "sales" / "b.parquet")
    labels = {
        "ts": draw.integers(HOUR, 3 * DAY, 90),
        "user": [users[i] for i in draw.integers(0, 20, 90)],
        "item": draw.integers(0, 30, 90),
        "row": np.arange(90),
    }
    parquet.write_table(pa.table(labels), folder / "labels.parquet")


class DeadlyDisk(OsDisk):
    """Counts what is asked of it, and dies at operation ``at``, in the middle of it if it is a write."""

    def __init__(self, at: int) -> None:
        self.at, self.done = at, 0

    def create(self, path: Path) -> Any:
        self.step()
        return DeadlyFile(super().create(path), self)

    def publish(self, made: Path, path: Path) -> None:
        self.step()
        super().publish(made, path)
        self.step()

    def step(self) -> None:
        self.done += 1
        if self.done == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyFile:
    def __init__(self, file: Any, disk: DeadlyDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        half = len(view) // 2
        written = self._file.write(view[:half])
        self._disk.step()
        return written + self._file.write(view[half:])

    def sync(self) -> None:
        self._disk.step()
        self._file.sync()

    def close(self) -> None:
        self._file.close()


def run(folder: Path, at: int, out: str = "out.parquet") -> int:
    """One build; how many operations it asked of the disk."""
    disk = DeadlyDisk(at)
    events = {"Sale": rows_of("Sale", folder / "sales")}
    fields = {field.name: field for field in request_fields(PLAN)}
    labels = Labels(rows_of("labels", folder / "labels.parquet"), "ts", fields, set(fields))
    build(PLAN, events, labels, folder / out, BUDGET, disk=disk)
    return disk.done


def main() -> None:
    folder = Path(sys.argv[1])
    run(folder, 0, "first.parquet")  # so that a child finds every kernel loaded
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                done = run(folder, int(line))
                print(done, flush=True)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print(-os.WTERMSIG(status), flush=True)


if __name__ == "__main__":
    main()
