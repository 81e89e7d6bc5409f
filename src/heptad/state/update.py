"""Events into records: lifted events of many keys are merged into the tiles of their records, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from heptad.algebra.kernels.merge import merge
from heptad.state.layout import GroupLayout, Ints
from heptad.state.record import HEADER, damaged, locate, packed, unpacked

_HEADER = HEADER


def update(
    layout: GroupLayout, old: Sequence[bytes | None], of: Ints, times: Ints, words: Ints, frontier: int
) -> list[bytes]:
    """The k records ``old`` after m events: event i, at times[i] with words[i], belongs to record ``of[i]``.

    ``of`` and ``times`` are (m,), ``words`` (m, layout.words) as `plan.lift` makes them; any order, late
    ones too. ``frontier`` is the highest applied event time after these events: tiles that no read after it
    can reach are dropped. Raises StateError where an old record is damaged.
    """
    order = np.argsort(of, kind="stable")
    buffer, bounds = packed(old)
    lifted = np.ascontiguousarray(words[order]).reshape(-1)
    out, edges, bad = _update_records(
        buffer, bounds, of[order], times[order], lifted, *layout.tables, np.int64(frontier)
    )
    if bad >= 0:
        damaged(f"{len(old[bad] or b'')} other bytes")
    return unpacked(out, edges)


@numba.njit(cache=True, nogil=True)
def _update_records(  # type: ignore[no-untyped-def]
    buffer, bounds, of, times, words,
    hops, retention, tile_words, ring_bounds, ring_slot, ring_place, slot_first, slot_words, segments,
    segment_bounds, identity, frontier,
):  # fmt: skip
    """New words, their bounds, and the first damaged record (-1 for none). ``of`` ascends."""
    rings, k, m = len(hops), len(bounds) - 1, len(of)
    width = len(identity)
    out = np.empty(len(buffer) + k * (1 + rings) + m * tile_words.sum(), np.int64)
    edges = np.zeros(k + 1, np.int64)
    firsts, counts = np.zeros(rings, np.int64), np.zeros(rings, np.int64)
    at = e0 = e1 = 0
    for i in range(k):
        e0 = e1
        while e1 < m and of[e1] == i:
            e1 += 1
        counts[:] = 0
        if bounds[i + 1] > bounds[i] and not locate(
            buffer, bounds[i], bounds[i + 1], tile_words, firsts, counts
        ):
            return out[:0], edges, i
        head = at
        out[head] = _HEADER
        at += 1 + rings
        for r in range(rings):
            hop = hops[r]
            index = times[e0:e1] // hop if hop > 0 else np.zeros(e1 - e0, np.int64)
            order = np.argsort(index)
            oldest = (frontier + 1 - retention[r]) // hop if hop > 0 else np.int64(0)
            size, tiles = tile_words[r], 0
            a, b = 0, 0
            while a < counts[r] or b < len(order):
                # the next tile is the lesser of the next old one and the next event's
                if a < counts[r]:
                    here = buffer[firsts[r] + a * size]
                    if b < len(order):
                        here = min(here, index[order[b]])
                else:
                    here = index[order[b]]
                keep = here >= oldest
                is_old = a < counts[r] and buffer[firsts[r] + a * size] == here
                if keep:
                    out[at] = here
                    for j in range(ring_bounds[r], ring_bounds[r + 1]):
                        slot, place = ring_slot[j], ring_place[j]
                        source = firsts[r] + a * size + place
                        for w in range(slot_words[slot]):
                            out[at + place + w] = (
                                buffer[source + w] if is_old else identity[slot_first[slot] + w]
                            )
                if is_old:
                    a += 1
                while b < len(order) and index[order[b]] == here:
                    if keep:
                        event = (e0 + order[b]) * width
                        for j in range(ring_bounds[r], ring_bounds[r + 1]):
                            slot = ring_slot[j]
                            rows = segments[segment_bounds[slot] : segment_bounds[slot + 1]]
                            merge(out, at + ring_place[j], words, event + slot_first[slot], rows)
                    b += 1
                if keep:
                    at += size
                    tiles += 1
            out[head + 1 + r] = tiles
        edges[i + 1] = at
    return out[:at], edges, -1
