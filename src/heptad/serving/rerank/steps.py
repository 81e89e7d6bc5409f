"""Re-ranking: the declared steps, compiled once, run on the candidates of each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.rerank import MMR, Block, Boost, Cap, Explore, Freshness, Pin, Rerank, Unseen
from heptad.declare.schema import Event
from heptad.models.base import Vector
from heptad.plan.assemble import brought, calendar
from heptad.plan.batch import Column
from heptad.plan.evaluate import evaluate
from heptad.plan.nodes import ColumnPlan, ExpressionColumn, Node, Plan
from heptad.plan.rules import rule_columns, rule_inputs
from heptad.serving.rerank.explore import explored
from heptad.serving.rerank.filters import block, cap, unseen
from heptad.serving.rerank.listed import Listed, Order, Ranked
from heptad.serving.rerank.mmr import mmr
from heptad.serving.rerank.pins import pin, placed
from heptad.serving.rerank.scoring import boost, freshness

#: What a step reads of every candidate, by its place among the steps; None for a step without an expression.
Truths = Sequence[Vector | None]


class Shown(NamedTuple):
    """Places of the candidates shown, best first, and the propensity of each; none where no position explores."""

    places: Order
    propensities: Vector


def arranged(
    steps: Sequence[Rerank], order: Order, scores: Vector, ranked: Ranked, truths: Truths
) -> tuple[Listed, Order]:
    """The list after every step but exploration, with the pins in place, and the positions that pins have.

    ``order`` are places of candidates by ``scores`` (m,), best first.
    """
    listed = Listed(order, scores)
    for step, truth in zip(steps, truths, strict=True):
        if not isinstance(step, Explore):
            listed = _STEPS[type(step)](step, listed, ranked, truth)
    order, pinned = placed(listed)
    return listed._replace(order=order), pinned


class Steps:
    """The steps in their order. ``columns`` are the plan's columns they need, ``rules`` what they compute themselves."""

    def __init__(self, steps: Sequence[Rerank], plan: Plan, request: type[Event]) -> None:
        self._steps = tuple(steps)
        self._explore = next((step for step in steps if isinstance(step, Explore)), None)
        self._read = rule_columns(self._steps, plan, request)
        self.rules: tuple[ColumnPlan, ...] = tuple(column for column in self._read if column is not None)
        named = [step.column for step in self._steps if isinstance(step, (Cap, MMR))]
        inputs = [name for column in self.rules for name in rule_inputs(column)]
        self.columns = tuple(dict.fromkeys([*named, *inputs]))

    @property
    def excludes(self) -> bool:
        """Whether sources need not propose what the user has had before."""
        return any(isinstance(step, Unseen) for step in self._steps)

    def truths(
        self, columns: Mapping[str, NDArray[Any]], request: Mapping[str, Column], t: int, m: int
    ) -> Truths:
        """Every expression over the m candidates of a request at t."""

        def leaf(node: Node) -> NDArray[Any]:
            name = str(node.value)
            if node.op == "column":
                return columns[name]
            if node.op == "calendar":
                return calendar(name, np.full(m, t, np.int64))
            return brought(node, request.get(name), m)

        return [None if c is None else evaluate(_source(c), leaf, m) for c in self._read]

    def shown(self, order: Order, scores: Vector, ranked: Ranked, truths: Truths, request_id: str) -> Shown:
        """The items of one answer: ``order`` (m,) are places of candidates by ``scores`` (m,), best first."""
        listed, pinned = arranged(self._steps, order, scores, ranked, truths)
        if self._explore is None:
            return Shown(listed.order[: ranked.n], np.empty(0))
        return Shown(*explored(self._explore, listed.order, listed.scores, pinned, ranked.n, request_id))


def _source(column: ColumnPlan) -> ExpressionColumn:
    if not isinstance(column.source, ExpressionColumn):
        raise TypeError(column.source)
    return column.source


_STEPS: Final[Mapping[type, Callable[[Any, Listed, Ranked, Any], Listed]]] = {
    Unseen: unseen,
    Cap: cap,
    Block: block,
    Boost: boost,
    Freshness: freshness,
    MMR: mmr,
    Pin: pin,
}
