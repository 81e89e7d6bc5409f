"""Maximal marginal relevance: each next item is good, and unlike those before it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.rerank import MMR
from heptad.models.base import Vector
from heptad.serving.rerank.kernels import by_values, by_vectors, once, unit
from heptad.serving.rerank.listed import Listed, Ranked


def mmr(step: MMR, listed: Listed, ranked: Ranked, _: Vector | None) -> Listed:
    """As many places as are asked for by marginal relevance, in O(places * candidates); the rest as it was.

    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
    producing summaries", SIGIR 1998; ties go to the earlier candidate.
    """
    order, values = listed.order, ranked.columns[step.column]
    picks = np.empty(min(ranked.n, len(order)), np.int64)
    worth = _spread(listed.scores[order])
    if values.ndim == 2:
        units = np.empty((values.shape[1], len(order)))
        unit(np.ascontiguousarray(values, np.float32), order, units)
        by_vectors(worth, units, step.relevance, picks)
    else:
        starts, codes, distinct = _codes(values[order].tolist())
        by_values(worth, starts, codes, distinct, step.relevance, picks)
    rest = np.ones(len(order), np.bool_)
    rest[picks] = False
    return listed._replace(order=np.concatenate([order[picks], order[rest]]))


def _spread(scores: Vector) -> Vector:
    """Scores brought to 0..1 by the least and the greatest; 0 where all are alike."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros(len(scores))


def _codes(rows: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Each item's distinct values as codes, one after the other, where each item's begin, and how many codes there are."""
    held = [() if row is None else row if isinstance(row, (tuple, list)) else (row,) for row in rows]
    starts = np.zeros(len(held) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, held), np.int64, len(held)), out=starts[1:])
    places: dict[Any, int] = {}
    codes = np.fromiter(map(places.setdefault, chain.from_iterable(held), count()), np.int64, starts[-1])
    once(starts, codes, len(codes))
    return starts, codes, len(codes)
