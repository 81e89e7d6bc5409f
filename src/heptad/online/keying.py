"""Rows to records: which records the rows of a read need, each once, and how their states become rows again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.plan.batch import Column
from heptad.state.keys import encode_rows
from heptad.state.read import Query, combine

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Keyed:
    """The records that n rows of a read need.

    ``keys``: the distinct keys as bytes. ``of`` (n,): which key, or list of keys, a row reads; None where
    row i reads key i. ``lists``: members and bounds of each distinct list of keys, where the key is a list.
    """

    keys: list[bytes]
    of: Ints | None
    lists: tuple[Ints, Ints] | None = None

    def spread(self, query: Query, words: Ints) -> Ints:
        """Rows (n, words) of the states (keys, words): lists merged, nulls the state of no events."""
        if self.lists is not None:
            words = combine(query, words, *self.lists)
        if self.of is None:
            return words
        if len(words) == 1 and not self.of.any():  # one user, many candidates
            return np.broadcast_to(words, (len(self.of), words.shape[1]))
        return np.concatenate([words, query.blank[None]])[self.of]


def keyed(columns: Sequence[Column], list_key: int | None) -> Keyed:
    """The records of n rows whose keys are these columns; ``list_key`` is the place of a list of elements."""
    rows: Sequence[tuple[Any, ...]] = list(zip(*[c.values.tolist() for c in columns], strict=True))
    valid = np.logical_and.reduce([c.valid for c in columns])
    places = dict.fromkeys(rows if valid.all() else [row for row, ok in zip(rows, valid, strict=True) if ok])
    distinct = list(places)
    of = None
    if len(distinct) < len(rows):
        for place, row in enumerate(distinct):
            places[row] = place
        of = np.fromiter(map(places.get, rows), np.int64, len(rows)) if valid.all() else np.fromiter(
            [places[row] if ok else len(distinct) for row, ok in zip(rows, valid, strict=True)], np.int64, len(rows)
        )  # fmt: skip
    if list_key is None:
        return Keyed(encode_rows(distinct), of)
    single: dict[tuple[Any, ...], int] = {}
    members: list[int] = []
    bounds = [0]
    for row in distinct:
        before, after = row[:list_key], row[list_key + 1 :]
        for element in dict.fromkeys(row[list_key]):
            members.append(single.setdefault((*before, element, *after), len(single)))
        bounds.append(len(members))
    return Keyed(encode_rows(list(single)), of, (np.array(members, np.int64), np.array(bounds, np.int64)))
