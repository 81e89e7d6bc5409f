"""How well vectors find what belongs together: precision, recall and average precision of every row as a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError

Floats = NDArray[np.float64]
Values = dict[str, Floats]

_BLOCK: Final = 256


def similarity(
    vectors: NDArray[np.float32], kinds: Mapping[str, ArrayLike], depths: Sequence[int] = (1, 10)
) -> dict[str, Values]:
    """For each column of ``kinds`` (n,) and each metric its value per query (n,); every row is a query.

    A query ranks all other rows by the inner product of vectors (n, d), exactly, ties in the order of rows; a row is
    relevant where its kind is the query's. ``precision@k`` is the share of relevant rows among the first k,
    ``recall@k`` the share of the relevant that is among them, ``average_precision`` the mean of the precision at each
    relevant row over the whole ranking; its mean over queries is called mAP. A query that is alone in its kind has
    precision 0 and NaN for the others. `DataError` for fewer rows than the greatest depth needs.
    """
    codes = {name: np.unique(np.asarray(kind), return_inverse=True)[1] for name, kind in kinds.items()}
    n = len(vectors)
    if n <= max(depths) or any(len(code) != n for code in codes.values()):
        shapes = ", ".join(f"{name} {len(code)}" for name, code in codes.items())
        raise DataError(
            "similarity", f"more than {max(depths)} vectors, and a kind for each", f"{n} vectors, {shapes}",
            "compare at a smaller depth, or hold more rows out",
        )  # fmt: skip
    found: dict[str, list[Values]] = {name: [] for name in codes}
    for begin in range(0, n, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, n))
        near = vectors[rows] @ vectors.T
        near[np.arange(len(rows)), rows] = -np.inf  # itself, which comes last
        order = np.argsort(-near, axis=1, kind="stable")[:, :-1]
        for name, code in codes.items():
            found[name].append(_values(code[order] == code[rows, None], depths))
    return {
        name: {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}
        for name, parts in found.items()
    }


def _values(hits: NDArray[np.bool_], depths: Sequence[int]) -> Values:
    """The metrics of ranked lists (q, n - 1) that say of each row whether it is relevant."""
    relevant = hits.sum(axis=1)
    some = np.where(relevant > 0, relevant, np.nan)
    values: Values = {}
    for k in depths:
        first = hits[:, :k].sum(axis=1)
        values |= {f"precision@{k}": first / k, f"recall@{k}": first / some}
    so_far = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return values | {"average_precision": (so_far * hits).sum(axis=1) / some}


def by_chance(kind: ArrayLike, depths: Sequence[int] = (1, 10)) -> Values:
    """What a random order of the other rows gives on average, per query (n,), in closed form.

    With R relevant of N others: precision R / N, recall k / N; average precision, by the chance that a relevant row
    stands at place i and of what stands before it, (R - 1) / (N - 1) (N - H) / N + H / N with H the N-th harmonic number.
    """
    _, code, count = np.unique(np.asarray(kind), return_inverse=True, return_counts=True)
    relevant: NDArray[Any] = count[code] - 1
    others = len(code) - 1
    some = np.where(relevant > 0, 1.0, np.nan)
    harmonic = float((1 / np.arange(1, others + 1)).sum())
    values: Values = {}
    for k in depths:
        values |= {f"precision@{k}": relevant / others, f"recall@{k}": some * k / others}
    expected = (relevant - 1) / max(others - 1, 1) * (others - harmonic) / others + harmonic / others
    return values | {"average_precision": some * expected}
