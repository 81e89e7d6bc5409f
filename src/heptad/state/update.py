"""Events into records: lifted events of many keys are merged into the tiles of their records, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from heptad.algebra.kernels.merge import insert_entry, merge_entries, merge_word
from heptad.algebra.spec import Merge
from heptad.state.layout import GroupLayout, Ints
from heptad.state.record import HEADER, damaged, locate, packed, unpacked

_HEADER = HEADER
_ADD, _LATEST, _EARLIEST = int(Merge.ADD), int(Merge.LATEST), int(Merge.EARLIEST)


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
    rings, k, m, width = len(hops), len(bounds) - 1, len(order), words.shape[1]
    flat = words.reshape(-1)
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
    moves, move_bounds = _moves(
        ring_bounds, ring_slot, ring_place, slot_words, segments, segment_bounds, event_first, entry_slots
    )
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
            coming = times[order[b]] // hop if b < end and hop > 0 else np.int64(0)
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
                if b < end and coming == here:
                    after = (here + 1) * hop
                    while b < end and (hop == 0 or times[order[b]] < after):
                        if keep:
                            _merge_event(
                                out, at, flat, order[b] * width, moves, move_bounds[r], move_bounds[r + 1]
                            )
                        b += 1
                    coming = times[order[b]] // hop if b < end and hop > 0 else np.int64(0)
                if keep:
                    at += size
                    tiles += 1
            out[head + 1 + r] = tiles
        edges[i + 1] = at
    return out[:at], edges, -1


@numba.njit(cache=True, nogil=True)
def _moves(  # type: ignore[no-untyped-def]
    ring_bounds, ring_slot, ring_place, slot_words, segments, segment_bounds, event_first, entry_slots
):  # fmt: skip
    """Per ring, what merges an event into a tile: rows of (merge, place in the tile, place in the event, count).

    A row is one word, or all entries of a segment; ``count`` is negative where the event has but one entry.
    """
    most = 0
    for slot in ring_slot:
        most += slot_words[slot]
    moves, bounds = np.empty((most, 4), np.int64), np.zeros(len(ring_bounds), np.int64)
    n = 0
    for r in range(len(ring_bounds) - 1):
        for j in range(ring_bounds[r], ring_bounds[r + 1]):
            slot = ring_slot[j]
            for s in range(segment_bounds[slot], segment_bounds[slot + 1]):
                op, first, count = segments[s, 0], segments[s, 1], segments[s, 2]
                into, source = ring_place[j] + first, event_first[slot] + first
                if op in (_LATEST, _EARLIEST):
                    moves[n] = np.array((op, into, source, -count if entry_slots[slot] else count))
                    n += 1
                    continue
                for w in range(count):
                    moves[n] = np.array((op, into + w, source + w, 1))
                    n += 1
        bounds[r + 1] = n
    return moves[:n], bounds


@numba.njit(cache=True, nogil=True)
def _merge_event(out, at, words, event, moves, start, stop):  # type: ignore[no-untyped-def]
    """Merge the event at ``words[event:]`` into the tile at ``out[at:]``."""
    for i in range(start, stop):
        op, into, source = moves[i, 0], at + moves[i, 1], event + moves[i, 2]
        if op == _ADD:
            out[into] += words[source]
        elif op in (_LATEST, _EARLIEST):
            count = moves[i, 3]
            if count < 0:
                insert_entry(out, into, words, source, -count, op)
            else:
                merge_entries(out, into, words, source, count, op == _LATEST)
        else:
            out[into] = merge_word(op, out[into], words[source])
