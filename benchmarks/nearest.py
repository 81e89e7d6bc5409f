"""CPU of `hp.Nearest` in a ranking: one request, a new row followed, and a process's first look at a table of vectors.

    python benchmarks/nearest.py [--items 5000 30000 100000] [--rounds 60] [--json FILE]

Vectors of 64 float32 from the standard normal, 100 proposed for a history of 50 random items, which are left out. The reads
of the store are not counted: vectors come from memory.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from contest import machine, write
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.gallery import Gallery
from heptad.retrieval.nearest import NearestSource
from heptad.state.tally import Counts

DIMENSION, PROPOSED, HISTORY = 64, 100, 50


def cpu_ms(function: Callable[[], Any]) -> float:
    begin = time.process_time()
    function()
    return 1e3 * (time.process_time() - begin)


def measured(n: int, rounds: int) -> dict[str, float]:
    draw, index = np.random.default_rng(0), ItemIndex()
    gallery, items = Gallery("look", index), list(range(n))
    vectors = draw.normal(size=(n, DIMENSION)).astype(np.float32)

    def read(ids: list[int]) -> Any:
        return vectors[ids]

    rows = np.ones(n)
    first = cpu_ms(lambda: gallery.at(Counts(1, items, rows), read))
    retriever = Retriever({"near": Quota(NearestSource(gallery, index), PROPOSED)}, index, PROPOSED)
    follow, ask = [], []
    for number in range(rounds):
        rows = rows.copy()
        rows[number] += 1
        counts, history = Counts(1, items, rows), [draw.integers(0, n, HISTORY).tolist()]
        follow.append(cpu_ms(lambda counts=counts: gallery.at(counts, read)))  # type: ignore[misc]
        views = {"look": gallery.at(counts, read)}

        def request(history: Any = history, views: Any = views) -> None:
            asked = retriever.asked(history, history, views=views)
            retriever.blend(asked, {"near": retriever.propose("near", asked)})

        ask.append(cpu_ms(request))
    return {
        "request_ms": round(float(np.median(ask)), 3), "new_row_ms": round(float(np.median(follow)), 3),
        "first_look_ms": round(first, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[5_000, 30_000, 100_000])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    load = {"dimension": DIMENSION, "proposed": PROPOSED, "history": HISTORY, "rounds": given.rounds}
    found = {str(n): measured(n, given.rounds) for n in given.items}
    write(
        {"id": "nearest", "machine": machine(), "unit": "milliseconds of CPU", "load": load, "found": found},
        given.json,
    )


if __name__ == "__main__":
    main()
