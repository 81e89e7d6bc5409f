"""Counts of less than 2**32, two in a word: the sum of words is the sum of both, since neither carries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Touched, Words


def counted(counter: NDArray[np.int64], rows: NDArray[np.int64]) -> Touched:
    """One event more at the counter of each row."""
    return Touched(rows, counter >> 1, np.int64(1) << ((counter & 1) << 5))


def counts(words: Words, n: int) -> NDArray[np.int64]:
    """The first n counters of each row: int64 (m, n)."""
    halves = np.ascontiguousarray(words).view(np.uint64)
    out = np.empty((len(words), 2 * words.shape[1]), np.int64)
    out[:, 0::2] = halves & np.uint64(0xFFFF_FFFF)
    out[:, 1::2] = halves >> np.uint64(32)
    return out[:, :n]
