"""Random expression trees over given leaves, thrown from one `Random`: every operation, null and edge occurs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from heptad.declare.data import Data
from heptad.declare.expressions import (
    Expression,
    clip,
    coalesce,
    col,
    contains,
    cosine,
    cross,
    distance,
    dot,
    is_null,
    log1p,
    size,
    sqrt,
    where,
)
from heptad.declare.features import hour
from heptad.declare.labels import Label
from heptad.plan.compile import compile_features
from heptad.plan.expressions import HOLDS
from heptad.plan.nodes import Plan

NUMBERS: Final = (0.0, -0.0, 1, 2, -1, 0.5, -3.25, 1e300, 1e-320, 90, 1000)
TEXTS: Final = ("x", "", "a×b", "a\\", "web")
_UNARY: Final = ("neg", "abs", "log1p", "sqrt", "not", "is_null")
_BINARY: Final = ("add", "sub", "mul", "div", "lt", "le", "gt", "ge", "eq", "ne", "and", "or")


class Leaves(NamedTuple):
    """What trees are made of; ``lists`` come with a value to look for. Numbers and categories must not be empty."""

    numbers: Sequence[Expression]
    categories: Sequence[Expression]
    lists: Sequence[tuple[Expression, Expression | str | float]] = ()
    vectors: Sequence[Expression] = ()  #: all of one size


def number(leaves: Leaves, random: Random, depth: int = 3) -> Expression:
    """A tree that gives a number."""
    pick = random.choice

    def inner() -> Expression:
        return number(leaves, random, depth - 1)

    if depth == 0 or random.random() < 0.1:
        return pick(leaves.numbers) if random.random() < 0.7 else _constant(pick(NUMBERS))
    draws = ["unary", "binary", "binary", "clip", "where", "coalesce", "distance", "same"]
    draws += ["list"] * bool(leaves.lists) + ["vector"] * bool(leaves.vectors)
    match pick(draws):
        case "unary":
            op = pick(_UNARY)
            return {"log1p": log1p, "sqrt": sqrt, "is_null": is_null}.get(op, lambda x: Expression(op, (x,)))(
                inner()
            )
        case "binary":
            return Expression(pick(_BINARY), (inner(), inner()))
        case "clip":
            return clip(inner(), pick((None, -1.0, inner())), pick((0, 10, inner())))
        case "where":
            return where(inner(), inner(), inner())
        case "coalesce":
            return coalesce(inner(), inner())
        case "distance":
            return distance(inner(), inner(), inner(), inner())
        case "same":
            a = category(leaves, random, depth - 1)
            return pick((a == category(leaves, random, depth - 1), a != pick(TEXTS), a == 1, is_null(a)))
        case "list":
            held, one = pick(list(leaves.lists))
            return pick((size(held), contains(held, one), is_null(held)))
        case _:
            u, v = pick(leaves.vectors), pick(leaves.vectors)
            return pick((dot(u, v), cosine(u, v), is_null(u)))


def category(leaves: Leaves, random: Random, depth: int = 3) -> Expression:
    """A tree that gives a text or an id."""
    pick = random.choice
    if depth == 0 or random.random() < 0.3:
        return pick(leaves.categories)
    a, b = (category(leaves, random, depth - 1) for _ in range(2))
    x = number(leaves, random, depth - 1)
    crossed = (cross(a, b), cross(a, x), cross(a, b, x, buckets=pick((2, 7, 1000))))
    chosen = (where(x, a, b), where(x, a, pick(TEXTS)), where(x, 3, a), coalesce(a, b), coalesce(a, "none"))
    return pick(pick((crossed, chosen)))


def tree(leaves: Leaves, random: Random, depth: int = 3) -> Expression:
    """Either."""
    return (number if random.random() < 0.8 else category)(leaves, random, depth)


def _constant(value: float) -> Expression:
    return Expression("constant", (), value)


def with_expressions(data: Data, label: Label, random: Random, most: int = 3) -> Data:
    """The declaration with up to ``most`` expressions over its columns, and over each other."""
    contextual = dict(data.contextual)
    for place in range(random.randint(0, most)):
        known = replace(data, contextual=contextual)
        contextual[f"e{place}"] = tree(leaves_of(compile_features(known, label)), random)
    return replace(data, contextual=contextual)


def leaves_of(plan: Plan) -> Leaves:
    """The columns of a plan and of its requests, by what they hold."""
    columns = [(col(c.name), c.holds, c.kind, c.size) for c in plan.columns]
    names = {c.name for c in plan.columns}
    brought = [f for f in plan.request if f.name not in names]
    columns += [(col(f.name), HOLDS.get(f.kind, "number"), f.kind, f.size) for f in brought]
    found = {what: [c for c, holds, _, _ in columns if holds == what] for what in ("number", "category")}
    lists = [(c, 1.0 if kind.numeric else "x") for c, holds, kind, _ in columns if holds == "list"]
    sized = [(c, size) for c, holds, _, size in columns if holds == "vector"]
    vectors = [c for c, size in sized if size == sized[0][1]]
    return Leaves([hour().expression(), *found["number"]], found["category"], lists, vectors)
