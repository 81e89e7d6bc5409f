"""Merged words as values: the numbers, ids and lists that the columns of a plan show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.base import Kernel, kernel
from heptad.algebra.spec import Params
from heptad.declare.types import Kind
from heptad.plan.coding import Dictionary, decoded
from heptad.plan.nodes import WindowColumn

#: What a kernel's `finalize` returns for n rows: float64 (n,) or (n, size), or codes int64 (n, k) and how many are
#: present (n,).
Finalized = NDArray[np.float64] | tuple[NDArray[np.int64], NDArray[np.int64]]


def finalized(column: WindowColumn, words: NDArray[np.int64], t: NDArray[np.int64]) -> Finalized:
    """The values of merged words (n, words) read at ``t`` (n,), as the aggregation's kernel gives them."""
    return kernel(column.aggregation).finalize(words, t, column.params)


class Together:
    """Windows whose words lie side by side in a row, finalized with one call for all that have one kernel."""

    def __init__(self, columns: Sequence[WindowColumn], slices: Sequence[slice]) -> None:
        alike: dict[tuple[str, Params], list[int]] = {}
        for place, column in enumerate(columns):
            alike.setdefault((column.aggregation, column.params), []).append(place)
        self._width = len(columns)
        self._sets = [
            _Alike(kernel(name), params, places, np.array([range(slices[p].start, slices[p].stop) for p in places]))
            for (name, params), places in alike.items()
        ]  # fmt: skip

    def __call__(self, words: NDArray[np.int64], t: int) -> list[Finalized]:
        """The values of each column for rows of words (m, all words) read at ``t``: of m rows."""
        out: list[Any] = [None] * self._width
        for one in self._sets:
            columns, m = len(one.places), len(words)
            rows = words[:, one.words].swapaxes(0, 1).reshape(columns * m, one.words.shape[1])
            found = one.kernel.finalize(rows, np.full(len(rows), t, np.int64), one.params)
            parts = found if isinstance(found, tuple) else (found,)
            shaped = [part.reshape(columns, m, *part.shape[1:]) for part in parts]
            for i, place in enumerate(one.places):
                out[place] = (shaped[0][i], shaped[1][i]) if isinstance(found, tuple) else shaped[0][i]
        return out


class _Alike(NamedTuple):
    """Columns of one kernel and parameters: their places, and which words are theirs (columns, words)."""

    kernel: Kernel
    params: Params
    places: list[int]
    words: NDArray[np.int64]


def displayed(column: WindowColumn, value: Finalized, kind: Kind, dictionary: Dictionary) -> NDArray[Any]:
    """Finalized values as a column has them: numbers as float64 (n,), ids and texts and lists as objects."""
    if not isinstance(value, tuple):
        return value
    codes, present = value
    if len(codes) > 1 and codes.strides[0] == 0:  # one state under many rows
        return np.repeat(displayed(column, (codes[:1], present[:1]), kind, dictionary), len(codes))
    returns = catalogue.get(column.aggregation).returns
    if returns == "choices":
        return _lists(_chosen(codes, column.params.vocabulary, kind), present)
    values = decoded(codes, np.arange(codes.shape[1]) < present[:, None], kind, dictionary)
    if returns == "value":
        return values[:, 0]
    return _lists(values, present)


def _chosen(places: NDArray[np.int64], vocabulary: tuple[object, ...], kind: Kind) -> NDArray[Any]:
    """Values of the vocabulary by their places: float64 where the kind is numeric, else objects."""
    values = np.fromiter(vocabulary, np.float64 if kind.numeric else object, len(vocabulary))
    chosen: NDArray[Any] = values[places]
    return chosen


def _lists(values: NDArray[Any], present: NDArray[np.int64]) -> NDArray[Any]:
    """The first ``present`` values of each row as a tuple, objects (n,)."""
    out = np.empty(len(values), object)
    for n in np.unique(present).tolist():
        rows = np.flatnonzero(present == n)
        columns = [values[rows, place].tolist() for place in range(n)]
        tuples = zip(*columns, strict=True) if n else repeat((), len(rows))
        out[rows] = np.fromiter(tuples, object, len(rows))
    return out
