"""Vectors as a matrix: float32 (n, size), a row of NaN for null."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
_NAN: Final = np.float32(np.nan).tobytes()


def matrix_of(held: NDArray[Any], size: int) -> Matrix:
    """The rows of packed bytes (n,), None for null."""
    null = _NAN * size
    joined = b"".join(null if one is None else one for one in held.tolist())
    return np.frombuffer(joined, "<f4").astype(np.float32, copy=False).reshape(len(held), size)


def bytes_of(matrix: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Packed bytes of the rows of a matrix (n, size), None where a row is not valid; -0.0 becomes 0.0."""
    rows = np.ascontiguousarray(matrix + np.float32(0.0), "<f4")
    width = rows.shape[1] * rows.itemsize
    joined = rows.tobytes()
    parts = (joined[at : at + width] for at in range(0, len(joined), width))
    out = np.fromiter(parts, object, len(rows))
    out[~valid] = None
    return out
