"""The k best of some scored items, ties by item id."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.retrieval.catalog import id_key
from heptad.retrieval.vectors.metric import Floats

Slots = NDArray[np.int64]


def best(scores: Floats, ids: NDArray[Any], k: int) -> Slots:
    """The positions of the k highest scores, highest first; of equal ones the lower id first.

    >>> best(np.array([1.0, 3.0, 1.0, 2.0]), np.array([9, 8, 7, 6]), 3).tolist()
    [1, 3, 2]
    """
    chosen = np.arange(len(scores))
    if k < len(scores):
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > edge)
        level = np.flatnonzero(scores == edge)
        if len(level) > k - len(above):
            level = level[_by_id(ids[level])[: k - len(above)]]
        chosen = np.concatenate([above, level])
    falling = -scores[chosen]
    order = np.argsort(falling, kind="stable")
    ranked = falling[order]
    if (ranked[1:] == ranked[:-1]).any():
        order = np.lexsort((_rank(ids[chosen]), falling))
    return chosen[order]


def at_least(scores: NDArray[np.float32], k: int, margin: float) -> Slots:
    """The positions of all scores within twice ``margin`` of the k-th highest: the exact best are among them."""
    if k >= len(scores):
        return np.arange(len(scores))
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= np.nextafter(edge - np.float32(2 * margin), np.float32(-np.inf)))


def _by_id(ids: NDArray[Any]) -> Slots:
    """The positions in the order of ids, whole numbers before texts."""
    if ids.dtype != object:
        return np.argsort(ids, kind="stable")
    listed = ids.tolist()
    return np.asarray(sorted(range(len(listed)), key=lambda place: id_key(listed[place])), np.int64)


def _rank(ids: NDArray[Any]) -> Slots:
    rank = np.empty(len(ids), np.int64)
    rank[_by_id(ids)] = np.arange(len(ids))
    return rank
