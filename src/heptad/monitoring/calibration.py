"""Whether outcomes happen as often as predicted: the ratio of observed to predicted, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.monitoring.intervals import poisson, wilson


@dataclass(frozen=True, slots=True)
class CalibrationRatio:
    """Observed outcomes per predicted one, with an interval; 1.2 is 20 % more than predicted."""

    n: int
    predicted: float
    observed: int
    ratio: float
    low: float
    high: float

    @property
    def off(self) -> bool:
        """Whether the interval leaves out 1: predictions are wrong on average beyond chance."""
        return not self.low <= 1.0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON data; an unknown ratio (nothing predicted yet) is null."""
        ends = (self.ratio, self.low, self.high)
        ratio, low, high = (end if math.isfinite(end) else None for end in ends)
        return {
            "n": self.n,
            "predicted": self.predicted,
            "observed": self.observed,
            "ratio": ratio,
            "low": low,
            "high": high,
        }


@dataclass(frozen=True, slots=True)
class CalibrationCount:
    """Sums of predictions and outcomes; counts of parts merge into the count of the whole.

    The predictions are summed in floating point, so another order may differ in the last bits.
    """

    n: int = 0
    predicted: float = 0.0
    observed: int = 0

    def add(self, probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> CalibrationCount:
        """With one more batch: probabilities from 0 to 1 and outcomes 0 or 1, both of shape ``(n,)``."""
        p, y = np.asarray(probabilities, np.float64), np.asarray(outcomes)
        if p.ndim != 1 or p.shape != y.shape:
            raise DataError(
                "calibration", "one outcome per probability", f"{p.shape} and {y.shape}", "pair them"
            )
        if not bool(np.all((p >= 0.0) & (p <= 1.0))):
            raise DataError(
                "calibration probabilities", "numbers from 0 to 1", "another", "pass probabilities"
            )
        if not bool(np.all((y == 0) | (y == 1))):
            raise DataError("calibration outcomes", "0 or 1", "another", "pass what happened, not a score")
        return self.merge(CalibrationCount(p.size, math.fsum(p.tolist()), int(np.count_nonzero(y))))

    def merge(self, other: CalibrationCount) -> CalibrationCount:
        """Both counts together."""
        return CalibrationCount(
            self.n + other.n, self.predicted + other.predicted, self.observed + other.observed
        )

    def ratio(self, level: float = 0.95) -> CalibrationRatio:
        """Observed over predicted, with a Wilson interval of the observed share over the predicted one.

        Outcomes of unequal probabilities vary less than a binomial of their mean, so the interval is a little
        wide. Where outcomes are rarer than one in a hundred, the interval is Byar's for a Poisson count.
        """
        if self.n == 0 or self.predicted <= 0.0:
            return CalibrationRatio(self.n, self.predicted, self.observed, math.nan, 0.0, math.inf)
        if self.observed * 100 < self.n:
            low, high = poisson(self.observed, level)
        else:
            low, high = (self.n * end for end in wilson(self.observed, self.n, level))
        expected = self.predicted
        return CalibrationRatio(
            self.n, expected, self.observed, self.observed / expected, low / expected, high / expected
        )
