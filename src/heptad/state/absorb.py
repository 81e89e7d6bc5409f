"""Accepted events of one stream into the records of all its groups: what every writer of states does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heptad.plan.batch import Batch
from heptad.plan.coding import Dictionary
from heptad.plan.lift import lift
from heptad.plan.nodes import GroupPlan
from heptad.state import tables
from heptad.state.keys import distinct, encode_columns
from heptad.state.layout import GroupLayout
from heptad.state.update import update

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
        lifted = lift(batch, layout.group, dictionary)
        if len(lifted.row) == 0:
            continue
        keys, of = distinct(encode_columns(lifted.keys))
        records = update(layout, known(place, keys), of, batch.time[lifted.row], lifted.words, frontier)
        changed.update(zip([(place, key) for key in keys], records, strict=True))
    return changed


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
