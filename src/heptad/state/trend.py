"""How many events each value of a column had in a window that ends at the read, kept beside the states.

Events are counted by tiles, the hops of the window. There are as many slots as tiles that a read can cover; a tile takes the
slot of one that no read covers any more. Records, in the group of tallies, under keys that begin with stream, column, width, hop::

    (...)                     the epoch, drawn where the counts begin; how many values there are; the tile of each slot;
                              the version of each slot; the version of each page
    (..., page, "values")     msgpack: the page's values, in the order in which they were first met
    (..., slot, page)         the tile, then the counts of the page's values in it; another tile's record is an old one

A record is rewritten when one of its counts changes, which raises the versions of its slot and of its page. So what changed
between two heads lies where a changed slot and a changed page meet, and mostly one slot has changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from heptad.plan.nodes import TrendPlan
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
    values_after,
)
from heptad.state.store import Snapshot
from heptad.state.tally import Counts

_NO_TILE: Final = -(2**63)
_NONE: Final = np.empty(0, np.int64)


class _Head(NamedTuple):
    """What a commit says of the counts; an epoch of 0 is none yet."""

    epoch: int
    values: int
    tiles: Ints
    versions: Ints
    pages: Ints

    @classmethod
    def read(cls, known: Known, keys: Keys, slots: int) -> _Head:
        words = read_words(known, [keys.head])[0]
        if not len(words):
            return cls(0, 0, np.full(slots, _NO_TILE), np.zeros(slots, np.int64), _NONE)
        return cls(int(words[0]), int(words[1]), *np.split(words[2:], [slots, 2 * slots]))

    def packed(self) -> bytes:
        return packed(np.concatenate([[self.epoch, self.values], self.tiles, self.versions, self.pages]))


class Trend:
    """The writer's side: knows the counts of all tiles that a read can cover, and what each commit must write."""

    def __init__(self, plan: TrendPlan, known: Known) -> None:
        self._plan, self._keys = plan, _keys(plan)
        head = _Head.read(known, self._keys, plan.slots)
        pages = range(len(head.pages))
        self._epoch = head.epoch or secrets.randbits(62) + 1
        self._places = {value: place for place, value in enumerate(read_values(known, self._keys, pages))}
        self._tiles, self._versions, self._pages = (part.copy() for part in head[2:])
        asked = {tile: pages for tile in head.tiles.tolist() if tile != _NO_TILE}
        held = _read_tiles(known, self._keys, plan, asked, {}, head.values)
        self._counts = [held.get(tile, _NONE) for tile in head.tiles.tolist()]

    def add(self, values: Iterable[Any], times: ArrayLike, frontier: int) -> dict[tuple[int, bytes], bytes]:
        """Count events at their ``times``, microseconds; the records that change.

        ``frontier`` is the highest applied event time, these events' among them: what no read after it covers is not counted.
        """
        tiles = np.asarray(times, np.int64) // self._plan.hop
        counted = tiles >= self._plan.start(frontier + 1) // self._plan.hop
        if not counted.any():
            return {}
        ids, known = self._places, len(self._places)
        met = (value for value, counts in zip(values, counted.tolist(), strict=True) if counts)
        places = np.array([ids.setdefault(value, len(ids)) for value in met], np.int64)
        tiles, changed = tiles[counted], list[tuple[int, int]]()
        for tile in np.unique(tiles).tolist():
            slot, mine = tile % self._plan.slots, places[tiles == tile]
            before = self._counts[slot] if self._tiles[slot] == tile else _NONE
            self._counts[slot] = longer(before, len(ids))
            np.add.at(self._counts[slot], mine, 1)
            self._tiles[slot] = tile
            self._versions[slot] += 1
            changed += [(slot, page) for page in np.unique(mine // PAGE).tolist()]
        self._pages = longer(self._pages, pages_of(len(ids)))
        self._pages[np.unique(places // PAGE)] += 1
        head = _Head(self._epoch, len(ids), self._tiles, self._versions, self._pages)
        out = {(GROUP, self._keys.head): head.packed()}
        for slot, page in changed:
            part = self._counts[slot][page * PAGE : (page + 1) * PAGE]
            out[GROUP, self._keys.of(slot, page)] = packed(np.concatenate([self._tiles[slot, None], part]))
        return out | fresh_values(self._keys, ids, known)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a reader knows: a head, its tiles' counts, and their sums from the tile ``first`` on."""

    head: _Head
    tiles: Mapping[int, Ints]
    first: int
    sums: Ints
    found: Counts = field(default_factory=lambda: Counts(0, [], np.zeros(0)))


class TrendReader:
    """A reader's side: what was read before is read again only where it changed. Any number of threads may ask."""

    def __init__(self, plan: TrendPlan) -> None:
        self._plan, self._keys = plan, _keys(plan)
        none = _Head(0, 0, np.full(plan.slots, _NO_TILE), np.zeros(plan.slots, np.int64), _NONE)
        self._last = _Seen(none, {}, 0, _NONE)

    @property
    def newest(self) -> Counts:
        """As of the read that came last: what is known without asking the store."""
        return self._last.found

    def at(self, snapshot: Snapshot, t: int) -> Counts:
        """The counts in the window before ``t`` as of a snapshot, t after its frontier; in the tiles as last read where
        the store stopped answering.
        """
        newest, first = self._last, self._plan.start(t) // self._plan.hop
        last, known = newest, snapshot.records
        head = _Head.read(known, self._keys, self._plan.slots)
        if head.epoch != last.head.epoch:
            none = last.head._replace(epoch=head.epoch, values=0, versions=head.versions * 0, pages=_NONE)
            last = _Seen(none, {}, first, _NONE)
        same = _same(head, last.head)
        if same and first == last.first:
            return last.found
        tiles = last.tiles if same else self._tiles(known, head, last)
        sums = _sums(head.values, first, tiles, last)
        values = values_after(known, self._keys, last.found.values, head.values)
        if snapshot.degraded:  # records of several commits, perhaps: nothing to keep
            head, tiles, values = newest.head, newest.tiles, newest.found.values
            sums = _sums(head.values, first, tiles, newest)
        found = Counts(head.epoch, values, sums.astype(np.float64))
        self._last = _Seen(head, tiles, first, sums, found)
        return found

    def _tiles(self, known: Known, head: _Head, last: _Seen) -> dict[int, Ints]:
        """The counts of each tile of ``head``: of a tile held before, the pages that changed are read."""
        old = np.zeros_like(head.pages)
        common = min(len(old), len(last.head.pages))
        old[:common] = last.head.pages[:common]
        changed, every = np.flatnonzero(head.pages != old).tolist(), range(len(head.pages))
        asked = dict[int, Iterable[int]]()
        kept = dict[int, Ints]()
        for tile, version, before in zip(
            head.tiles.tolist(), head.versions.tolist(), last.head.versions.tolist(), strict=True
        ):
            if tile == _NO_TILE:
                continue
            if tile in last.tiles and version == before:
                kept[tile] = last.tiles[tile]
            else:
                asked[tile] = changed if tile in last.tiles else every
        return kept | _read_tiles(known, self._keys, self._plan, asked, last.tiles, head.values)


def _read_tiles(
    known: Known,
    keys: Keys,
    plan: TrendPlan,
    asked: Mapping[int, Iterable[int]],
    before: Mapping[int, Ints],
    n: int,
) -> dict[int, Ints]:
    """The counts (n,) of tiles: those ``before``, and of the pages asked for what their records say."""
    cells = [(tile, page) for tile, pages in asked.items() for page in pages]
    found = {tile: longer(before.get(tile, _NONE)[:n], n).copy() for tile in asked}
    words = read_words(known, [keys.of(tile % plan.slots, page) for tile, page in cells])
    for (tile, page), part in zip(cells, words, strict=True):
        counts = found[tile][page * PAGE : (page + 1) * PAGE]
        counts[:] = 0  # a record ends with the last value that was met when it was written
        if len(part) and part[0] == tile:
            counts[: len(part) - 1] = part[1 : 1 + len(counts)]
    return found


def _sums(n: int, first: int, tiles: Mapping[int, Ints], last: _Seen) -> Ints:
    """(n,): the counts in all ``tiles`` from ``first`` on, from the sums before where they began with the same tile."""
    again = first == last.first
    sums = longer(last.sums[:n], n).copy() if again else np.zeros(n, np.int64)
    before = last.tiles if again else {}
    for tile in before.keys() | tiles.keys():
        old, new = before.get(tile), tiles.get(tile)
        if tile < first or old is new:
            continue
        if old is not None:
            sums[: len(old)] -= old[:n]
        if new is not None:
            sums[: len(new)] += new[:n]
    return sums


def _same(one: _Head, other: _Head) -> bool:
    return one[:2] == other[:2] and all(map(np.array_equal, one[2:], other[2:]))


def _keys(plan: TrendPlan) -> Keys:
    return Keys(plan.stream, plan.column, plan.width, plan.hop)
