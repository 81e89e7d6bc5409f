"""The bytes of a record, version 1: all tiles of one group for one key.

A record is a flat array of little-endian int64 words::

    word 0          the bytes "HEPTAD" and the format version as a little-endian u16 (1)
    words 1 .. R    how many tiles each of the group's R rings holds here
    then            ring after ring, the ring's tiles by ascending index, none twice; each tile is
                    its index, then the words of the ring's slots in the ring's order

The tile of an event at time t has the index floor(t / hop); in the ring of all time it is 0. What the
words of a slot mean is said by its aggregation (`algebra/aggregations`), and how they merge by its
segments. Tiles that no read can reach any more are dropped when the record is next updated. No record and
an empty record (0 bytes) mean the same: no events. Golden vectors: ``tests/unit/state/golden_records.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple, NoReturn

import numba
import numpy as np

from heptad.errors import StateError
from heptad.state.layout import GroupLayout, Ints

VERSION: Final = 1
_WORD: Final = np.dtype("<i8")
HEADER: Final = int.from_bytes(b"HEPTAD" + VERSION.to_bytes(2, "little"), "little")
_HEADER = HEADER  # numba takes module globals without annotations


class Tile(NamedTuple):
    """One tile of a record: its place in time and, per slot of its ring, the slot's words."""

    place: int
    slots: dict[int, list[int]]


def packed(records: Sequence[bytes | None]) -> tuple[Ints, Ints]:
    """Records one after the other: their words, and bounds (n + 1,) in words. A missing one is empty."""
    parts = [record or b"" for record in records]
    edges = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=edges[1:])
    if (edges & 7).any():
        damaged("a length that is no multiple of 8 bytes")
    return np.frombuffer(b"".join(parts), _WORD).astype(np.int64, copy=False), edges >> 3


def unpacked(words: Ints, bounds: Ints) -> list[bytes]:
    """The bytes of records that lie one after the other in ``words``."""
    joined = words.astype(_WORD, copy=False).tobytes()
    edges = (bounds * 8).tolist()
    return [joined[a:b] for a, b in pairwise(edges)]


def tiles_of(record: bytes | None, layout: GroupLayout) -> list[list[Tile]]:
    """The tiles of a record, ring by ring: the codec in plain Python, for people, tests and other engines."""
    group = layout.group
    if not record:
        return [[] for _ in group.rings]
    words = np.frombuffer(record, "<i8").tolist()
    if words[0] != HEADER:
        damaged(f"the header {words[0]:#x}")
    counts, at = words[1 : 1 + len(group.rings)], 1 + len(group.rings)
    out: list[list[Tile]] = []
    for ring, count in zip(group.rings, counts, strict=True):
        out.append([])
        for _ in range(count):
            place, at = words[at], at + 1
            slots: dict[int, list[int]] = {}
            for slot in ring.slots:
                width = group.slots[slot].words
                slots[slot], at = words[at : at + width], at + width
            out[-1].append(Tile(place, slots))
    if at != len(words):
        damaged(f"{len(words)} words where its counts need {at}")
    return out


def damaged(got: str) -> NoReturn:
    """Raise the StateError of a record whose bytes are not a record of this group."""
    raise StateError(
        "a record of the state", f"a record of format version {VERSION} for this plan", got,
        "delete the state and let it be rebuilt from the log",
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def locate(words, start, end, tile_words, firsts, counts):  # type: ignore[no-untyped-def]
    """Fill ``firsts`` and ``counts`` (rings,) of the record words[start:end]; whether it is a whole record."""
    rings = len(tile_words)
    if end - start < 1 + rings or words[start] != _HEADER:
        return False
    at = start + 1 + rings
    for r in range(rings):
        counts[r] = words[start + 1 + r]
        firsts[r] = at
        if counts[r] < 0 or counts[r] > end - start:
            return False
        at += counts[r] * tile_words[r]
    return at == end
