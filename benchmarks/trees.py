"""Trees: 500 candidates x 50 features through 200 trees of 63 leaves, one core, against LightGBM and other ways.

    python benchmarks/trees.py [--requests 40] [--rounds 5] [--json FILE]

Three loads. ``counts``: what a feature store gives, counts and sums of skewed rates, and 15 of the 50 columns (the
user's, the moment's) alike for all candidates of a request. ``mixed``: the same with means that are missing where
nothing was counted, and five columns of codes. ``noise``: normal numbers, every row apart. One model per load, trained by LightGBM; another request at every call, as a server sees them.
Every answer is held to LightGBM's own, bit for bit. What counts is the CPU time of a call: on a shared machine a call
of several milliseconds is interrupted, one of less than one is not. XGBoost cannot read the trees: it trains its own
of the same number and size, on the same rows, and is here for the record.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contest import OTHERS, Contender, contest, machine, ratios, write
from heptad.models.gbdt import GBDT
from heptad.models.trees.text import read_text

COLUMNS, OF_THE_USER, TREES, LEAVES, CANDIDATES = 50, 15, 200, 63, 500
#: Rows of one call; ``all``: every request's rows at once, as an evaluation does.
SIZES = ("1", "100", "500", "all")
Matrix = Vector = NDArray[np.float64]


def counts(rows: int, seed: int) -> Matrix:
    """Counts over windows of five lengths; every tenth column a sum of amounts, every tenth a smoothed rate."""
    draw, columns = np.random.default_rng(seed), []
    for j in range(COLUMNS):
        rate = (0.3, 1.0, 3.0, 10.0, 40.0)[j % 5]
        column = draw.poisson(draw.gamma(0.7, rate / 0.7, rows)).astype(float)
        if j % 10 == 3:
            column = np.round(column * draw.uniform(0.1, 5, rows), 2)
        if j % 10 == 7:
            column = (column + 2) / (draw.poisson(rate * 5, rows) + 20)
        columns.append(column)
    return np.column_stack(columns)


def noise(rows: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).normal(size=(rows, COLUMNS))


def mixed(rows: int, seed: int) -> Matrix:
    x = counts(rows, seed)
    for j in range(7, COLUMNS, 10):
        x[x[:, j - 1] == 0, j] = np.nan
    x[:, CODES] = np.minimum(x[:, CODES], 60)
    return x


LOADS = {"counts": counts, "mixed": mixed, "noise": noise}
#: Columns that ``mixed`` splits by subsets of codes.
CODES = tuple(range(9, COLUMNS, 10))


def label(x: Matrix) -> Vector:
    draw = np.random.default_rng(1)
    x = np.nan_to_num(x, nan=5.0)
    z = np.sign(x) * np.log1p(np.abs(x))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    score = 0.35 * z @ draw.normal(size=COLUMNS) + 0.5 * z[:, 0] * z[:, 1] - 0.4 * z[:, 2] * z[:, 3] - 2
    return (draw.random(len(x)) < 1 / (1 + np.exp(-score))).astype(float)


def prepare(data: Path, load: str, rows: int, requests: int) -> dict[str, Any]:
    """The model, its training rows, the requests with LightGBM's answers; what there is to do for one request."""
    x = LOADS[load](rows, 0)
    y = label(x)
    codes = CODES if load == "mixed" else ()
    model = GBDT(trees=TREES, leaves=LEAVES, threads=2, categorical=codes).fit(x, y)
    model.save(data)
    write_rows(data / "train.parquet", x, y)
    asked = LOADS[load](CANDIDATES * requests, 9)
    if load != "noise":
        asked[:, :OF_THE_USER] = np.repeat(asked[::CANDIDATES, :OF_THE_USER], CANDIDATES, axis=0)
    booster = lightgbm.Booster(model_file=data / "gbdt.txt")
    write_rows(data / "requests.parquet", asked, booster.predict(asked))
    return work(booster, asked[:CANDIDATES])


def write_rows(path: Path, x: Matrix, y: Vector) -> None:
    pq.write_table(pa.table({f"x{j}": x[:, j] for j in range(COLUMNS)} | {"y": y}), path)


