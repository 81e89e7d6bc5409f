"""What each row adds to a metric that is no mean of rows, so that its interval costs as little as a mean's.

The infinitesimal jackknife (Jaeckel 1972; Efron 1982): the metric plus n times its derivative by the row's
weight. The mean over rows is the metric itself, and the mean over resampled rows is the resampled metric to
first order; for AUC it gives the variance of DeLong et al. (1988).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.evaluation.classification import auc, check_rows, logloss, logloss_rows

Floats = NDArray[np.float64]


def auc_rows(predicted: ArrayLike, observed: ArrayLike) -> Floats:
    """(n,) values whose mean is the AUC; NaN for one class only."""
    p, y = check_rows(predicted, observed)
    area = auc(p, y)
    if np.isnan(area):
        return np.full(len(p), np.nan)
    order = np.sort(p[y == 0]), np.sort(p[y == 1])
    # the share of the other class that the row stands on the right side of, ties one half
    below = _share_below(order[0], p)
    above = 1.0 - _share_below(order[1], p)
    placed = np.where(y == 1, below, above)
    share = np.where(y == 1, y.mean(), 1.0 - y.mean())
    return np.asarray(area + (placed - area) / share)


def average_precision(predicted: ArrayLike, observed: ArrayLike) -> float:
    """The mean over positives of the precision at their score: the step-wise area under precision and recall.

    Rows of one score enter together (no interpolation; Davis and Goadrich 2006). NaN without a positive.
    """
    p, y = check_rows(predicted, observed)
    if y.sum() == 0 or np.isnan(p).any():
        return float("nan")
    _, _, precision, hits = _steps(p, y)
    return float((precision * hits).sum() / y.sum())


def average_precision_rows(predicted: ArrayLike, observed: ArrayLike) -> Floats:
    """(n,) values whose mean is the average precision; NaN without a positive."""
    p, y = check_rows(predicted, observed)
    area = average_precision(p, y)
    if np.isnan(area):
        return np.full(len(p), np.nan)
    where, ahead, precision, hits = _steps(p, y)
    # a row changes the precision of every step at or below its own: by (y - precision) / rows ahead
    first = np.cumsum((hits / ahead)[::-1])[::-1]
    second = np.cumsum((hits * precision / ahead)[::-1])[::-1]
    slope = y * (precision[where] - area) + y * first[where] - second[where]
    return np.asarray(area + len(p) * slope / y.sum())


def normalised_entropy_rows(predicted: ArrayLike, observed: ArrayLike) -> Floats:
    """(n,) values whose mean is the normalised entropy; the base rate of the rows counts as estimated."""
    p, y = check_rows(predicted, observed)
    rate = float(y.mean()) if len(y) else 0.0
    if rate in (0.0, 1.0):
        return np.full(len(p), np.nan)
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    ratio = logloss(p, y) / entropy
    known = -(y * np.log(rate) + (1 - y) * np.log1p(-rate))  # its mean is the entropy
    return np.asarray(ratio + (logloss_rows(p, y) - ratio * known) / entropy)


def share_rows(chosen: ArrayLike, weight: ArrayLike) -> Floats:
    """(n,) values whose mean is the share of ``weight`` (n,) that lies on the ``chosen`` rows; NaN for none."""
    picked, w = np.asarray(chosen, np.float64), np.asarray(weight, np.float64)
    total = float(w.sum())
    if total == 0:
        return np.full(len(w), np.nan)
    share = float((w * picked).sum()) / total
    return np.asarray(share + len(w) * w * (picked - share) / total)


def curve(predicted: ArrayLike, observed: ArrayLike, points: int = 200) -> list[tuple[float, float]]:
    """(recall, precision) by falling score, at most ``points`` of them; empty without a positive."""
    p, y = check_rows(predicted, observed)
    if y.sum() == 0 or np.isnan(p).any():
        return []
    _, _, precision, hits = _steps(p, y)
    recall = np.cumsum(hits) / y.sum()
    moved = np.flatnonzero(hits > 0)
    kept = moved[np.unique(np.linspace(0, len(moved) - 1, min(points, len(moved))).astype(int))]
    return [(float(recall[i]), float(precision[i])) for i in kept]


def _steps(p: Floats, y: Floats) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Each row's step, and per step of equal scores, highest first: rows so far, precision, positives in it."""
    _, rising, counts = np.unique(p, return_inverse=True, return_counts=True)
    where = (len(counts) - 1 - rising).astype(np.int64)
    hits = np.bincount(where, weights=y, minlength=len(counts)).astype(np.float64)
    ahead = np.cumsum(counts[::-1]).astype(np.float64)
    return where, ahead, np.cumsum(hits) / ahead, hits


def _share_below(ordered: Floats, p: Floats) -> Floats:
    low, high = np.searchsorted(ordered, p, "left"), np.searchsorted(ordered, p, "right")
    return np.asarray((low + high) / (2.0 * len(ordered)))
