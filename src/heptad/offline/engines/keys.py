"""Keys as dense codes: which of the keys that rows ask for does an event belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_DENSE = 4  #: slots of a plain table of integers, per key, up to which it is better than a hash table


class Codes(NamedTuple):
    """``asked`` (m,) in 0..n-1 for the rows' keys; ``held`` (k,) for the events', -1 where no row asks."""

    asked: NDArray[np.int64]
    held: NDArray[np.int64]
    n: int


def codes(asked: Sequence[NDArray[Any]], held: Sequence[NDArray[Any]]) -> Codes:
    """Codes of keys of one or several columns, each an int64 or object array without nulls."""
    found = _one(asked[0], held[0])
    for asked_column, held_column in zip(asked[1:], held[1:], strict=True):
        other = _one(asked_column, held_column)
        both = (found.held >= 0) & (other.held >= 0)
        pairs = np.where(both, found.held * other.n + other.held, -1)
        found = _one(found.asked * other.n + other.asked, pairs)
    return found


def _one(asked: NDArray[Any], held: NDArray[Any]) -> Codes:
    if len(asked) and asked.dtype == held.dtype == np.int64:
        least, most = int(asked.min()), int(asked.max())
        if most - least <= _DENSE * (len(asked) + len(held)):
            return Codes(*_dense(asked, held, np.int64(least), np.int64(most)))
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


@numba.njit(cache=True, nogil=True)
def _dense(asked, held, least, most):  # type: ignore[no-untyped-def]
    """(asked, held, n) of integers that lie close together: codes in order of appearance, by a plain table."""
    table = np.full(most - least + 1, -1, np.int32)
    left, right = np.empty(len(asked), np.int64), np.empty(len(held), np.int64)
    n = 0
    for i in range(len(asked)):
        place = asked[i] - least
        if table[place] < 0:
            table[place] = n
            n += 1
        left[i] = table[place]
    for i in range(len(held)):
        value = held[i]
        right[i] = table[value - least] if least <= value <= most else -1
    return left, right, n


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
