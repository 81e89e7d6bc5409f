"""Ranking metrics per request: recall, hit, NDCG and MRR at k over matrices of ranked lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError

Floats = NDArray[np.float64]
Gain = Literal["linear", "exponential"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """n ranked lists cut at depth K, as the metrics need them.

    * ``gains`` (n, K): the gain of the item at each rank, 0 where it is irrelevant or the list has ended.
    * ``ideal`` (n, K): the largest gains the request has, best first, padded with 0.
    * ``relevant`` (n,): how many relevant items the request has, ranked or not.

    A request without a relevant item has no metric: its values are NaN, and `mean` leaves it out.
    """

    gains: Floats
    ideal: Floats
    relevant: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.gains)


def ranked_lists(
    ranked: ArrayLike, request: ArrayLike, item: ArrayLike, gain: ArrayLike | None = None
) -> Ranked:
    """`Ranked` from lists of item codes and the truth as a table.

    ``ranked`` (n, K): item codes best first, −1 where a list has ended; a repeated item counts at its first
    rank only. ``request``, ``item``, ``gain`` (m,): one row per relevant (request 0..n−1, item), gain > 0
    (1 if not given), each pair once.
    """
    lists: NDArray[np.int64] = np.asarray(ranked, dtype=np.int64)
    rows: NDArray[np.int64] = np.asarray(request, dtype=np.int64)
    items: NDArray[np.int64] = np.asarray(item, dtype=np.int64)
    gains = np.ones(len(items)) if gain is None else np.asarray(gain, dtype=np.float64)
    n, depth = lists.shape
    width = int(max(lists.max(initial=-1), items.max(initial=-1))) + 2
    truth = rows * width + items
    order = np.argsort(truth, kind="stable")
    truth, sorted_gains = truth[order], gains[order]
    if (np.diff(truth) == 0).any() or not (gains > 0).all() or (items < 0).any():
        raise DataError(
            "relevant items", "each (request, item) once, codes from 0, gain above 0", "others",
            "merge repeated rows and drop those without gain",
        )  # fmt: skip
    keys = np.arange(n)[:, None] * width + lists
    at = np.searchsorted(truth, keys)
    inside = np.minimum(at, max(len(truth) - 1, 0))
    hit = (lists >= 0) & (truth[inside] == keys) if len(truth) else np.zeros(lists.shape, dtype=bool)
    found = np.where(hit, sorted_gains[inside], 0.0) if len(truth) else np.zeros(lists.shape)
    _drop_repeats(lists, found)
    return Ranked(found, _ideal(rows, gains, n, depth), np.bincount(rows, minlength=n).astype(np.int64))


def ranked_rows(request: ArrayLike, score: ArrayLike, gain: ArrayLike, depth: int) -> Ranked:
    """`Ranked` from a table of candidates: one row per (request, candidate) with its score and gain (m,).

    Requests are in ascending order of their number. Equal scores are ranked least gain first, so that a model
    that cannot tell candidates apart earns nothing by their order in the table; a NaN score ranks last.
    """
    given: NDArray[Any] = np.asarray(request)
    scores, gains = np.asarray(score, dtype=np.float64), np.asarray(gain, dtype=np.float64)
    if not given.shape == scores.shape == gains.shape or not (gains >= 0).all():
        raise DataError(
            "candidate rows", "one request, score and gain of 0 or more per row",
            f"shapes {given.shape}, {scores.shape}, {gains.shape}", "pass columns of one table",
        )  # fmt: skip
    numbers, rows = np.unique(given, return_inverse=True)
    order = np.lexsort((gains, -np.where(np.isnan(scores), -np.inf, scores), rows))
    rows, gains = rows[order], gains[order]
    matrix = np.zeros((len(numbers), depth))
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < depth
    matrix[rows[kept], rank[kept]] = gains[kept]
    positive = gains > 0
    relevant = np.bincount(rows[positive], minlength=len(numbers)).astype(np.int64)
    return Ranked(matrix, _ideal(rows, gains, len(numbers), depth), relevant)


def recall(ranked: Ranked, k: int) -> Floats:
    """The share of a request's relevant items among its first k, (n,)."""
    return _per_relevant((_first(ranked.gains, k) > 0).sum(axis=1), ranked)


def hit(ranked: Ranked, k: int) -> Floats:
    """1 where at least one of the first k is relevant, (n,)."""
    found = (_first(ranked.gains, k) > 0).any(axis=1).astype(np.float64)
    return np.asarray(np.where(ranked.relevant > 0, found, np.nan))


def mrr(ranked: Ranked, k: int) -> Floats:
    """1 / rank of the first relevant item within the first k, 0 if there is none, (n,)."""
    relevant = _first(ranked.gains, k) > 0
    found = np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)
    return np.asarray(np.where(ranked.relevant > 0, found, np.nan))


def ndcg(ranked: Ranked, k: int, gain: Gain = "linear") -> Floats:
    """Discounted cumulative gain within the first k over the best possible one, (n,).

    DCG = Σ gain(rank) / log2(rank + 1), rank from 1 (Järvelin and Kekäläinen 2002). ``exponential`` uses
    2^gain − 1 (Burges et al. 2005); for gains of 0 and 1 both are the same.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    shape = _GAINS[gain]
    best = shape(_first(ranked.ideal, k)) @ discount
    with np.errstate(invalid="ignore"):
        return np.asarray((shape(_first(ranked.gains, k)) @ discount) / best)


_GAINS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "linear": lambda gains: gains,
    "exponential": lambda gains: np.exp2(gains) - 1.0,
}
_METRICS: Final[Mapping[str, Callable[[Ranked, int], Floats]]] = {
    "recall": recall, "hit": hit, "mrr": mrr, "ndcg": ndcg,
}  # fmt: skip


def per_request(ranked: Ranked, metric: str) -> Floats:
    """The values (n,) of a metric named like ``ndcg@10``: recall, hit, mrr or ndcg, and a depth."""
    name, _, depth = metric.partition("@")
    if name not in _METRICS or not depth.isdecimal() or int(depth) == 0:
        raise DataError(
            f"ranking metric {metric!r}", f"one of {', '.join(_METRICS)} and a depth, as 'ndcg@10'", metric,
            "write for example 'recall@100'",
        )  # fmt: skip
    return _METRICS[name](ranked, int(depth))


def mean(values: Floats) -> float:
    """The mean over requests that have a value; NaN if none has."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")


def _first(matrix: Floats, k: int) -> Floats:
    if k > matrix.shape[1]:
        raise DataError(
            f"metric at {k}", f"lists of at least {k} ranks", matrix.shape[1], "rank to a greater depth"
        )
    return matrix[:, :k]


def _per_relevant(found: NDArray[np.int64], ranked: Ranked) -> Floats:
    some = ranked.relevant > 0
    shares = np.full(len(ranked), np.nan)
    np.divide(found, ranked.relevant, out=shares, where=some)
    return shares


def _ideal(rows: NDArray[np.int64], gains: Floats, n: int, depth: int) -> Floats:
    order = np.lexsort((-gains, rows))
    rows, gains = rows[order], gains[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < depth
    ideal = np.zeros((n, depth))
    ideal[rows[kept], rank[kept]] = gains[kept]
    return ideal


def _drop_repeats(lists: NDArray[np.int64], found: Floats) -> None:
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    repeated = np.zeros(lists.shape, dtype=bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    where, rank = np.nonzero(repeated)
    found[where, order[where, rank]] = 0.0
