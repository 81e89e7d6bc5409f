"""A matrix of float64 in as few bytes as hold its very bits: counts are small, and a user's columns are constant.

Column after column: a byte that says how the column is held, then its numbers, little-endian::

    0   one float64, which all rows hold
    1, 2, 3   int8, int16, int32; the least of each stands for NaN
    4, 5   float32, float64
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError

Matrix = NDArray[np.float64]
_NAN: Final = int(np.array([np.nan]).view(np.int64)[0])
_CANONICAL = _NAN  # numba takes module globals without annotations


def packed(matrix: Matrix) -> bytes:
    """The bytes of a matrix (m, d).

    >>> len(packed(np.ones((500, 48))))
    432
    """
    m, d = matrix.shape
    out = np.empty(d * (9 + 8 * m), np.uint8)
    size = _pack(np.ascontiguousarray(matrix.T, "<f8").reshape(-1).view(np.int64), m, d, out)
    return out[:size].tobytes()


def unpacked(raw: bytes, m: int, d: int) -> Matrix:
    """The matrix (m, d) that `packed` gave ``raw`` for. Raises StateError for other bytes."""
    out = np.empty((d, m), np.int64)
    if _unpack(np.frombuffer(raw, np.uint8), m, out) != len(raw):
        raise StateError(
            "prediction log", f"the numbers of {m} x {d} features", f"{len(raw)} other bytes", "it is damaged: see its backup"
        )  # fmt: skip
    return out.view(np.float64).T


@numba.njit(cache=True, nogil=True)
def _kind(bits, first, m, number, single):  # type: ignore[no-untyped-def]
    """How the column of bits[first : first + m] is held."""
    values = number.view(np.float64)
    same, whole, least, most, narrow = True, True, np.int64(0), np.int64(0), True
    for i in range(first, first + m):
        word = bits[i]
        same = same and word == bits[first]
        if word == _CANONICAL:
            continue
        number[0] = word
        value = values[0]
        if whole:
            if not -2147483648.0 < value < 2147483648.0:  # NaN of other bits is not between them either
                whole = False
            else:
                as_int = np.int64(value)
                number[0] = 0
                values[0] = as_int
                whole = number[0] == word
                least, most = min(least, as_int), max(most, as_int)
        if not whole and narrow:
            single[0] = value
            values[0] = single[0]
            narrow = number[0] == word
        if not whole and not narrow and not same:
            break
    if same:
        return 0
    if whole:
        return 1 if least > -128 and most < 128 else 2 if least > -32768 and most < 32768 else 3
    if narrow:
        for i in range(first, first + m):  # those that were whole were not looked at
            number[0] = bits[i]
            single[0] = values[0]
            values[0] = single[0]
            if number[0] != bits[i]:
                return 5
        return 4
    return 5


@numba.njit(cache=True, nogil=True)
def _put(out, at, word, size):  # type: ignore[no-untyped-def]
    for b in range(size):
        out[at + b] = np.uint8((word >> (8 * b)) & 255)
    return at + size


@numba.njit(cache=True, nogil=True)
def _take(raw, at, size):  # type: ignore[no-untyped-def]
    word = np.int64(0)
    for b in range(size):
        word |= np.int64(raw[at + b]) << (8 * b)
    return word


@numba.njit(cache=True, nogil=True)
def _pack(bits, m, d, out):  # type: ignore[no-untyped-def]
    number, single = np.zeros(1, np.int64), np.zeros(1, np.float32)
    values, singles = number.view(np.float64), single.view(np.int32)
    raw = bits.view(np.uint8)  # little-endian, as `packed` makes them
    at = 0
    for column in range(d):
        first = column * m
        kind = _kind(bits, first, m, number, single) if m > 0 else 5
        out[at] = kind
        at += 1
        if kind == 0:
            at = _put(out, at, bits[first], 8)
            continue
        if kind == 5:
            out[at : at + 8 * m] = raw[8 * first : 8 * (first + m)]
            at += 8 * m
            continue
        size = 1 << (kind - 1)
        for i in range(first, first + m):
            number[0] = bits[i]
            if kind == 4:
                single[0] = values[0]
                at = _put(out, at, np.int64(singles[0]), 4)
            elif bits[i] == _CANONICAL:
                at = _put(out, at, np.int64(-1) << (8 * size - 1), size)
            else:
                at = _put(out, at, np.int64(values[0]), size)
    return at


@numba.njit(cache=True, nogil=True)
def _unpack(raw, m, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (d, m) with bits; how many bytes were used, -1 where there are too few or they mean nothing."""
    number, single = np.zeros(1, np.int64), np.zeros(1, np.float32)
    values, singles = number.view(np.float64), single.view(np.int32)
    at = 0
    for column in range(out.shape[0]):
        if at >= len(raw):
            return -1
        kind = raw[at]
        at += 1
        size = 8 if kind == 0 or kind == 5 else 4 if kind == 4 else 1 << (kind - 1)
        if kind > 5 or at + size * (1 if kind == 0 else m) > len(raw):
            return -1
        if kind == 0:
            out[column, :] = _take(raw, at, 8)
            at += 8
            continue
        for i in range(m):
            word = _take(raw, at, size)
            at += size
            if kind == 5:
                out[column, i] = word
            elif kind == 4:
                singles[0] = np.int32(word)
                values[0] = single[0]
                out[column, i] = number[0]
            elif word == 1 << (8 * size - 1):
                out[column, i] = _CANONICAL
            else:
                shift = 64 - 8 * size
                values[0] = (word << shift) >> shift
                out[column, i] = number[0]
    return at
