"""Accepted events of one stream into the records of all its groups: what every writer of states does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.alike import distinct_rows
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import Dictionary
from heptad.plan.lift import lift
from heptad.plan.nodes import GroupPlan
from heptad.state import tables
from heptad.state.keys import distinct, encode_columns
from heptad.state.layout import GroupLayout
from heptad.state.update import update

#: Words of lifted events held at a time (64 MB), and the least events: states of one event may be large.
MOST_WORDS: Final = 8 << 20
LEAST: Final = 1024

#: The records of keys of a group, None where there is none: `Snapshot.records`, or a view over uncommitted ones.
Known = Callable[[int, Sequence[bytes]], Sequence[bytes | None]]


def absorb(
    layouts: Sequence[GroupLayout], batch: Batch, dictionary: Dictionary, known: Known, frontier: int
) -> dict[tuple[int, bytes], bytes]:
    """The changed records (group, key) -> bytes after the batch, as `Commit.records` takes them.

    ``batch`` holds accepted events whose time the clock has reached, in any order; ``layouts`` is
    `layouts_of` the plan, ``frontier`` the highest applied event time after the batch.
    """
    changed: dict[tuple[int, bytes], bytes] = {}
    for place, layout in enumerate(layouts):
        if layout.group.stream != batch.stream.name:
            continue
        if layout.group.facts is not None:
            changed.update(_facts(place, layout.group, batch, dictionary, known, frontier))
            continue
        most = max(LEAST, MOST_WORDS // layout.event_words)
        for start in range(0, len(batch), most):
            some = (
                batch if len(batch) <= most else batch.take(np.arange(start, min(len(batch), start + most)))
            )
            before = _over(changed, known) if start else known
            keys, records = _slots(place, layout, some, dictionary, before, frontier)
            changed.update(zip(zip(repeat(place), keys, strict=False), records, strict=True))
    return changed


def _slots(
    place: int, layout: GroupLayout, batch: Batch, dictionary: Dictionary, known: Known, frontier: int
) -> tuple[list[bytes], list[bytes]]:
    """The keys of a group that events belong to, and their records afterwards."""
    lifted = lift(batch, layout.group, dictionary, layout.lifted)
    if len(lifted.row) == 0:
        return [], []
    first, of = distinct_rows(key_words(layout.group, batch, lifted.row, lifted.keys))
    keys = encode_columns([column[first] for column in lifted.keys])
    return keys, update(layout, known(place, keys), of, batch.time[lifted.row], lifted.words, frontier)


def key_words(
    group: GroupPlan, batch: Batch, row: NDArray[np.int64], keys: Sequence[NDArray[Any]]
) -> NDArray[np.int64]:
    """Words (m, key columns) that are alike exactly where the keys of m memberships are; see `plan.lift.Lifted`."""
    words = np.empty((len(row), len(keys)), np.int64)
    for place, values in enumerate(keys):
        if values.dtype == np.int64:
            words[:, place] = values
        elif place == group.list_key or not group.keys:
            words[:, place] = Column(values, np.ones(len(values), np.bool_)).factors().which
        else:
            words[:, place] = batch.columns[group.keys[place]].factors().which[row]
    return words


def _over(changed: dict[tuple[int, bytes], bytes], known: Known) -> Known:
    """The records as they are after what has changed."""

    def records(group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return [changed.get((group, key), old) for key, old in zip(keys, known(group, keys), strict=True)]

    return records


def _facts(
    place: int, group: GroupPlan, batch: Batch, dictionary: Dictionary, known: Known, frontier: int
) -> dict[tuple[int, bytes], bytes]:
    """The records of a table's entities after rows of it."""
    if len(batch) == 0:
        return {}
    rows = tables.lifted(batch, group.facts or (), dictionary)
    keys, of = distinct(encode_columns([batch.columns[group.keys[0]].values]))
    records = tables.update(known(place, keys), of, rows, batch.stream.lag, frontier)
    return dict(zip([(place, key) for key in keys], records, strict=True))
