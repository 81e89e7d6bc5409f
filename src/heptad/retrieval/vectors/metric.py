"""How near two vectors are: three scores, higher is nearer, each exact and the same in every batch.

A score is defined on float32 vectors and summed in float64, row by row: the same two vectors score the same bits
alone, in a batch, before and after a rebuild, so that ties are ties. `Metric.rough` is the fast float32 version by
BLAS, with a bound of its error: exact search takes everything within the bound of the k-th and scores it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
MetricName = Literal["cosine", "dot", "l2"]

#: The longest vector: its square, and a sum of two of them, must stay a float32.
LONGEST: Final = 1e18
_STEP: Final = 2.0**-23  #: two roundings of float32
_CHUNK: Final = 65_536
#: Queries from which BLAS multiplies. A request's few stay in their thread: BLAS shares even 150 rows out between
#: threads, and on a busy machine the answer then waits for the slowest (20 ms at the 90th percentile instead of .4).
_BATCH: Final = 8


@dataclass(frozen=True)
class Metric:
    """One way to score. ``unit``: vectors are scaled to length 1 as they come in (a zero vector stays zero)."""

    name: MetricName
    unit: bool
    exact: Callable[[Vectors, Vectors], Floats]
    by_distance: bool

    def vectors(self, thing: str, given: ArrayLike, dimension: int) -> Vectors:
        """(n, dimension) float32, as they are kept and asked for; `DataError` for NaN, infinity or another shape."""
        wide: NDArray[Any] = np.asarray(given)
        if wide.dtype.kind not in "fiu" or wide.ndim != 2 or wide.shape[1] != dimension:
            raise DataError(
                thing, f"numbers of shape (n, {dimension})", f"{wide.dtype} of shape {wide.shape}",
                "pass one row per vector",
            )  # fmt: skip
        out = np.empty(wide.shape, np.float32)
        for low in range(0, len(wide), _CHUNK):
            out[low : low + _CHUNK] = self._kept(thing, wide[low : low + _CHUNK], low)
        return out

    def _kept(self, thing: str, given: NDArray[Any], first: int) -> Floats:
        wide = given.astype(np.float64)
        square = np.einsum("ij,ij->i", wide, wide)
        wrong = np.flatnonzero(~(square <= LONGEST**2))  # NaN is not below anything
        if len(wrong):
            row = wide[wrong[0]]
            got = "NaN" if np.isnan(row).any() else f"length {np.sqrt(square[wrong[0]]):.3g}"
            raise DataError(
                f"{thing}[{wrong[0] + first}]", f"finite numbers and a length up to {LONGEST:.0e}", got,
                "leave out items that have no vector",
            )  # fmt: skip
        if self.unit:
            largest = np.abs(wide).max(axis=1, initial=0.0, keepdims=True)  # no square is lost to underflow
            wide /= np.where(largest > 0, largest, 1.0)
            length = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
            wide /= np.where(length > 0, length, 1.0)
        return wide

    def squares(self, vectors: Vectors) -> Vectors:
        """(n,): the squared lengths."""
        found: Vectors = np.einsum("ij,ij->i", vectors, vectors)
        return found

    def rough(self, vectors: Vectors, squares: Vectors, queries: Vectors) -> tuple[Vectors, Vectors]:
        """(b, n) float32 scores up to a term that is the same for all of a query, and (b,) the largest error of one."""
        if len(queries) < _BATCH:
            scores = np.stack([np.einsum("ij,j->i", vectors, query) for query in queries])
        else:
            scores = queries @ vectors.T
        longest = float(squares.max(initial=0.0)) ** 0.5
        ours = np.sqrt(self.squares(queries).astype(np.float64))
        error = ours * longest
        if self.by_distance:
            scores *= 2
            scores -= squares[None]
            error = 2 * error + longest**2
        return scores, np.asarray((vectors.shape[1] + 4) * _STEP * error + 1e-30, np.float32)


def _dot(vectors: Vectors, query: Vectors) -> Floats:
    products = vectors.astype(np.float64)
    products *= query
    found: Floats = products.sum(axis=1)
    return found


def _minus_distance(vectors: Vectors, query: Vectors) -> Floats:
    apart = vectors.astype(np.float64)
    apart -= query
    apart *= apart
    found: Floats = 0.0 - apart.sum(axis=1)
    return found


METRICS: Final[Mapping[str, Metric]] = {
    "cosine": Metric("cosine", True, _dot, False),
    "dot": Metric("dot", False, _dot, False),
    "l2": Metric("l2", False, _minus_distance, True),
}


def metric_of(name: str) -> Metric:
    """The metric of that name.

    >>> metric_of("l2").exact(np.float32([[3, 4], [0, 0]]), np.float32([0, 0])).tolist()
    [-25.0, 0.0]
    """
    if name not in METRICS:
        raise DataError("metric", f"one of {', '.join(METRICS)}", repr(name), "use metric='cosine'")
    return METRICS[name]
