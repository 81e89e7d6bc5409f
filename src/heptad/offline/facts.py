"""Point-in-time lookups of many rows: which row of a table is the newest that each of them may see.

No row of a table is sorted. The reads of one entity are, by time; a row of the table goes to the first read that
sees it, and each read then has the newest of what came to it and to those before it (Newest: valid_from, then
version, then place in the log). Where a read does not know all rows before its time, because some were logged
later, its entity's rows are sorted and looked at in the order of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.offline.deferred import taken
from heptad.offline.engines import kernels
from heptad.offline.engines.keys import codes
from heptad.offline.engines.threads import Crew, available
from heptad.plan.assemble import FactRead, shown
from heptad.plan.batch import Batch, Column, column_of
from heptad.plan.nodes import Plan, StreamPlan

Longs = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min
_MANY = 500_000  #: rows of a table from which threads are worth their start


class FactReader:
    """`plan.assemble.Facts` for n rows at times ``t`` and log offsets ``o`` (None: every row is known)."""

    def __init__(
        self,
        plan: Plan,
        events: Mapping[str, Batch],
        t: Longs,
        o: Longs | None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._plan, self._events, self._t, self._o, self._progress = plan, events, t, o, progress

    def __call__(self, asked: FactRead) -> dict[str, NDArray[Any]]:
        group = self._plan.groups[asked.group]
        if self._progress is not None:
            self._progress(group.name)
        stream = self._plan.stream(group.stream)
        found = facts(stream, self._events.get(stream.name), asked.names, asked.key, self._t, self._o)
        return {name: shown(column, stream.by_name[name].kind) for name, column in found.items()}


def facts(
    stream: StreamPlan, rows: Batch | None, names: Sequence[str], key: Column, t: Longs, o: Longs | None
) -> dict[str, Column]:
    """Columns ``names`` of the row that each of n reads sees of its entity ``key``: null where it sees none."""
    if rows is None or len(rows) == 0:
        return {name: column_of([None] * len(t), stream.by_name[name].kind) for name in names}
    place = newest(rows, key, t, o)
    seen = place >= 0
    at = np.where(seen, place, 0)
    found = taken(rows.columns, names, at)
    return {name: Column(column.values, column.valid & seen) for name, column in found.items()}


def newest(rows: Batch, key: Column, t: Longs, o: Longs | None, threads: int | None = None) -> Longs:
    """For each of n reads the place of the row it sees, int64 (n,): -1 for none, and for a deleted entity.

    ``threads`` None: all cores where there are many rows. The places do not depend on it.
    """
    stream = rows.stream
    out = np.full(len(t), -1, np.int64)
    asked = np.flatnonzero(key.valid)
    if len(asked) == 0:
        return out
    with Crew(threads or (available() if len(rows) >= _MANY else 1)) as crew:
        found = codes([key.values[asked]], [rows.columns[stream.entity.name].values], crew)
        before = t[asked] - stream.lag
        by_time = np.argsort(before, kind="stable")
        order, starts = kernels.by_code(found.asked[by_time], found.n)
        order = by_time[order]  # the reads by (entity, time)
        before = before[order]
        version = _version(rows)
        common = (found.held, rows.time, version, rows.offset, starts, before, o is not None)
        edges = [len(rows) * part // crew.threads for part in range(crew.threads + 1)]
        parts = crew.each(_first_seen, [(*common, low, high) for low, high in pairwise(edges)])
    place, since, latest = parts[0]
    for other in parts[1:]:
        _merge(place, since, latest, *other, version, rows.offset)
    _hand_on(place, since, latest, version, rows.offset, starts)
    if o is not None:
        known = o[asked][order]
        late = np.flatnonzero(latest >= known)
        if len(late):
            _look_closer(found.asked[order], found.held, rows, version, before, known, late, place)
    hidden = place < 0
    at = np.where(hidden, 0, place)
    if stream.ttl is not None:
        hidden |= rows.time[at] < before - stream.ttl
    if stream.deleted is not None:
        marker = rows.columns[stream.deleted.name]
        hidden |= marker.valid[at] & (marker.values[at] != 0)
    out[asked[order]] = np.where(hidden, -1, place)
    return out


def _version(rows: Batch) -> Longs:
    """The version of every row; none where the table declares none."""
    field = rows.stream.version
    return np.empty(0, np.int64) if field is None else rows.columns[field.name].values


def _look_closer(
    key: Longs,
    held: Longs,
    rows: Batch,
    version: Longs,
    before: Longs,
    known: Longs,
    late: Longs,
    place: Longs,
) -> None:
    """Write the places of the reads ``late``, which do not know all rows of their entity before their time."""
    mine = np.zeros(int(key[-1]) + 1 if len(key) else 0, np.bool_)
    mine[key[late]] = True
    candidates = np.flatnonzero((held >= 0) & (held < len(mine)))
    candidates = candidates[mine[held[candidates]]]
    ties = (rows.offset[candidates], *((version[candidates],) if len(version) else ()))
    candidates = candidates[np.lexsort((*ties, rows.time[candidates], held[candidates]))]
    by_known = late[np.lexsort((known[late], key[late]))]
    _in_log_order(
        held[candidates], rows.time[candidates], rows.offset[candidates], candidates,
        key[by_known], before[by_known], known[by_known], by_known, place,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _first_seen(code, time, version, offset, starts, before, by_offset, low, high):  # type: ignore[no-untyped-def]
    """(place, since, latest): of the rows [low, high) that a read is the first of its entity to see, the newest.

    Its place, -1 for none, and time; and the greatest offset of all of them, where ``by_offset`` asks for it. Reads
    of entity c are ``starts[c]:starts[c + 1]``, ascending by ``before``; -1 in ``code`` is asked by none.
    """
    place, since = np.full(len(before), -1, np.int64), np.full(len(before), _NEVER, np.int64)
    latest = np.full(len(before), _NEVER, np.int64)
    for i in range(low, high):
        c = code[i]
        if c < 0:
            continue
        first, end = starts[c], starts[c + 1]
        last = end
        while first < last:
            middle = (first + last) // 2
            if before[middle] <= time[i]:
                first = middle + 1
            else:
                last = middle
        if first == end:
            continue
        if by_offset:
            latest[first] = max(latest[first], offset[i])
        if time[i] > since[first] or _newer(version, offset, time[i], i, since[first], place[first]):
            place[first], since[first] = i, time[i]
    return place, since, latest


@numba.njit(cache=True, nogil=True)
def _merge(place, since, latest, place2, since2, latest2, version, offset):  # type: ignore[no-untyped-def]
    """What the first three hold becomes what `_first_seen` gives for the rows of both."""
    for j in range(len(place)):
        latest[j] = max(latest[j], latest2[j])
        if _newer(version, offset, since2[j], place2[j], since[j], place[j]):
            place[j], since[j] = place2[j], since2[j]


@numba.njit(cache=True, nogil=True)
def _hand_on(place, since, latest, version, offset, starts):  # type: ignore[no-untyped-def]
    """Each read sees what the reads before it see, of one entity."""
    for c in range(len(starts) - 1):
        for j in range(starts[c] + 1, starts[c + 1]):
            latest[j] = max(latest[j], latest[j - 1])
            if _newer(version, offset, since[j - 1], place[j - 1], since[j], place[j]):
                place[j], since[j] = place[j - 1], since[j - 1]


@numba.njit(cache=True, nogil=True)
def _newer(version, offset, since, row, than, other):  # type: ignore[no-untyped-def]
    """Whether a row of the time ``since`` is newer than another of the time ``than``; row -1 is older than all."""
    if row < 0 or other < 0:
        return row >= 0
    if since != than:
        return since > than
    if len(version) and version[row] != version[other]:
        return version[row] > version[other]
    return offset[row] > offset[other]


@numba.njit(cache=True, nogil=True)
def _in_log_order(code, time, offset, row, key, before, known, read, place):  # type: ignore[no-untyped-def]
    """Write ``place[read[j]]`` for reads sorted by (key, known), from rows sorted by (code, newness).

    The rows of an entity enter a binary indexed tree of the newest, one after the other as the log has them,
    and each read asks it for the newest of those before its time: n log n, however many reads know only part.
    """
    j, first = 0, 0
    while j < len(key):
        c = key[j]
        while first < len(code) and code[first] < c:
            first += 1
        last = first
        while last < len(code) and code[last] == c:
            last += 1
        size = last - first
        order = np.argsort(offset[first:last])
        tree = np.zeros(size + 1, np.int64)  # of 1 + rank; 0 is none
        entered = 0
        while j < len(key) and key[j] == c:
            while entered < size and offset[first + order[entered]] < known[j]:
                rank = order[entered] + 1
                node = rank
                while node <= size:
                    tree[node] = max(tree[node], rank)
                    node += node & -node
                entered += 1
            low, high = first, last
            while low < high:
                middle = (low + high) // 2
                if time[middle] < before[j]:
                    low = middle + 1
                else:
                    high = middle
            node, rank = low - first, 0
            while node > 0:
                rank = max(rank, tree[node])
                node -= node & -node
            place[read[j]] = row[first + rank - 1] if rank > 0 else -1
            j += 1
        first = last
