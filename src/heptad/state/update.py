"""Events into records: lifted events of many keys are merged into the tiles of their records, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from heptad.algebra.kernels.merge import insert_entry, merge
from heptad.state.layout import GroupLayout, Ints
from heptad.state.record import HEADER, damaged, locate, packed, unpacked

_HEADER = HEADER


def update(
    layout: GroupLayout, old: Sequence[bytes | None], of: Ints, times: Ints, words: Ints, frontier: int
) -> list[bytes]:
    """The k records ``old`` after m events: event i, at times[i] with words[i], belongs to record ``of[i]``.

    ``of`` and ``times`` are (m,), ``words`` (m, layout.event_words) as `plan.lift` makes them of the slots in
    ``layout.lifted``; any order, late ones too. ``frontier`` is the highest applied event time after these
    events: tiles that no read after it can reach are dropped. Raises StateError where an old record is damaged.
    """
    buffer, bounds = packed(old)
    order, event_bounds = by_record(_by_time(times), of, len(old))
    out, edges, bad = _update_records(
        buffer, bounds, event_bounds, order, times, np.ascontiguousarray(words), *layout.tables,
        *layout.event_tables, np.int64(frontier),
    )  # fmt: skip
    if bad >= 0:
        damaged(f"{len(old[bad] or b'')} other bytes")
    return unpacked(out, edges)


def _by_time(times: Ints) -> Ints:
    """The order of the events by time. Events come nearly in order: only those that lag are sorted."""
    order: Ints
    order, behind = _lagging(times)
    if len(behind) * 4 > len(times):
        order = np.argsort(times, kind="stable")
    elif len(behind):
        order = _woven(times, order, behind[np.argsort(times[behind], kind="stable")])
    return order


@numba.njit(cache=True, nogil=True)
def _lagging(times):  # type: ignore[no-untyped-def]
    """(events no older than all before them, the others)."""
    n = len(times)
    ahead, behind = np.empty(n, np.int64), np.empty(n, np.int64)
    a = b = 0
    for i in range(n):
        if a == 0 or times[i] >= times[ahead[a - 1]]:
            ahead[a] = i
            a += 1
        else:
            behind[b] = i
            b += 1
    return ahead[:a], behind[:b]


@numba.njit(cache=True, nogil=True)
def _woven(times, ahead, behind):  # type: ignore[no-untyped-def]
    """Two runs of events, each in order of time, as one."""
    out = np.empty(len(times), np.int64)
    a = b = 0
    for i in range(len(out)):
        if b == len(behind) or (a < len(ahead) and times[ahead[a]] <= times[behind[b]]):
            out[i] = ahead[a]
            a += 1
        else:
            out[i] = behind[b]
            b += 1
    return out


@numba.njit(cache=True, nogil=True)
def by_record(order, of, k):  # type: ignore[no-untyped-def]
    """The events of each record, in the given order: those of record i are out[bounds[i]:bounds[i + 1]]."""
    bounds = np.zeros(k + 1, np.int64)
    for i in range(len(of)):
        bounds[of[i] + 1] += 1
    for i in range(k):
        bounds[i + 1] += bounds[i]
    place, out = bounds[:-1].copy(), np.empty(len(order), np.int64)
    for event in order:
        record = of[event]
        out[place[record]] = event
        place[record] += 1
    return out, bounds


@numba.njit(cache=True, nogil=True)
def _update_records(  # type: ignore[no-untyped-def]
    buffer, bounds, event_bounds, order, times, words,
    hops, retention, tile_words, ring_bounds, ring_slot, ring_place, slot_first, slot_words, segments,
    segment_bounds, identity, event_first, entry_slots, frontier,
):  # fmt: skip
    """New words, their bounds, and the first damaged record (-1 for none). Events of a record ascend by time."""
    rings, k, m = len(hops), len(bounds) - 1, len(order)
    out = np.empty(len(buffer) + k * (1 + rings) + m * tile_words.sum(), np.int64)
    edges = np.zeros(k + 1, np.int64)
    firsts, counts = np.zeros(rings, np.int64), np.zeros(rings, np.int64)
    blanks, blank_at = np.empty(tile_words.sum(), np.int64), np.zeros(rings + 1, np.int64)
    for r in range(rings):  # a tile of no events
        blank_at[r + 1] = blank_at[r] + tile_words[r]
        for j in range(ring_bounds[r], ring_bounds[r + 1]):
            slot, into = ring_slot[j], blank_at[r] + ring_place[j]
            first = slot_first[slot]
            blanks[into : into + slot_words[slot]] = identity[first : first + slot_words[slot]]
    at = 0
    for i in range(k):
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
            oldest = (frontier + 1 - retention[r]) // hop if hop > 0 else np.int64(0)
            size, tiles = tile_words[r], 0
            a, b, end = 0, event_bounds[i], event_bounds[i + 1]
            coming = _tile(times, order, b, end, hop)
            while a < counts[r] or b < end:
                # the next tile is the lesser of the next old one and the next event's
                old = firsts[r] + a * size
                is_old = a < counts[r] and (b == end or buffer[old] <= coming)
                here = buffer[old] if is_old else coming
                keep = here >= oldest
                if keep and is_old:
                    for w in range(size):
                        out[at + w] = buffer[old + w]
                elif keep:
                    for w in range(size):
                        out[at + w] = blanks[blank_at[r] + w]
                    out[at] = here
                if is_old:
                    a += 1
                while b < end and coming == here:
                    if keep:
                        event = words[order[b]]
                        for j in range(ring_bounds[r], ring_bounds[r + 1]):
                            slot, into = ring_slot[j], at + ring_place[j]
                            rows = segments[segment_bounds[slot] : segment_bounds[slot + 1]]
                            if entry_slots[slot]:
                                insert_entry(out, into, event, event_first[slot], rows[0, 2], rows[0, 0])
                            else:
                                merge(out, into, event, event_first[slot], rows)
                    b += 1
                    coming = _tile(times, order, b, end, hop)
                if keep:
                    at += size
                    tiles += 1
            out[head + 1 + r] = tiles
        edges[i + 1] = at
    return out[:at], edges, -1


@numba.njit(cache=True, nogil=True)
def _tile(times, order, place, end, hop):  # type: ignore[no-untyped-def]
    """The tile of the event at a place of the order."""
    if place == end or hop == 0:
        return np.int64(0)
    return times[order[place]] // hop
