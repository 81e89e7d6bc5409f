"""How sure a number is: percentile intervals by resampling whole clusters (users), seeded and repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError

Floats = NDArray[np.float64]
_CELLS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate, the ends of its interval, and the number of clusters it rests on.

    The ends are NaN where there are fewer than two clusters: one user says nothing about the next.
    """

    estimate: float
    low: float
    high: float
    clusters: int


def mean_interval(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """The mean of ``values`` (n,) and its percentile interval (Efron 1979), NaN values left out.

    Rows of one cluster are drawn together, because requests of one user are not independent; without
    ``clusters`` each row is its own. A drawn mean is the drawn sum over the drawn number of rows.
    """
    given = np.asarray(values, dtype=np.float64)
    groups: NDArray[Any] = np.arange(len(given)) if clusters is None else np.asarray(clusters)
    if groups.shape != given.shape or given.ndim != 1:
        raise DataError(
            "bootstrap", "one cluster per value", f"shapes {given.shape} and {groups.shape}", "align them"
        )
    present = ~np.isnan(given)
    given, groups = given[present], groups[present]
    if len(given) == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    _, where = np.unique(groups, return_inverse=True)
    sums, rows = np.bincount(where, weights=given), np.bincount(where)
    means = np.concatenate(
        [sums[d].sum(axis=1) / rows[d].sum(axis=1) for d in _draws(len(rows), draws, seed)]
    )
    return _interval(float(given.mean()), means, len(rows), level)


def paired_difference(
    ours: ArrayLike,
    theirs: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """The mean of ours − theirs over the same requests; requests where either is NaN are left out."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape:
        raise DataError(
            "paired bootstrap", "values of both models for the same requests", f"{a.shape} and {b.shape}",
            "score both models on one set of requests",
        )  # fmt: skip
    return mean_interval(a - b, clusters, level=level, draws=draws, seed=seed)


def statistic_interval(
    statistic: Callable[..., float],
    columns: Sequence[ArrayLike],
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> Interval:
    """An interval for a statistic that is no mean, such as AUC: ``statistic(*columns)`` on resampled rows.

    One call per draw, so keep ``draws`` small. Draws where the statistic is NaN are left out.
    """
    arrays: list[NDArray[Any]] = [np.asarray(column) for column in columns]
    groups: NDArray[Any] = np.arange(len(arrays[0])) if clusters is None else np.asarray(clusters)
    if len(groups) == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    _, where = np.unique(groups, return_inverse=True)
    order = np.argsort(where, kind="stable")
    sizes = np.bincount(where)
    starts = np.cumsum(sizes) - sizes
    found = []
    for drawn in _draws(len(sizes), draws, seed):
        for clusters_drawn in drawn:
            rows = order[_runs(starts[clusters_drawn], sizes[clusters_drawn])]
            found.append(statistic(*(array[rows] for array in arrays)))
    return _interval(statistic(*arrays), np.asarray(found), len(sizes), level)


def _draws(clusters: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Blocks of (some draws, clusters) cluster numbers; the numbers do not depend on the block size."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // clusters)
    for first in range(0, draws, block):
        yield generator.integers(0, clusters, size=(min(block, draws - first), clusters))


def _runs(starts: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64]:
    """start, start + 1, … for each run, one after the other."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - (ends - sizes), sizes), dtype=np.int64)


def _interval(estimate: float, drawn: Floats, clusters: int, level: float) -> Interval:
    drawn = drawn[~np.isnan(drawn)]
    if clusters < 2 or len(drawn) == 0:
        return Interval(estimate, float("nan"), float("nan"), clusters)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), clusters)
