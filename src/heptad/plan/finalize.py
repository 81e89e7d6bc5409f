"""Merged words as values: the numbers, ids and lists that the columns of a plan show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels import plain
from heptad.algebra.kernels.base import Kernel, Words, kernel
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
    """Windows whose words lie side by side in a row, finalized with few calls: one for all plain numbers, and one
    for all other windows that have one kernel."""

    def __init__(self, columns: Sequence[WindowColumn], slices: Sequence[slice]) -> None:
        alike: dict[tuple[str, Params], list[int]] = {}
        for place, column in enumerate(columns):
            if column.aggregation not in plain.PLAIN:
                alike.setdefault((column.aggregation, column.params), []).append(place)
        self._width = len(columns)
        self._plain = [place for place, column in enumerate(columns) if column.aggregation in plain.PLAIN]
        uses = [(columns[p].aggregation, columns[p].params, slices[p].start) for p in self._plain]
        self._ops, self._units = plain.table(uses)
        self._sets, rest = [], list[int]()
        for (name, params), places in alike.items():
            words = np.array([range(slices[p].start, slices[p].stop) for p in places])
            first = len(self._plain) + len(rest)
            self._sets.append(
                _Alike(
                    kernel(name), params, places, np.arange(first, first + words.size).reshape(words.shape)
                )
            )
            rest += words.ravel().tolist()
        self._rest = np.array(rest, np.int64)

    def ready(self, words: Words) -> Words:
        """Rows of words (m, all words) as far as they can be finalized without the time of the read: (m, k)."""
        numbers = plain.kept(words, self._ops, self._units)
        return np.concatenate([numbers, words[:, self._rest]], axis=1) if len(self._rest) else numbers

    def __call__(
        self, ready: Words, t: int, rows: Words | None = None, of: Words | None = None
    ) -> list[Finalized]:
        """The values of each column read at ``t``, for rows (m,) of those that `ready` made; for all where None.

        With ``of`` (n,) of n rows, where row i has the values of row ``of[i]``.
        """
        rows = np.arange(len(ready)) if rows is None else rows
        out: list[Any] = [None] * self._width
        if self._plain:
            numbers = plain.shown(ready, rows if of is None else rows.take(of), t, self._ops)
            for place, row in zip(self._plain, numbers, strict=True):
                out[place] = row
        ready = ready.take(rows, axis=0) if self._sets else ready
        for one in self._sets:
            columns, m = len(one.places), len(ready)
            words = ready[:, one.words].swapaxes(0, 1).reshape(columns * m, one.words.shape[1])
            found = one.kernel.finalize(words, np.full(len(words), t, np.int64), one.params)
            parts = found if isinstance(found, tuple) else (found,)
            shaped = [part.reshape(columns, m, *part.shape[1:]) for part in parts]
            for i, place in enumerate(one.places):
                value = (shaped[0][i], shaped[1][i]) if isinstance(found, tuple) else shaped[0][i]
                out[place] = value if of is None else _taken(value, of)
        return out


def _taken(value: Finalized, of: Words) -> Finalized:
    if not isinstance(value, tuple):
        return value[of]
    codes, present = value
    if len(codes) == 1:  # one user, many candidates: what is shown is made once
        return np.broadcast_to(codes, (len(of), codes.shape[1])), np.broadcast_to(present, len(of))
    return codes[of], present[of]


class _Alike(NamedTuple):
    """Columns of one kernel and parameters: their places, and which words of a ready row are theirs (columns, words)."""

    kernel: Kernel
    params: Params
    places: list[int]
    words: Words


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
    if len(codes) == 1:  # what is absent need not be masked
        codes = codes[:, : int(present[0])] if returns != "value" else codes
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
    if len(values) == 1:  # one user's history: column by column costs more than the read
        out[0] = tuple(values[0, : int(present[0])].tolist())
        return out
    for n in np.unique(present).tolist():
        rows = np.flatnonzero(present == n)
        columns = [values[rows, place].tolist() for place in range(n)]
        tuples = zip(*columns, strict=True) if n else repeat((), len(rows))
        out[rows] = np.fromiter(tuples, object, len(rows))
    return out
