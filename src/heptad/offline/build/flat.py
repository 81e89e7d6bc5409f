"""Columns of numbers as bytes of their partitions, written in one pass per column.

A partition's bytes hold column after column, each at a multiple of 8 bytes: integers less their smallest in 1, 2, 4 or
8 bytes, floats that are all decimals of few places as such integers, others in 8 bytes, and for a column with nulls a
byte per row that says which are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Codes = NDArray[np.int32]
_UNITS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_KINDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.int64}


class Form(NamedTuple):
    """How columns lie in bytes: of each the bytes of a number, what was taken off it, what it is divided by
    (0: a float as it is, or an integer), and whether some are null."""

    widths: tuple[int, ...]
    bases: tuple[int, ...]
    units: tuple[float, ...]
    nulls: tuple[bool, ...]


class Scattered(NamedTuple):
    """``data`` with the bytes of partition p at ``starts[p]:starts[p + 1]``; ``rows`` (n,) of each."""

    data: NDArray[np.uint8]
    starts: Longs
    rows: Longs
    form: Form


def is_flat(schema: pa.Schema) -> bool:
    """Whether all columns are numbers."""
    return all(pa.types.is_int64(kind) or pa.types.is_float64(kind) for kind in schema.types)


def scattered(columns: Sequence[Any], codes: Codes, n: int) -> Scattered:
    """Arrays of numbers as the bytes of n partitions; the rows of code p, in their order, are those of partition p."""
    rows = np.zeros(n, np.int64)
    _count(codes, rows)
    lanes: list[tuple[Longs, int, int]] = []
    bases, widths, units, nulls = [], [], [], []
    for column in columns:
        values = (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False)
        unit, values = _decimals(values)
        base, width = _fit(values)
        lanes.append((values.view(np.int64), base, width))
        if column.null_count:
            lanes.append((column.is_valid().to_numpy(zero_copy_only=False).astype(np.int64), 0, 1))
        bases.append(base)
        widths.append(width)
        units.append(unit)
        nulls.append(column.null_count > 0)
    starts = np.zeros(n + 1, np.int64)
    np.cumsum(sum(_room(rows, width) for _, _, width in lanes), out=starts[1:])
    data = np.empty(int(starts[-1]) // 8, np.int64)
    views = tuple(data.view(kind) for kind in _KINDS.values())
    begins = starts[:-1].copy()
    for values, base, width in lanes:
        _put(values, codes, base, width, begins // width, *views)
        begins += _room(rows, width)
    return Scattered(
        data.view(np.uint8), starts, rows, Form(tuple(widths), tuple(bases), tuple(units), tuple(nulls))
    )


def unpacked(
    data: Any, rows: int, form: Form, out: Sequence[NDArray[Any]], valid: Sequence[NDArray[np.bool_]], at: int
) -> None:
    """Put a partition's columns into ``out`` from place ``at`` on, and which are not null into ``valid``."""
    first = 0
    for width, base, unit, null, values, known in zip(*form, out, valid, strict=True):
        held = np.frombuffer(data, _KINDS[width], rows, first)
        into = values[at : at + rows]
        if unit:
            np.divide(np.add(held, np.int64(base)), unit, out=into)
        elif width == 8:
            into.view(np.int64)[:] = held
        else:
            np.add(held, np.int64(base), out=into)
        first += int(_room(rows, width))
        if null:
            known[at : at + rows] = np.frombuffer(data, np.bool_, rows, first)
            first += int(_room(rows, 1))


def placed(values: NDArray[np.float64], place: Longs) -> NDArray[np.float64]:
    """The values in their places, which are 0..n-1 in some order."""
    out = np.empty(len(place), np.float64)
    _place(values, place, out)
    return out


@numba.njit(cache=True, nogil=True)
def ranges(values, codes, n):  # type: ignore[no-untyped-def]
    """(least, greatest) value of each partition; the greatest integer and the least where it has none."""
    low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    for i in range(len(codes)):
        p = codes[i]
        low[p] = min(low[p], values[i])
        high[p] = max(high[p], values[i])
    return low, high


def _room(rows: Any, width: int) -> Any:
    return (rows * width + 7) // 8 * 8


def _decimals(values: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """(unit, integers) where floats are integers of at most 4 bytes over a unit, to the last bit; else (0, values)."""
    if values.dtype == np.float64 and len(values):
        out = np.empty(len(values), np.int64)
        for unit in _UNITS:
            if _over(values, values.view(np.int64), unit, out):
                return (unit, out) if _fit(out)[1] < 8 else (0.0, values)
    return 0.0, values


@numba.njit(cache=True, nogil=True)
def _over(values, bits, unit, out):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        x = np.rint(values[i] * unit)
        if not abs(x) < 2.0**53 or x / unit != values[i] or (x == 0 and bits[i] != 0):
            return False
        out[i] = np.int64(x)
    return True


def _fit(values: NDArray[Any]) -> tuple[int, int]:
    """What to take off integers, and the bytes that are left."""
    if values.dtype != np.int64 or len(values) == 0:
        return 0, 8
    low, high = int(values.min()), int(values.max())
    width = next((width for width in (1, 2, 4) if high - low < 1 << 8 * width), 8)
    return (low if width < 8 else 0), width


@numba.njit(cache=True, nogil=True)
def _count(codes, rows):  # type: ignore[no-untyped-def]
    for code in codes:
        rows[code] += 1


@numba.njit(cache=True, nogil=True)
def _put(values, codes, base, width, free, bytes_, shorts, ints, longs):  # type: ignore[no-untyped-def]
    if width == 1:
        for i in range(len(codes)):
            bytes_[free[codes[i]]] = values[i] - base
            free[codes[i]] += 1
    elif width == 2:
        for i in range(len(codes)):
            shorts[free[codes[i]]] = values[i] - base
            free[codes[i]] += 1
    elif width == 4:
        for i in range(len(codes)):
            ints[free[codes[i]]] = values[i] - base
            free[codes[i]] += 1
    else:
        for i in range(len(codes)):
            longs[free[codes[i]]] = values[i]
            free[codes[i]] += 1


@numba.njit(cache=True, nogil=True)
def _place(values, place, out):  # type: ignore[no-untyped-def]
    for i in range(len(place)):
        out[place[i]] = values[i]
