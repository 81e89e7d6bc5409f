"""Keys as 64-bit hashes, hashes as partitions, and rows in the order of their partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Longs = NDArray[np.int64]


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(x):  # type: ignore[no-untyped-def]
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit depends on every bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _integers(values, into):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        into[i] = _mix(into[i] + np.uint64(0x9E3779B97F4A7C15) + np.uint64(values[i]))


@numba.njit(cache=True, nogil=True)
def _texts(offsets, data, into):  # type: ignore[no-untyped-def]
    """Eight bytes at a time; the length goes in too, so that "" and a null byte differ."""
    for i in range(len(offsets) - 1):
        h = into[i] + np.uint64(0x632BE59BD9B4E019) + np.uint64(offsets[i + 1] - offsets[i])
        word, filled = np.uint64(0), 0
        for k in range(offsets[i], offsets[i + 1]):
            word = (word << np.uint64(8)) | np.uint64(data[k])
            filled += 1
            if filled == 8:
                h, word, filled = _mix(h ^ word), np.uint64(0), 0
        into[i] = _mix(h ^ word)


def hashes(columns: Sequence[Any], n: int) -> Hashes:
    """One hash per row of key columns, each an Arrow array of int64 or large_string. Equal keys hash alike.

    A null has some hash. No columns: one hash for all rows.
    """
    found = np.zeros(n, np.uint64)
    for column in columns:
        if pa.types.is_large_string(column.type):
            _, offsets, data = column.buffers()
            where = np.frombuffer(offsets, np.int64, n + 1, column.offset * 8) if n else np.zeros(1, np.int64)
            content = (
                np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
            )
            _texts(where, content, found)
        else:
            held = column.fill_null(0) if column.null_count else column
            _integers(held.to_numpy(zero_copy_only=False), found)
    return found


@numba.njit(cache=True, nogil=True)
def partitions(hashed, n, hot):  # type: ignore[no-untyped-def]
    """int32 (rows,): a partition below n, or n + i for the i-th of the sorted ``hot`` hashes."""
    out = np.empty(len(hashed), np.int32)
    for i in range(len(hashed)):
        h = hashed[i]
        out[i] = np.int64(((h >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
        low, high = 0, len(hot)
        while low < high:
            middle = (low + high) // 2
            if hot[middle] < h:
                low = middle + 1
            else:
                high = middle
        if low < len(hot) and hot[low] == h:
            out[i] = n + low
    return out


@numba.njit(cache=True, nogil=True)
def by_partition(codes, n):  # type: ignore[no-untyped-def]
    """(order, starts): a stable counting sort of codes in 0..n-1."""
    starts = np.zeros(n + 1, np.int64)
    for i in range(len(codes)):
        starts[codes[i] + 1] += 1
    for k in range(n):
        starts[k + 1] += starts[k]
    free = starts[:-1].copy()
    order = np.empty(len(codes), np.int64)
    for i in range(len(codes)):
        order[free[codes[i]]] = i
        free[codes[i]] += 1
    return order, starts


def frequent(hashed: Hashes, share: float) -> Hashes:
    """The hashes that more than this share of the rows have, sorted."""
    if len(hashed) == 0:
        return np.empty(0, np.uint64)
    values, counts = np.unique(hashed, return_counts=True)
    return values[counts > max(share * len(hashed), 8.0)]
