"""Values as int64 words inside a state: what a `last` entry holds for a column of each kind.

Floats as sortable bits, ints and bools as they are. Ids and texts: an int within 62 bits is itself;
everything else has a code below -2**62 given out by a `Dictionary`, which travels with the states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.coding import decode as decode_floats
from heptad.declare.types import Kind
from heptad.plan.batch import Column

EDGE: Final = 2**62  #: words below -EDGE are codes of a dictionary: -EDGE - 1 - code

Coded = Kind.ID, Kind.TEXT, Kind.TEXTS, Kind.VECTOR


class Dictionary(Protocol):
    """Gives values codes and codes their values, for as long as the states that hold them live."""

    def codes(self, values: Sequence[Any]) -> list[int]:
        """The code of each value (text, int, tuple of texts or bytes of a vector), new ones where needed: 0, 1, 2, ..."""
        ...

    def values(self, codes: Sequence[int]) -> list[Any]: ...


class LocalDictionary:
    """A dictionary in memory, for one process or one training set."""

    def __init__(self, known: Mapping[Any, int] | None = None) -> None:
        self._codes: dict[Any, int] = dict(known or {})
        self._values: list[Any] = list(self._codes)

    def __len__(self) -> int:
        """How many codes it has given out."""
        return len(self._values)

    def codes(self, values: Sequence[Any]) -> list[int]:
        out = []
        for value in values:
            code = self._codes.get(value)
            if code is None:
                code = self._codes[value] = len(self._values)
                self._values.append(value)
            out.append(code)
        return out

    def values(self, codes: Sequence[int]) -> list[Any]:
        return [self._values[code] for code in codes]


def coded(column: Column, kind: Kind, dictionary: Dictionary) -> NDArray[Any]:
    """The column as a kernel takes it: float64, or int64 words (codes for ids and texts; 0 where null)."""
    if kind not in Coded:
        return column.values
    if column.values.dtype == np.int64:
        if len(column.values) == 0 or np.abs(column.values).max() < EDGE:
            return column.values
        return coded(Column(column.values.astype(object), column.valid), kind, dictionary)
    words = np.zeros(len(column.values), np.int64)
    distinct, which = column.factors()
    met = np.flatnonzero(
        np.bincount(which[column.valid], minlength=len(distinct))
    )  # a value that no row has gets no code
    words[column.valid] = _codes(distinct, met, dictionary)[which[column.valid]]
    return words


def _codes(distinct: NDArray[Any], met: NDArray[np.int64], dictionary: Dictionary) -> NDArray[np.int64]:
    """The words of the values at places ``met``; 0 for the others."""
    words = np.zeros(len(distinct), np.int64)
    values = distinct[met].tolist()
    own = [type(value) is int and abs(value) < EDGE for value in values]
    strange = [value for value, is_own in zip(values, own, strict=True) if not is_own]
    codes = iter(dictionary.codes(strange))
    words[met] = [
        value if is_own else -EDGE - 1 - next(codes) for value, is_own in zip(values, own, strict=True)
    ]
    return words


def decoded(
    words: NDArray[np.int64], present: NDArray[np.bool_], kind: Kind, dictionary: Dictionary
) -> NDArray[Any]:
    """Values of words of one shape: float64 with NaN for null where the kind is numeric, else objects."""
    if kind is Kind.FLOAT:
        return np.where(present, decode_floats(words), np.nan)
    if kind.numeric:
        return np.where(present, words.astype(np.float64), np.nan)
    out = np.empty(words.shape, object)
    strange = present & (words < -EDGE)
    if strange.all():
        found = dictionary.values((-EDGE - 1 - words).ravel().tolist())
        return np.fromiter(found, object, len(found)).reshape(words.shape)
    if present.all() and not strange.any():
        return words.astype(object)
    plain = present & ~strange
    out[plain] = words[plain].tolist()
    out[strange] = np.fromiter(dictionary.values((-EDGE - 1 - words[strange]).tolist()), object)
    return out
