"""Finishing the ranked list: each step takes places of candidates, best first, and keeps some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.serving import Cap, Rerank, Unseen

Order = NDArray[np.int64]


class Ranked(NamedTuple):
    """What steps may look at: the candidates' ids and columns (m,), and what the user has had before."""

    items: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]
    seen: Collection[Any]


def rerank(steps: Sequence[Rerank], order: Order, ranked: Ranked) -> Order:
    """``order`` after each step in turn: places of candidates, best first."""
    for step in steps:
        order = _STEPS[type(step)](step, order, ranked)
    return order


def unseen(step: Unseen, order: Order, ranked: Ranked) -> Order:
    """Without the items the user has had before."""
    if not ranked.seen:
        return order
    seen = set(ranked.seen)
    return order[
        np.fromiter((item not in seen for item in ranked.items[order].tolist()), np.bool_, len(order))
    ]


def cap(step: Cap, order: Order, ranked: Ranked) -> Order:
    """The first ``n`` of each value of the column; a list counts as its first value, no value as unlimited."""
    taken: Counter[Any] = Counter()
    kept = np.ones(len(order), np.bool_)
    for place, value in enumerate(ranked.columns[step.column][order].tolist()):
        first = (value[0] if value else None) if isinstance(value, (tuple, list)) else value
        if first is not None and first == first:  # NaN is no value
            taken[first] += 1
            kept[place] = taken[first] <= step.n
    return order[kept]


_STEPS: Final[Mapping[type, Callable[[Any, Order, Ranked], Order]]] = {Unseen: unseen, Cap: cap}
