"""A history without a log, admitted: which of its rows count, in which order they would have been logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heptad.offline.engines.keys import codes
from heptad.offline.knowledge import known_from
from heptad.offline.sources import rows_of, with_ties
from heptad.plan.batch import Batch, fingerprint
from heptad.plan.nodes import Plan


@dataclass(frozen=True)
class Admitted:
    """What became of the rows of one stream; the tuples are row numbers from 0.

    ``late`` rows say themselves that they were known later than their stream's lateness allows.
    """

    rows: int
    accepted: int
    duplicates: tuple[int, ...]
    conflicts: tuple[int, ...]
    late: tuple[int, ...] = ()


def admit_history(plan: Plan, batches: Mapping[str, Batch]) -> tuple[dict[str, Batch], dict[str, Admitted]]:
    """The accepted events of each stream, with log offsets, and what became of the others.

    A history was complete when it was written, so nothing in it is of the future, and late are only rows of
    a stream with ``hp.KnownAt`` that became known too long after their time, as the log's rules have it. Rows of one id
    count once: those alike are duplicates, one that differs from the first in its file is a conflict, and
    the first stands however old it is. Offsets count the accepted rows of all streams from 0 in the order
    in which a replay appends them: by arrival (`known_from`), then stream as the plan has them (tables first), then tie (for
    a table, its place in the file). NaN is null here already (`read`).
    """
    named = {stream.name: stream for stream in plan.streams}
    admitted: dict[str, Batch] = {}
    report: dict[str, Admitted] = {}
    rows: dict[str, NDArray[np.int64]] = {}
    for name in named:
        if name in batches:
            admitted[name], report[name], rows[name] = _without_repeats(batches[name])
    _drop_late(admitted, report, rows)
    offsets = _places(list(admitted.values()))
    for (name, batch), offset in zip(admitted.items(), offsets, strict=True):
        placed = Batch(batch.stream, batch.time, batch.tie, offset, batch.columns)
        admitted[name] = with_ties(placed) if batch.stream.is_table else placed
    return admitted, report


def _drop_late(
    admitted: dict[str, Batch], report: dict[str, Admitted], rows: Mapping[str, NDArray[np.int64]]
) -> None:
    """Take out, in place, what the log's rules would refuse; only a row known later than its time can be."""
    reporting = [name for name, batch in admitted.items() if batch.stream.known_at is not None]
    if not reporting:
        return
    places = dict(zip(admitted, _places(list(admitted.values())), strict=True))
    total = sum(map(len, admitted.values()))
    times = np.empty(total, np.int64)
    for name, batch in admitted.items():
        times[places[name]] = batch.time
    frontier = np.concatenate([[np.iinfo(np.int64).min // 2], np.maximum.accumulate(times)[:-1]])
    for name in reporting:
        batch = admitted[name]
        late = batch.time < frontier[places[name]] - (batch.stream.lateness or 0)
        if late.any():
            kept = np.flatnonzero(~late)
            admitted[name] = batch.take(kept)
            left_out = tuple(rows[name][late].tolist())
            report[name] = replace(report[name], accepted=len(kept), late=left_out)


def _without_repeats(batch: Batch) -> tuple[Batch, Admitted, NDArray[np.int64]]:
    key = batch.stream.key
    if key is None or len(batch) == 0:
        return batch, Admitted(len(batch), len(batch), (), ()), np.arange(len(batch))
    ids = batch.columns[key.name].values
    same = codes([ids], [ids[:0]]).asked
    _, first, count = np.unique(same, return_index=True, return_counts=True)
    if len(first) == len(batch):
        return batch, Admitted(len(batch), len(batch), (), ()), np.arange(len(batch))
    involved = np.flatnonzero(count[same] > 1)  # `same` are dense codes, so they index the counts
    prints = [fingerprint(row, batch.stream) for row in rows_of(batch.take(involved))]
    by_row = dict(zip(involved.tolist(), prints, strict=True))
    stands = first[same]
    duplicates: list[int] = []
    conflicts: list[int] = []
    for row in involved.tolist():
        if stands[row] != row:
            (duplicates if by_row[row] == by_row[int(stands[row])] else conflicts).append(row)
    kept = np.sort(first)
    return batch.take(kept), Admitted(len(batch), len(kept), tuple(duplicates), tuple(conflicts)), kept


def _places(batches: list[Batch]) -> list[NDArray[np.int64]]:
    """The place of every row in the order (arrival, stream, tie) of all rows."""
    if not batches:
        return []
    time = np.concatenate([known_from(batch) for batch in batches])
    stream = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
    tie = np.concatenate([batch.tie for batch in batches])
    place = np.empty(len(time), np.int64)
    place[np.lexsort((tie, stream, time))] = np.arange(len(time))
    return np.split(place, np.cumsum([len(batch) for batch in batches])[:-1])


__all__ = ["Admitted", "admit_history"]
