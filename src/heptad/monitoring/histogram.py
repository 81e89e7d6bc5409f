"""Counts of a column in fixed bins; histograms of parts add up to the histogram of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heptad.errors import DataError
from heptad.monitoring.bins import Bins, Column, bins_from_json


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values fell in each bin; adding and merging give a new histogram, in any order the same."""

    bins: Bins
    counts: tuple[int, ...]

    @classmethod
    def empty(cls, bins: Bins) -> Histogram:
        """No values yet."""
        return cls(bins, (0,) * len(bins.labels))

    @property
    def n(self) -> int:
        """How many values were counted, nulls included."""
        return sum(self.counts)

    def add(self, values: Column) -> Histogram:
        """With one more batch of values, shape ``(n,)``."""
        more = np.bincount(self.bins.index(values), minlength=len(self.counts))
        return Histogram(self.bins, tuple(a + b for a, b in zip(self.counts, more.tolist(), strict=True)))

    def merge(self, other: Histogram) -> Histogram:
        """Both histograms together; they must share their bins."""
        check_same_bins(self, other)
        return Histogram(self.bins, tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """``{"bins": ..., "counts": [...]}``."""
        return {"bins": self.bins.to_json(), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Histogram:
        """The histogram that wrote this object with `to_json`."""
        bins, counts = bins_from_json(data["bins"]), tuple(int(count) for count in data["counts"])
        if len(counts) != len(bins.labels):
            raise DataError(
                "histogram", f"{len(bins.labels)} counts", str(len(counts)), "save the reference again"
            )
        return cls(bins, counts)


def check_same_bins(one: Histogram, other: Histogram) -> None:
    """Refuse two histograms that were not counted in the same bins."""
    if one.bins != other.bins:
        raise DataError(
            "two histograms",
            "the same bins",
            "different ones",
            "count both with the bins of one reference",
        )
