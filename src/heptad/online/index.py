"""Which row of a table holds a key: integers by a table of their own, other keys by a dictionary."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Final, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
#: Different keys: integers, or any values that a dictionary takes.
Keys = Ints | list[Any]

_FIRST: Final = 2_048  #: slots to begin with, a power of two; half of them at most are taken
_FREE, _GONE = -2, -1  #: what a slot says instead of a row
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Index(Protocol):
    """Rows by key."""

    def find(self, keys: Any) -> Ints:
        """The row of each key, negative for none."""
        ...

    def add(self, keys: Any, row: int) -> None:
        """The keys are those of rows ``row``, ``row + 1``, … from now on."""
        ...

    def forget(self, key: Any) -> None:
        """The key has no row from now on."""
        ...


class Values:
    """An index of any values."""

    def __init__(self) -> None:
        self._rows: dict[Any, int] = {}

    def find(self, keys: list[Any]) -> Ints:
        return np.fromiter(map(self._rows.get, keys, repeat(-1)), np.int64, len(keys))

    def add(self, keys: list[Any], row: int) -> None:
        self._rows.update(zip(keys, range(row, row + len(keys)), strict=True))

    def forget(self, key: Any) -> None:
        self._rows.pop(key, None)


class Integers:
    """An index of integers: open addressing, so that hundreds are looked up without a Python object for any."""

    def __init__(self) -> None:
        self._begin(_FIRST)
        self._taken = 0

    def _begin(self, slots: int) -> None:
        self._keys, self._rows = np.zeros(slots, np.int64), np.full(slots, _FREE, np.int64)

    def find(self, keys: Ints) -> Ints:
        rows = np.empty(len(keys), np.int64)
        _find(self._keys, self._rows, keys, rows)
        return rows

    def add(self, keys: Ints, row: int) -> None:
        if 2 * (self._taken + len(keys)) > len(self._keys):
            held = self._rows >= 0
            before, rows = self._keys[held], self._rows[held]
            self._begin(1 << (4 * (len(before) + len(keys)) - 1).bit_length())
            self._taken = _add(self._keys, self._rows, before, rows)
        self._taken += _add(self._keys, self._rows, keys, np.arange(row, row + len(keys)))

    def forget(self, key: int) -> None:
        one = np.array([key], np.int64)
        if self.find(one)[0] >= 0:
            _add(self._keys, self._rows, one, np.array([_GONE]))


def index_of(keys: Keys) -> Index:
    """An empty index for keys like these."""
    return Values() if type(keys) is list else Integers()


def distinct(values: Ints, valid: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The different valid integers in order of appearance, and which of them each row has: their number for none."""
    found: tuple[Ints, Ints] = _distinct(
        np.array(values), np.array(valid)
    )  # of one type, whatever lies below
    return found


def warm() -> None:
    """Load the kernels."""
    keys, _ = distinct(np.zeros(1, np.int64), np.ones(1, np.bool_))
    index = index_of(keys)
    index.add(keys, 0)
    index.find(keys)


@numba.njit(cache=True, nogil=True)
def _slot(keys, rows, key):  # type: ignore[no-untyped-def]
    """Where the key is, or the free slot where it would be."""
    mask = np.uint64(len(keys) - 1)
    mixed = np.uint64(key) * _MIX
    at = (mixed ^ (mixed >> np.uint64(32))) & mask
    while rows[at] != _FREE and keys[at] != key:
        at = (at + np.uint64(1)) & mask
    return at


@numba.njit(cache=True, nogil=True)
def _find(keys, rows, asked, out):  # type: ignore[no-untyped-def]
    for i in range(len(asked)):
        at = _slot(keys, rows, asked[i])
        out[i] = rows[at]


@numba.njit(cache=True, nogil=True)
def _add(keys, rows, added, into):  # type: ignore[no-untyped-def]
    """How many slots were free before."""
    taken = 0
    for i in range(len(added)):
        at = _slot(keys, rows, added[i])
        taken += rows[at] == _FREE
        keys[at], rows[at] = added[i], into[i]
    return taken


@numba.njit(cache=True, nogil=True)
def _distinct(values, valid):  # type: ignore[no-untyped-def]
    slots = 1
    while slots < 2 * len(values):
        slots *= 2
    keys, rows = np.empty(slots, np.int64), np.full(slots, _FREE)
    found, of = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    k = 0
    for i in range(len(values)):
        of[i] = -1
        if not valid[i]:
            continue
        at = _slot(keys, rows, values[i])
        if rows[at] == _FREE:
            keys[at], rows[at], found[k] = values[i], k, values[i]
            k += 1
        of[i] = rows[at]
    for i in range(len(values)):
        if of[i] < 0:
            of[i] = k
    return found[:k], of
