"""How much of the exact answer an index gives: recall at k, measured, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.retrieval.vectors.view import View, Where

_RESAMPLES: Final = 2000


@dataclass(frozen=True, eq=False)
class Recall:
    """Recall at ``k``: ``value`` is the mean over queries, ``low`` to ``high`` its 95 % interval.

    The interval is of the bootstrap over queries (Efron 1979): the hits of one query are not independent of each
    other. ``per_query`` (n,) is NaN where nothing fits the filter, and such queries count for nothing.
    """

    k: int
    value: float
    low: float
    high: float
    per_query: NDArray[np.float64]

    def __str__(self) -> str:
        return f"recall@{self.k} {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] over {len(self.per_query)} queries"


def measure_recall(
    view: View, queries: ArrayLike, k: int, where: Where | None = None, seed: int = 0
) -> Recall:
    """The share of the exact k nearest that a search of the view finds; a tie at the edge may go either way.

    ``queries`` (n, dimension) should be like those of production; see `View.search` for ``where``. Raises
    `DataError` without queries.
    """
    found, true = view.search(queries, k, where), view.exactly().search(queries, k, where)
    if not len(found):
        raise DataError(
            "queries", "at least one", "none", "sample queries from the requests that were logged"
        )
    shares = np.full(len(found), np.nan)
    for query in range(len(found)):
        wanted = true.scores[true.of(query)]
        if len(wanted):
            shares[query] = np.count_nonzero(found.scores[found.of(query)] >= wanted[-1]) / len(wanted)
    known = shares[~np.isnan(shares)]
    if not len(known):
        return Recall(k, np.nan, np.nan, np.nan, shares)
    drawn = np.random.default_rng(seed).integers(0, len(known), (_RESAMPLES, len(known)))
    low, high = np.quantile(known[drawn].mean(axis=1), [0.025, 0.975])
    return Recall(k, float(known.mean()), float(low), float(high), shares)
