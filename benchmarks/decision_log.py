"""What one ranking decision takes in the log, whole and as it is kept, and the CPU of keeping it (decision record 44).

    python benchmarks/decision_log.py [--rounds 200] [--json FILE]

A decision like B6's: 500 candidates, 50 shown, 48 number columns (half of them counts of the items, a fifth means, the
rest the user's own, alike for all), one category, two sources. Medians. The digests of the 48 columns are also taken by
what the standard library has.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from contest import machine, write
from heptad.serving.decision import Decision, encode
from heptad.serving.kept import digests, kept

M, SHOWN, COUNTS, MEANS, OWN = 500, 50, 24, 10, 14


def decision() -> Decision:
    draw = np.random.default_rng(0)
    popular = 200.0 / np.arange(1, M + 1)[:, None]
    numbers = np.hstack([
        draw.poisson(popular * draw.uniform(0.1, 5, COUNTS), (M, COUNTS)).astype(np.float64),
        np.where(draw.random((M, MEANS)) < 0.2, np.nan, draw.random((M, MEANS))),
        np.broadcast_to(draw.random(OWN), (M, OWN)),
    ])  # fmt: skip
    scores = draw.random(M)
    return Decision(
        "00c0ffee00c0ffee", 1_800_000_000_000_000, {0: 1_005_000}, 7, {"device": "phone"}, list(range(20)),
        draw.permutation(5_000)[:M].tolist(), np.argsort(-scores)[:SHOWN].tolist(), scores, scores, {}, "v0001",
        "0123456789abcdef", {"history": 100}, {"popular": numbers[:, 0], "covisited": draw.random(M)},
        [f"item_views_{number}d" for number in range(numbers.shape[1])], np.asfortranarray(numbers),
        {"category": [f"category {at % 20}" for at in range(M)]}, n=SHOWN,
    )  # fmt: skip


def cpu_us(function: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        begin = time.thread_time_ns()
        function()
        took.append((time.thread_time_ns() - begin) / 1e3)
    return round(float(np.median(took)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    whole = decision()
    cut, columns = kept(whole), [column.tobytes() for column in whole.numbers.T]
    hashes: dict[str, Callable[[bytes], Any]] = {
        "xxh3_128": xxhash.xxh3_128_digest, "sha256": hashlib.sha256, "blake2b": hashlib.blake2b,
    }  # fmt: skip
    result = {
        "id": "decision", "machine": machine(), "load": {"candidates": M, "shown": SHOWN, "columns": len(columns)},
        "bytes": {"whole": len(encode(whole)), "kept": len(encode(cut))},
        "cpu_us": {
            "encode whole": cpu_us(lambda: encode(whole), given.rounds),
            "keep": cpu_us(lambda: kept(whole), given.rounds),
            "of these the digests": cpu_us(lambda: digests(whole), given.rounds),
            "encode kept": cpu_us(lambda: encode(cut), given.rounds),
        },
        "digests_of_the_columns_us": {
            name: cpu_us(lambda of=of: [of(column) for column in columns], given.rounds)  # type: ignore[misc]
            for name, of in hashes.items()
        },
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
