"""Hashes of a column's values: `algebra.hashing` for many at once. A hash is a uint64 held in an int64 word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.hashing import hash_value


def hashed(values: NDArray[Any]) -> NDArray[np.int64]:
    """The hashes (n,) of int64, float64 or object values; each different object is hashed once."""
    if values.dtype != object:
        words = values if values.dtype == np.int64 else (values.astype(np.float64) + 0.0).view(np.int64)
        return mix(words)
    rows = values.tolist()
    known = {value: hash_value(value) for value in dict.fromkeys(rows)}
    return np.fromiter(map(known.__getitem__, rows), np.uint64, len(rows)).view(np.int64)


def mix(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """`algebra.hashing.mix` of each word."""
    word = np.ascontiguousarray(words).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (word ^ (word >> np.uint64(31))).view(np.int64)
