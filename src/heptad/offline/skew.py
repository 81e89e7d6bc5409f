"""Lateness skew: how much a training set as known differs from one as it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError


class Skew(NamedTuple):
    """``share`` of rows that differ, 0 to 1; ``mean_abs`` over rows where both are numbers, else NaN."""

    share: float
    mean_abs: float


def lateness_skew(
    as_known: Mapping[str, NDArray[Any]], as_happened: Mapping[str, NDArray[Any]]
) -> dict[str, Skew]:
    """Per column of two training sets of the same rows: what late events would have changed.

    It is a report, not a mismatch: both sets are right, for what was known and for what had happened.
    Raises DataError where columns or lengths differ.
    """
    if as_known.keys() != as_happened.keys():
        odd = sorted(as_known.keys() ^ as_happened.keys())
        raise DataError("lateness_skew", "two sets of the same columns", odd, "compute both by one plan")
    return {name: _skew(name, as_known[name], as_happened[name]) for name in as_known}


def _skew(name: str, known: NDArray[Any], happened: NDArray[Any]) -> Skew:
    if len(known) != len(happened):
        raise DataError(
            f"lateness_skew {name!r}", f"{len(known)} rows", f"{len(happened)} rows", "use the same rows"
        )
    if len(known) == 0:
        return Skew(0.0, float("nan"))
    if known.dtype == object or happened.dtype == object:
        differ = [a != b for a, b in zip(known.tolist(), happened.tolist(), strict=True)]
        return Skew(float(np.mean(differ)), float("nan"))
    both = ~np.isnan(known) & ~np.isnan(happened)
    alike = (known == happened) | (np.isnan(known) & np.isnan(happened))
    with np.errstate(invalid="ignore", over="ignore"):  # two infinities that are alike are at no distance
        apart = np.where(alike, 0.0, np.abs(known - happened))
    mean = float(apart[both].mean()) if both.any() else float("nan")
    return Skew(float(np.mean(~alike)), mean)
