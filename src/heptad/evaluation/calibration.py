"""Whether predicted probabilities hold: reliability bins of equal mass, ECE, and predicted over observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from heptad.evaluation.classification import check_rows


@dataclass(frozen=True)
class Bin:
    """One point of a reliability plot: mean prediction, share of positives, rows, and the bin's ends."""

    predicted: float
    observed: float
    n: int
    low: float
    high: float


def reliability(predicted: ArrayLike, observed: ArrayLike, bins: int = 10) -> list[Bin]:
    """At most ``bins`` bins of about equal numbers of rows, by prediction; equal predictions share a bin."""
    p, y = check_rows(predicted, observed)
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    wanted = len(p) * np.arange(1, bins + 1) // bins
    ends = np.unique(np.searchsorted(p, p[wanted[wanted > 0] - 1], side="right"))
    starts = np.concatenate([[0], ends[:-1]])
    return [
        Bin(float(p[a:b].mean()), float(y[a:b].mean()), int(b - a), float(p[a]), float(p[b - 1]))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=False)
    ]


def ece(predicted: ArrayLike, observed: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: the mean over rows of |mean prediction − share of positives| of its bin.

    Bins of equal mass (Nguyen and O'Connor 2015), because rare events leave bins of equal width empty.
    NaN without rows or with a NaN prediction.
    """
    p, _ = check_rows(predicted, observed)
    if len(p) == 0 or np.isnan(p).any():
        return float("nan")
    table = reliability(predicted, observed, bins)
    return sum(b.n * abs(b.predicted - b.observed) for b in table) / len(p)


def ratio(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean prediction over the share of positives: 1 is right, 2 predicts twice too many; NaN without any."""
    p, y = check_rows(predicted, observed)
    return float(p.sum() / y.sum()) if y.sum() > 0 else float("nan")
