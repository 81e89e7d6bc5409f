"""How many events each value of a column has had, kept beside the states: popularity, as of the very commit.

The records of a tally lie in the group `GROUP`, under keys that begin with its stream and column::

    (stream, column)                    little-endian int64: the epoch, drawn where a tally begins; how many values
                                        there are; then the version of each page
    (stream, column, page, "values")    msgpack: the page's values, in the order in which they were first met
    (stream, column, page, "counts")    little-endian int64: their counts

A page is rewritten when one of its counts changes. Values met early are those met often, so few pages change.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.plan.nodes import TallyPlan
from heptad.state.absorb import Known
from heptad.state.pages import (
    GROUP,
    PAGE,
    Ints,
    Keys,
    fresh_values,
    longer,
    packed,
    pages_of,
    read_values,
    read_words,
    unpacked,
    values_after,
)
from heptad.state.store import Snapshot

_NOTHING: Final = np.zeros(2, np.int64)  #: the head of no tally


class Tally:
    """The writer's side: knows all counts, and what each commit must write."""

    def __init__(self, plan: TallyPlan, known: Known) -> None:
        self._keys = Keys(plan.stream, plan.column)
        head = _head(*known(GROUP, [self._keys.head]))
        self._epoch, pages = int(head[0]) or secrets.randbits(62) + 1, range(len(head) - 2)
        self._places = {value: place for place, value in enumerate(read_values(known, self._keys, pages))}
        parts = read_words(known, [_counts(self._keys, page) for page in pages])
        self._counts, self._versions = np.concatenate([_NOTHING[2:], *parts]), head[2:].copy()

    def add(self, values: Iterable[Any], times: ArrayLike, frontier: int) -> dict[tuple[int, bytes], bytes]:
        """Count events by their values, whatever their times; the records that change."""
        ids, keys, known = self._places, self._keys, len(self._places)
        places = np.array([ids.setdefault(value, len(ids)) for value in values], np.int64)
        if not len(places):
            return {}
        self._counts = longer(self._counts, len(ids))
        np.add.at(self._counts, places, 1)
        self._versions = longer(self._versions, pages_of(len(ids)))
        changed = np.unique(places // PAGE)
        self._versions[changed] += 1
        out = {(GROUP, keys.head): packed(np.concatenate([[self._epoch, len(ids)], self._versions]))}
        for page in changed.tolist():
            out[GROUP, _counts(keys, page)] = packed(self._counts[page * PAGE : (page + 1) * PAGE])
        return out | fresh_values(keys, ids, known)


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts (n,) of ``values`` as of one commit. Of one ``epoch``, a value keeps its place."""

    epoch: int
    values: Sequence[Any]
    counts: NDArray[np.float64]


class TallyReader:
    """A reader's side: what was read before is read again only where it changed. Any number of threads may ask."""

    def __init__(self, plan: TallyPlan) -> None:
        self._keys = Keys(plan.stream, plan.column)
        self._last: tuple[bytes | None, Counts] = None, Counts(0, [], np.zeros(0))

    @property
    def newest(self) -> Counts:
        """As of the read that came last: what is known without asking the store."""
        return self._last[1]

    def at(self, snapshot: Snapshot, t: int) -> Counts:
        """The counts as of a snapshot, all of them before t; as last read where the store stopped answering."""
        known, (held, last) = snapshot.records, self._last
        (raw,) = known(GROUP, [self._keys.head])
        if raw == held:
            return last
        newest, head, before = last, _head(raw), _head(held)
        if head[0] != before[0]:
            before, last = head[:2] * 0, Counts(int(head[0]), [], np.zeros(0))
        n, versions = int(head[1]), head[2:]
        old = np.zeros_like(versions)
        old[: len(before) - 2] = before[2 : len(head)]
        counts = np.zeros(n)
        counts[: len(last.counts)] = last.counts[:n]
        pages = np.flatnonzero(versions != old).tolist()
        parts = read_words(known, [_counts(self._keys, page) for page in pages])
        for page, part in zip(pages, parts, strict=True):
            room = counts[page * PAGE : (page + 1) * PAGE]
            room[: len(part)] = part[: len(room)]
        found = Counts(last.epoch, values_after(known, self._keys, last.values, n), counts)
        if snapshot.degraded:  # records of several commits, perhaps: nothing to keep
            return newest
        self._last = raw, found
        return found


def _counts(keys: Keys, page: int) -> bytes:
    return keys.of(page, "counts")


def _head(raw: bytes | None) -> Ints:
    return unpacked(raw) if raw else _NOTHING
