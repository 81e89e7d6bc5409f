"""What a fixed load of reviews finds: the highest scores of every period, row by row or unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


def reviewed(score: Floats, t: Longs, load: int, period: int) -> NDArray[np.bool_]:
    """Which rows (n,) are among the ``load`` highest scores of their period (microseconds).

    The first and the last period, where cut short by the rows' own span, have their share of the load. Ties in the
    order of time, as a queue would take them.
    """
    chosen = np.zeros(len(score), np.bool_)
    if not len(score):
        return chosen
    which, numbers = np.unique(t // period, return_inverse=True)
    order = np.lexsort((t, -score, numbers))
    starts = np.searchsorted(numbers[order], np.arange(len(which)))
    place = np.arange(len(score)) - starts[numbers[order]]
    allowed = loads(t, load, period)
    chosen[order] = place < allowed[numbers[order]]
    return chosen


def loads(t: Longs, load: int, period: int) -> Longs:
    """The load of each period that holds a row: less where the rows begin or end in the middle of it."""
    which = np.unique(t // period)
    first, last = int(t.min()), int(t.max())
    low = np.maximum(which * period, first)
    high = np.minimum((which + 1) * period, last + 1)
    # a period short by less than a twentieth counts as whole: events seldom begin at midnight sharp
    share = (high - low) / period
    return np.where(share > 0.95, load, np.ceil(load * share)).astype(np.int64)


def precision_rows(
    score: Floats, label: Floats, t: Longs, k: int, period: int, unit: NDArray[Any] | None = None
) -> tuple[Floats, list[tuple[int, float]]]:
    """Precision among the ``k`` highest of every period: per row, and per period as (its start, precision).

    The mean of the rows' values (n,) is the mean over periods. With ``unit`` (n,) codes, a unit is ranked by
    its highest score of the period and counts as true where one of its rows is; ties by unit. Periods with
    fewer than ``k`` count what they have as missed, as the card precision of fraud detection does.
    """
    values = np.zeros(len(score))
    if not len(score):
        return values, []
    which, numbers = np.unique(t // period, return_inverse=True)
    codes = np.arange(len(score)) if unit is None else unit.astype(np.int64)
    order = np.lexsort((-score, codes, numbers))  # per period and unit, the highest score first
    first = np.ones(len(order), np.bool_)
    first[1:] = (numbers[order][1:] != numbers[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    heads = order[first]
    hit = np.maximum.reduceat(label[order], np.flatnonzero(first))
    ranked = np.lexsort((codes[heads], -score[heads], numbers[heads]))
    heads, hit = heads[ranked], hit[ranked]
    starts = np.searchsorted(numbers[heads], np.arange(len(which)))
    top = np.arange(len(heads)) - starts[numbers[heads]] < k
    values[heads[top]] = hit[top] * len(score) / (k * len(which))
    found = np.bincount(numbers[heads[top]], weights=hit[top], minlength=len(which)) / k
    return values, [(int(w) * period, float(v)) for w, v in zip(which.tolist(), found.tolist(), strict=True)]
