"""An expression's value is what plain Python says it is, row for row, bit for bit, in whatever batch it stands."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import heptad as hp
from heptad.algebra.kernels import elementary
from heptad.declare.expressions import col
from heptad.oracle.expressions import value_of
from heptad.plan.compile import compile_features
from heptad.plan.evaluate import evaluate
from heptad.plan.nodes import Node
from heptad.testing.compare import differences
from heptad.testing.trees import Leaves, tree

VALUES = {
    "number": (math.nan, 0.0, 1.0, -1.0, 2.5, -0.5, 1e308, 5e-324, 89.9, -123.0, math.inf, 3.0),
    "category": (None, "", "x", "web", "a×b", "\\", 1, -7, 2**63 - 1, 0),
    "list": (None, (), ("x",), ("y", "x", "x"), ("", "web")),
}
LEAVES = Leaves(
    [col("a"), col("b"), hp.hour().expression()],
    [col("k"), col("m")],
    [(col("l"), "x"), (col("l"), col("k"))],
)


class Ask(hp.Event):
    ts: hp.Time
    user: hp.Id
    a: float
    b: float | None
    k: hp.Id
    m: str | None
    l: list[str]  # noqa: E741


def rows_of(random: Random, n: int) -> list[dict[str, object]]:
    kinds = {"a": "number", "b": "number", "k": "category", "m": "category", "l": "list", "hour": "number"}
    return [{name: random.choice(VALUES[kind]) for name, kind in kinds.items()} for _ in range(n)]


def column(values: list[object], holds: str) -> np.ndarray:
    if holds == "number":
        return np.array(values, np.float64)
    return np.fromiter(values, object, len(values))


def evaluated(source, rows):
    def leaf(node: Node):
        return column([row[node.value] for row in rows], node.holds)

    return evaluate(source, leaf, len(rows))


@settings(max_examples=400)
@given(st.integers(0, 2**64 - 1))
def test_every_row_of_every_batch_is_what_plain_python_says(seed: int) -> None:
    random = Random(seed)
    expression = tree(LEAVES, random)
    plan = compile_features(hp.Data(contextual={"f": expression}), hp.label(Ask))
    source = plan.column("f").source
    rows = rows_of(random, random.choice((0, 1, 2, 9, 40)))
    expected = [value_of(source.root, lambda node, row=row: row[node.value]) for row in rows]
    whole = evaluated(source, rows)
    assert differences({"f": expected}, {"f": whole}) == [], str(expression)
    assert whole.dtype == (np.float64 if plan.column("f").holds == "number" else object)
    cuts = sorted(random.choices(range(len(rows) + 1), k=2))
    for part in (slice(0, cuts[0]), slice(*cuts), slice(cuts[1], None)):
        assert differences({"f": expected[part]}, {"f": evaluated(source, rows[part])}) == []


def test_scalar_loops_give_the_bits_of_pythons_math_in_every_layout() -> None:
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.uniform(-1, 10, 5000), 10.0 ** rng.uniform(-300, 300, 5000)])
    expected = np.array([math.log1p(v) for v in x.tolist()])
    for step in (1, 2, 3, 7):
        for start in range(5):
            part = np.ascontiguousarray(x[start::step])
            out = np.empty(len(part))
            elementary.log1p(part, out)
            assert (out == expected[start::step]).all()
