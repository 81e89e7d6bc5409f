"""A window of time over events: aligned to hops at its tail, exact at its head, as every window of heptad is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError


@dataclass(frozen=True)
class Window:
    """A read at t covers [floor((t - width) / hop) · hop, t); microseconds."""

    width: int
    hop: int

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.width:
            raise DataError(
                "window", "a hop from 1 µs up to the width", f"width {self.width} µs, hop {self.hop} µs",
                "use for example Window(HOUR, 5 * MINUTE)",
            )  # fmt: skip

    def begins(self, times: ArrayLike) -> NDArray[np.int64]:
        """The first moment that a read at each of ``times`` covers.

        >>> Window(60, 10).begins([100, 109, 110]).tolist()
        [40, 40, 50]
        """
        moments: NDArray[np.int64] = np.asarray(times, np.int64)
        return (moments - self.width) // self.hop * self.hop
