"""Keys as dense codes: which of the keys that rows ask for does an event belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from heptad.offline.engines.threads import Crew

_ROOM = 1 << 16  #: places of a table by value that few keys may have


class Codes(NamedTuple):
    """``asked`` (m,) in 0..n-1 for the rows' keys; ``held`` (k,) for the events', -1 where no row asks."""

    asked: NDArray[np.int64]
    held: NDArray[np.int64]
    n: int


def codes(asked: Sequence[NDArray[Any]], held: Sequence[NDArray[Any]], crew: Crew = Crew(1)) -> Codes:
    """Codes of keys of one or several columns, each an int64 or object array without nulls."""
    found = _one(asked[0], held[0], crew)
    for asked_column, held_column in zip(asked[1:], held[1:], strict=True):
        other = _one(asked_column, held_column, crew)
        both = (found.held >= 0) & (other.held >= 0)
        pairs = np.where(both, found.held * other.n + other.held, -1)
        found = _one(found.asked * other.n + other.asked, pairs, crew)
    return found


def _one(asked: NDArray[Any], held: NDArray[Any], crew: Crew) -> Codes:
    if asked.dtype == np.int64 and held.dtype == np.int64:
        return _whole(asked, held, crew)
    left, right = _arrow(asked), _arrow(held)
    if left is None or right is None:
        return _mixed(asked.tolist(), held.tolist())
    if left.type != right.type:
        right = pa.nulls(len(right), left.type)
    encoded = left.dictionary_encode()
    places = pc.index_in(right, value_set=encoded.dictionary, skip_nulls=True)
    return Codes(
        encoded.indices.to_numpy().astype(np.int64),
        places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
        len(encoded.dictionary),
    )


def _whole(asked: NDArray[np.int64], held: NDArray[np.int64], crew: Crew) -> Codes:
    """Integers: by a table of all values between the least and the greatest if that is small, else by hashing."""
    if len(asked) == 0:
        return Codes(asked, np.full(len(held), -1, np.int64), 0)
    asked, held = np.ascontiguousarray(asked), np.ascontiguousarray(held)
    least, greatest = int(asked.min()), int(asked.max())
    parts = crew.parts(len(held))
    found = np.empty(len(held), np.int64)
    if greatest - least < 4 * len(asked) + _ROOM:
        own, table, n = _tabled(asked, least, greatest - least + 1)
        crew.each(_from_table, [(held, low, high, least, table, found) for low, high in parts])
        return Codes(own, found, n)
    own, names, table, n = _hashed(asked)
    crew.each(_from_hashes, [(held, low, high, names, table, found) for low, high in parts])
    return Codes(own, found, n)


@numba.njit(cache=True, nogil=True)
def _tabled(asked, least, span):  # type: ignore[no-untyped-def]
    """(codes, table, n): the codes ascend with the keys, so keys that are neighbours stay neighbours."""
    table = np.full(span, -1, np.int32)
    for key in asked:
        table[key - least] = 0
    n = 0
    for place in range(span):
        if table[place] == 0:
            table[place] = n
            n += 1
    own = np.empty(len(asked), np.int64)
    for i in range(len(asked)):
        own[i] = table[asked[i] - least]
    return own, table, n


@numba.njit(cache=True, nogil=True)
def _from_table(held, low, high, least, table, found):  # type: ignore[no-untyped-def]
    span = np.uint64(len(table))
    for i in range(low, high):
        place = np.uint64(held[i]) - np.uint64(least)  # wraps below the least
        found[i] = table[np.int64(place)] if place < span else -1


@numba.njit(cache=True, nogil=True, inline="always")
def _slot(key, mask):  # type: ignore[no-untyped-def]
    """Where a search for the key begins: the finalizer of SplitMix64."""
    h = np.uint64(key)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((h ^ (h >> np.uint64(31))) & mask)


@numba.njit(cache=True, nogil=True)
def _hashed(asked):  # type: ignore[no-untyped-def]
    """(codes, names, table, n): codes in order of appearance; an open table of names, code -1 where it is free."""
    size = 16
    while size < 2 * len(asked):
        size *= 2
    mask = np.uint64(size - 1)
    names, table = np.zeros(size, np.int64), np.full(size, -1, np.int32)
    own = np.empty(len(asked), np.int64)
    n = 0
    for i in range(len(asked)):
        at = _slot(asked[i], mask)
        while table[at] >= 0 and names[at] != asked[i]:
            at = (at + 1) % size
        if table[at] < 0:
            names[at], table[at] = asked[i], n
            n += 1
        own[i] = table[at]
    return own, names, table, n


@numba.njit(cache=True, nogil=True)
def _from_hashes(held, low, high, names, table, found):  # type: ignore[no-untyped-def]
    size = len(table)
    mask = np.uint64(size - 1)
    for i in range(low, high):
        at = _slot(held[i], mask)
        while table[at] >= 0 and names[at] != held[i]:
            at = (at + 1) % size
        found[i] = table[at]


def _arrow(values: NDArray[Any]) -> Any:
    """The values as an Arrow array of integers or of texts; None where they are of both kinds."""
    if values.dtype != object or len(values) == 0:
        return pa.array(values.astype(np.int64, copy=False), pa.int64())
    kind = pa.large_string() if isinstance(values[0], str) else pa.int64()
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, UnicodeEncodeError):
        return None


def _mixed(asked: list[Any], held: list[Any]) -> Codes:
    known: dict[Any, int] = {}
    first = np.fromiter((known.setdefault(key, len(known)) for key in asked), np.int64, len(asked))
    second = np.fromiter((known.get(key, -1) for key in held), np.int64, len(held))
    return Codes(first, second, len(known))
