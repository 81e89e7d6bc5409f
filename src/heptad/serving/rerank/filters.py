"""Steps that leave items out and keep the order of the rest."""

from __future__ import annotations

from itertools import count

import numpy as np

from heptad.declare.rerank import Block, Cap, Unseen
from heptad.models.base import Vector
from heptad.serving.rerank.listed import Listed, Ranked


def unseen(_: Unseen, listed: Listed, ranked: Ranked, __: Vector | None) -> Listed:
    """Without the items the user has had before."""
    if not ranked.seen:
        return listed
    seen, order = set(ranked.seen), listed.order
    had = np.fromiter(map(seen.__contains__, ranked.items[order].tolist()), np.bool_, len(order))
    return listed._replace(order=order[~had])


def block(_: Block, listed: Listed, ranked: Ranked, truth: Vector) -> Listed:
    """Without the items for which the condition is true; null is not true."""
    return listed._replace(order=listed.order[~holds(truth[listed.order])])


def cap(step: Cap, listed: Listed, ranked: Ranked, _: Vector | None) -> Listed:
    """The first ``n`` of each value of the column; a list counts as its first value, no value as unlimited."""
    order = listed.order
    values = [
        (value[0] if value else None) if isinstance(value, (tuple, list)) else value
        for value in ranked.columns[step.column][order].tolist()
    ]
    places: dict[object, int] = {}  # a NaN equals no other: each counts as a value of its own
    codes = np.fromiter(map(places.setdefault, values, count()), np.int64, len(values))
    kept = earlier(codes) < step.n
    if None in places:
        kept |= codes == places[None]
    return listed._replace(order=order[kept])


def holds(truth: Vector) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where a condition is true: neither 0 nor null."""
    found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (truth != 0.0) & ~np.isnan(truth)
    return found


def earlier(
    codes: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """How many earlier places hold the same code, (n,)."""
    together = np.argsort(codes, kind="stable")
    ordered = codes[together]
    first = np.searchsorted(ordered, ordered)
    out = np.empty(len(codes), np.int64)
    out[together] = np.arange(len(codes)) - first
    return out
