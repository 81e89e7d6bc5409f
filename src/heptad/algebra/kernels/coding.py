"""float64 values as int64 words that sort alike, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LOW = np.int64(0x7FFF_FFFF_FFFF_FFFF)


def encode(values: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Words that compare as the numbers do: a < b exactly where word(a) < word(b). Integers pass as they are.

    Negative floats have their low 63 bits flipped (IEEE 754 orders magnitudes like integers); -0.0
    becomes 0.0. NaN must not come here: it is null.
    """
    if values.dtype == np.int64:
        return values.astype(np.int64, copy=False)
    bits = (values.astype(np.float64) + 0.0).view(np.int64)
    return np.where(bits < 0, bits ^ _LOW, bits)


def decode(words: NDArray[np.int64]) -> NDArray[np.float64]:
    """The float64 values of words made by `encode` from floats."""
    bits = np.ascontiguousarray(np.where(words < 0, words ^ _LOW, words))
    return bits.view(np.float64)
