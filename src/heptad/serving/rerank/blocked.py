"""Which popular items the block rules keep out of a fallback: by their facts of the moment, else as last known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.rerank import Block, Rerank
from heptad.declare.schema import Event
from heptad.plan.batch import Column
from heptad.plan.nodes import ColumnPlan, DerivedColumn, ExpressionColumn, FactColumn, Node, Plan, windows_of
from heptad.serving.rerank.filters import holds
from heptad.serving.rerank.steps import Steps, Truths

Mask = NDArray[np.bool_]


class Blocked:
    """The block rules among re-ranking steps; false where there are none. Any number of threads may use it.

    ``names`` are the columns of the plan to read for `among`. What a rule of items alone (no user, context or hour in
    it) said of an item last is remembered, for when nothing can be read; other rules are not known then.
    """

    def __init__(self, steps: Sequence[Rerank], plan: Plan, request: type[Event], item: str) -> None:
        rules = [step for step in steps if isinstance(step, Block)]
        self._steps = Steps(rules, plan, request)
        static = {column.name for column in plan.columns if column.group == "static"}
        needed = plan.needed({*self._steps.columns, *static})
        self.names = tuple(column.name for column in plan.columns if column.name in needed)
        self._lasting = [_of_items(rule, plan, item) for rule in self._steps.rules]
        places = [place for place, step in enumerate(steps) if isinstance(step, Block)]
        self._noted = [place for place, lasts in zip(places, self._lasting, strict=True) if lasts]
        self._known: frozenset[Any] = frozenset()

    def __bool__(self) -> bool:
        return bool(self._lasting)

    def among(
        self, items: NDArray[Any], columns: Mapping[str, NDArray[Any]], request: Mapping[str, Column], t: int
    ) -> Mask:
        """(m,): which items are blocked at t, by the values of ``names`` and what the request brings."""
        truths = self._steps.truths(columns, request, t, len(items))
        lasting = [truth for truth, lasts in zip(truths, self._lasting, strict=True) if lasts]
        self._remember(items, lasting)
        return any_holds(truths, len(items))

    def note(self, items: NDArray[Any], truths: Truths) -> None:
        """What all the steps read of a ranking's candidates, from which the verdicts on items are remembered."""
        if self._noted:
            self._remember(items, [truths[place] for place in self._noted])

    def remembered(self, items: NDArray[Any]) -> Mask:
        """(m,): which items were blocked when a rule last looked at them; one that none has looked at is not."""
        known = self._known
        return np.fromiter(map(known.__contains__, items.tolist()), np.bool_, len(items))

    def _remember(self, items: NDArray[Any], truths: Truths) -> None:
        """Threads that remember at once may lose what one of them saw: the next look finds it again."""
        blocked, known = any_holds(truths, len(items)), self._known
        if known or blocked.any():
            self._known = known.difference(items[~blocked].tolist()).union(items[blocked].tolist())


def any_holds(truths: Truths, m: int) -> Mask:
    """(m,): where one of these conditions is true."""
    blocked = np.zeros(m, np.bool_)
    for truth in truths:
        blocked |= False if truth is None else holds(truth)
    return blocked


def _of_items(column: ColumnPlan, plan: Plan, item: str) -> bool:
    """Whether a column is a function of the item and of what is known of items."""
    known = {one.name: one for one in plan.columns}

    def of_items(names: Collection[str]) -> bool:
        return all(name == item or (name in known and _of_items(known[name], plan, item)) for name in names)

    match column.source:
        case ExpressionColumn(inputs, brings, root):
            return not _has_calendar(root) and of_items((*inputs, *brings))
        case DerivedColumn(inputs):
            return of_items(inputs)
        case FactColumn(group):
            return of_items(plan.groups[group].keys)
        case source:
            groups = [plan.groups[window.group] for window in windows_of(source)]
            return bool(groups) and all(of_items(group.keys) for group in groups)


def _has_calendar(node: Node) -> bool:
    return node.op == "calendar" or any(map(_has_calendar, node.args))