def work(booster: Any, request: Matrix) -> dict[str, Any]:
    """What a request asks for, whatever the way."""
    text = read_text(booster.model_to_string())
    if text is None:
        raise SystemExit("the model is none that heptad's kernels take")
    visits, node = 0, 0
    leaves = booster.predict(request, pred_leaf=True)
    for tree, size in enumerate(text.leaves.tolist()):
        depth = {0: 1} if size > 1 else {~0: 0}
        for n in range(size - 1):
            for child in (text.left[node + n], text.right[node + n]):
                depth[int(child)] = depth[n] + 1 if child >= 0 else depth[n]
        visits += sum(depth[~leaf] for leaf in leaves[:, tree].tolist())
        node += size - 1
    return {
        "nodes": node, "distinct_tests": len(np.unique(np.stack([text.feature, text.threshold]), axis=1).T),
        "node_visits_by_walking": visits, "leaf_values_added": CANDIDATES * TREES,
        "values_read": CANDIDATES * COLUMNS,
    }  # fmt: skip


def sides(load: str, size: str) -> list[Contender]:
    """Who takes part: everybody at 500 rows of counts, elsewhere heptad and LightGBM."""
    ask, tree = ("--size", size), "contenders/trees_{}.py".format
    few = [
        Contender("heptad", tree("heptad"), args=ask),
        Contender("lightgbm", tree("lightgbm"), args=ask),
        Contender("lightgbm_c", tree("lightgbm"), args=(*ask, "--way", "c")),
    ]
    if (load, size) != ("counts", str(CANDIDATES)):
        return few
    return [
        *few,
        Contender("tl2cgen", tree("treelite"), str(OTHERS), args=ask),
        Contender("treelite_gtil", tree("treelite"), str(OTHERS), args=(*ask, "--way", "gtil")),
        Contender("walk", tree("kernels"), args=(*ask, "--way", "walk")),
        Contender("quickscorer", tree("kernels"), args=(*ask, "--way", "quickscorer")),
        Contender("xgboost_own_trees", tree("xgboost"), args=ask),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="different ones, of 500 rows each")
    parser.add_argument("--train", type=int, default=40_000, help="rows the models are trained on")
    parser.add_argument("--rounds", type=int, default=5, help="of the whole, alternating")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {
        "id": "trees", "machine": machine(), "unit": "milliseconds per call, one thread; cpu_ms: mean CPU of a call, the median of rounds",
        "load": {"trees": TREES, "leaves": LEAVES, "columns": COLUMNS, "alike in a request": OF_THE_USER,
                 "candidates": CANDIDATES, "requests": given.requests, "trained on": given.train},
        "goal": "500 rows of counts: below LightGBM's 3.3 ms, target 1 ms",
        "work": {}, "contenders": {}, "ratio": {},
    }  # fmt: skip
    for load, sizes in (("counts", SIZES), ("mixed", SIZES[2:3]), ("noise", SIZES[2:3])):
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            print(f"{load}: training", file=sys.stderr)
            result["work"][load] = prepare(data, load, given.train, given.requests)
            expected = pq.read_table(data / "requests.parquet").column("y").to_numpy()

            def check(name: str, path: Path, expected: Vector = expected) -> str:
                got = pq.read_table(path).column("p").to_numpy()
                if name == "xgboost_own_trees":
                    return "other trees, nothing to compare with"
                apart = float(np.abs(got - expected[: len(got)]).max())
                return "yes" if np.array_equal(got, expected[: len(got)]) else f"up to {apart:.2g} apart"

            for size in sizes:
                rounds = given.rounds if size == str(CANDIDATES) else min(3, given.rounds)
                print(f"{load}, {size} rows", file=sys.stderr)
                found = contest(data, sides(load, size), check, rounds=rounds, key="cpu_ms")
                result["contenders"][f"{load}, {size} rows"] = found
                result["ratio"][f"{load}, {size} rows"] = ratios(found, key="cpu_ms")
    ours = result["contenders"][f"counts, {CANDIDATES} rows"]["heptad"]
    result["holds"] = {
        "below 3.3 ms": ours["cpu_ms"] < 3.3,
        "within 1 ms": ours["cpu_ms"] <= 1.0,
        "LightGBM's bits": ours["correct"] == "yes",
    }
    write(result, given.json)


if __name__ == "__main__":
    main()
