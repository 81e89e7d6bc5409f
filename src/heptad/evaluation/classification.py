"""How good probabilities of a yes or no are: AUC, log loss and normalised entropy."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError

Floats = NDArray[np.float64]
_EDGE: Final = 1e-15


def auc(predicted: ArrayLike, observed: ArrayLike) -> float:
    """The chance that a positive is scored above a negative, ties counting one half; NaN for one class.

    By the rank sum (Mann and Whitney 1947), so it is exact with ties.
    """
    p, y = check_rows(predicted, observed)
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0 or np.isnan(p).any():
        return float("nan")
    _, where, counts = np.unique(p, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    # twice the mean rank of each run of equal scores keeps everything in whole numbers
    twice_rank = 2 * last - counts + 1
    above = int(twice_rank[where][y == 1].sum()) - positives * (positives + 1)
    return above / (2 * positives * negatives)


def logloss_rows(predicted: ArrayLike, observed: ArrayLike) -> Floats:
    """−log of the probability given to what happened, (n,), in nats; probabilities are kept 1e-15 inside."""
    p, y = check_rows(predicted, observed)
    p = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(-np.where(y == 1, np.log(p), np.log1p(-p)))


def logloss(predicted: ArrayLike, observed: ArrayLike) -> float:
    """The mean of `logloss_rows`; NaN without rows."""
    rows = logloss_rows(predicted, observed)
    return float(rows.mean()) if len(rows) else float("nan")


def ne_rows(predicted: ArrayLike, observed: ArrayLike) -> Floats:
    """`logloss_rows` over the entropy of the base rate, (n,); their mean is `ne`. NaN for one class only."""
    rows = logloss_rows(predicted, observed)
    entropy = _entropy(np.asarray(observed, dtype=np.float64))
    return rows / entropy if entropy > 0 else np.full(len(rows), np.nan)


def ne(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Normalised entropy: log loss over that of always predicting the base rate of these rows.

    Below 1 is better than knowing only the base rate (He et al. 2014); NaN for one class only.
    """
    rows = ne_rows(predicted, observed)
    return float(rows.mean()) if len(rows) else float("nan")


def check_rows(predicted: ArrayLike, observed: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 vectors of one length, outcomes 0 and 1; `DataError` otherwise."""
    p, y = np.asarray(predicted, dtype=np.float64), np.asarray(observed, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or not np.isin(y, (0, 1)).all():
        raise DataError(
            "predictions and outcomes",
            "two vectors of one length, outcomes 0 and 1",
            f"shapes {p.shape} and {y.shape}",
            "pass one prediction and one outcome per row",
        )
    return p, y


def _entropy(observed: Floats) -> float:
    rate = float(observed.mean()) if len(observed) else 0.0
    if rate in (0.0, 1.0):
        return 0.0
    return float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))
