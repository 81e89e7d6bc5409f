"""The kernels that update and read records, held to a version in plain Python that anyone can check."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.algebra import catalogue
from heptad.algebra.spec import ABSENT, ENTRIES, ENTRY, IDENTITY, Merge, Params
from heptad.algebra.window import Window
from heptad.errors import StateError
from heptad.plan.nodes import GroupPlan, RingPlan, SlotPlan, WindowColumn
from heptad.state.layout import GroupLayout
from heptad.state.read import Query, combine, read
from heptad.state.record import HEADER, tiles_of
from heptad.state.update import update

INT64 = st.integers(-(2**63), 2**63 - 1)
REGISTERS = st.lists(st.integers(0, 127), min_size=8, max_size=8).map(
    lambda eight: int.from_bytes(bytes(eight), "little")
)


class Lifted(NamedTuple):
    """One event of one key: its time and, per slot, its words."""

    key: int
    time: int
    slots: list[list[int]]


def merged(segments, states):
    """States of one slot as one, word by word."""
    out, at = [], 0
    for segment in segments:
        parts = [state[at : at + segment.words] for state in states]
        at += segment.words
        if segment.merge in ENTRIES:
            entries = sorted(
                (
                    tuple(part[i : i + ENTRY])
                    for part in parts
                    for i in range(0, len(part), ENTRY)
                    if part[i] != ABSENT
                ),
                reverse=segment.merge is Merge.LATEST,
            )[: segment.size]
            out += [word for entry in entries for word in entry]
            out += [ABSENT] * (segment.words - len(entries) * ENTRY)
            continue
        for words in zip(*parts, strict=True) if parts else [()] * segment.words:
            match segment.merge:
                case Merge.ADD:
                    out.append((sum(words) + 2**63) % 2**64 - 2**63)
                case Merge.MIN:
                    out.append(min(words, default=IDENTITY[Merge.MIN]))
                case Merge.MAX:
                    out.append(max(words, default=IDENTITY[Merge.MAX]))
                case Merge.MAX_BYTES:
                    each = zip(*(word.to_bytes(8, "little") for word in words), strict=True)
                    out.append(int.from_bytes(bytes(map(max, each)), "little"))
    return out


def obvious_record(group, events, frontier):
    """All tiles of some events, by the record's definition."""
    words, counts = [], []
    for ring in group.rings:
        tiles = {}
        for event in events:
            tiles.setdefault(event.time // ring.hop if ring.hop else 0, []).append(event)
        if ring.hop:
            tiles = {i: t for i, t in tiles.items() if i >= (frontier + 1 - ring.retention) // ring.hop}
        counts.append(len(tiles))
        for index, inside in sorted(tiles.items()):
            words.append(index)
            for slot in ring.slots:
                words += merged(group.slots[slot].segments, [event.slots[slot] for event in inside])
    return np.array([HEADER, *counts, *words], "<i8").tobytes()


def updated(group, records, events, frontier):
    layout = GroupLayout(group)
    words = [[word for slot in event.slots for word in slot] for event in events]
    return update(
        layout,
        records,
        np.array([event.key for event in events], np.int64),
        np.array([event.time for event in events], np.int64),
        np.array(words, np.int64).reshape(-1, layout.words),
        frontier,
    )


def params(n):
    """The parameters of any aggregation, none of them with a large state."""
    few = dict(precision=4, vocabulary=("a", "b"), low=0.0, high=4.0, unit=1.0, bits=2)
    return Params(n=n, **few)


@st.composite
def groups(draw):
    names = st.sampled_from(catalogue.names())
    slots = [
        SlotPlan(draw(names), None, params(draw(st.integers(1, 3))), None)
        for _ in range(draw(st.integers(1, 4)))
    ]
    hops = draw(st.lists(st.sampled_from([None, 1, 2, 5, 7]), min_size=1, max_size=3, unique=True))
    rings = []
    for hop in hops:
        inside = draw(st.lists(st.integers(0, len(slots) - 1), min_size=1, unique=True))
        rings.append(RingPlan(hop, hop and hop + draw(st.integers(hop, 20)), tuple(inside)))
    return GroupPlan("Stream", ("key",), None, tuple(slots), tuple(rings))


@st.composite
def lifted(draw, group, key, times=st.integers(-40, 40)):
    time = draw(times)
    slots = []
    for slot in group.slots:
        words = []
        for segment in slot.segments:
            if segment.merge not in ENTRIES:
                one = REGISTERS if segment.merge is Merge.MAX_BYTES else INT64
                words += draw(st.lists(one, min_size=segment.size, max_size=segment.size))
                continue
            counts = draw(st.booleans())
            entry = [time, draw(st.integers(-2, 2)), draw(st.integers(-2, 2))] if counts else [ABSENT] * ENTRY
            words += entry + [ABSENT] * (segment.words - ENTRY)
        slots.append(words)
    return Lifted(key, time, slots)


@st.composite
def histories(draw, keys=3):
    """A group and events of some keys, in the order they are applied."""
    group = draw(groups())
    events = draw(st.lists(st.integers(0, keys - 1).flatmap(lambda k: lifted(group, k)), max_size=12))
    return group, events


@given(histories(), st.data())
def test_any_batches_of_any_order_make_the_obvious_record(history, data):
    group, events = history
    records, frontier, done = [None, b"", None], -(10**6), 0
    while done < len(events):
        batch = events[done : done + data.draw(st.integers(1, 5))]
        frontier, done = max([frontier] + [event.time for event in batch]), done + len(batch)
        records = updated(group, records, data.draw(st.permutations(batch)), frontier)
    records = updated(group, records, [], frontier)
    for key, record in enumerate(records):
        assert record == obvious_record(group, [e for e in events if e.key == key], frontier)


@st.composite
def windows(draw, ring, frontier):
    if ring.hop is None:
        return Window(None)
    room = ring.retention - ring.hop
    width = draw(st.integers(ring.hop, room))
    return Window(width, draw(st.integers(0, room - width)), ring.hop)


@given(histories(), st.data())
def test_a_read_merges_the_events_of_its_windows(history, data):
    group, events = history
    frontier = max((event.time for event in events), default=0)
    records = updated(group, [None] * 3, events, frontier)
    t = frontier + 1 + data.draw(st.integers(0, 30))
    columns = []
    for _ in range(data.draw(st.integers(1, 5))):
        r = data.draw(st.integers(0, len(group.rings) - 1))
        slot = data.draw(st.sampled_from(group.rings[r].slots))
        columns.append(WindowColumn(0, slot, r, data.draw(windows(group.rings[r], frontier)), "count"))
    query = Query(GroupLayout(group), tuple(columns))
    asked = data.draw(st.lists(st.integers(0, 3), max_size=5))
    words = read(query, [(*records, None)[key] for key in asked], t)
    assert words.shape == (len(asked), len(query.blank))

    def expected(keys):
        return [
            merged(
                group.slots[column.slot].segments,
                [
                    event.slots[column.slot]
                    for key in keys
                    for event in events
                    if event.key == key and column.window.start(t) <= event.time < column.window.end(t)
                ],
            )
            for column in columns
        ]

    for row, key in zip(words, asked, strict=True):
        assert [row[part].tolist() for part in query.slices] == expected([key])
    lists = data.draw(st.lists(st.lists(st.integers(0, 3), unique=True), max_size=4))
    all_words = read(query, [*records, None], t)
    bounds = np.cumsum([0] + [len(keys) for keys in lists])
    members = np.array([key for keys in lists for key in keys], np.int64)
    for row, keys in zip(combine(query, all_words, members, bounds), lists, strict=True):
        assert [row[part].tolist() for part in query.slices] == expected(keys)


COUNTS = GroupPlan("S", ("k",), None, (SlotPlan("count", None, Params(), None),), (RingPlan(10, 40, (0,)),))


@pytest.mark.parametrize(
    ("time", "index"), [(-11, -2), (-10, -1), (-1, -1), (0, 0), (9, 0), (10, 1), (-(2**62), -(2**62) // 10)]
)
def test_an_event_lies_in_the_tile_that_begins_at_or_before_it(time, index):
    (record,) = updated(COUNTS, [None], [Lifted(0, time, [[1]])], time)
    assert [[tile.place for tile in ring] for ring in tiles_of(record, GroupLayout(COUNTS))] == [[index]]


def test_the_edge_of_retention_is_kept_and_the_tile_before_it_is_dropped():
    events = [Lifted(0, time, [[1]]) for time in (0, 9, 10, 50)]
    (kept,) = updated(COUNTS, [None], events, 48)  # a read at 49 may start at floor((49 - 40) / 10) = 0
    assert [tile.place for tile in tiles_of(kept, GroupLayout(COUNTS))[0]] == [0, 1, 5]
    (kept,) = updated(COUNTS, [kept], [], 49)
    assert [tile.place for tile in tiles_of(kept, GroupLayout(COUNTS))[0]] == [1, 5]
    (late,) = updated(COUNTS, [kept], [Lifted(0, 5, [[1]])], 49)
    assert late == kept


RECORD = updated(COUNTS, [None], [Lifted(0, 5, [[1]])], 5)[0]


@pytest.mark.parametrize(
    "damaged",
    [
        b"12345678" + RECORD[8:], RECORD[:-8], RECORD + b"\0" * 8, RECORD[:8], RECORD[:-1],
        RECORD[:8] + (-1).to_bytes(8, "little", signed=True) + RECORD[16:],
        RECORD[:8] + (2**62).to_bytes(8, "little") + RECORD[16:],
    ],
    ids=["header", "cut", "longer", "only a header", "odd length", "negative count", "huge count"],
)  # fmt: skip
def test_a_damaged_record_is_refused_and_not_guessed_at(damaged):
    layout = GroupLayout(COUNTS)
    query = Query(layout, (WindowColumn(0, 0, 0, Window(10, 0, 10), "count"),))
    with pytest.raises(StateError, match="rebuilt from the log"):
        read(query, [RECORD, damaged], 6)
    with pytest.raises(StateError, match="rebuilt from the log"):
        updated(COUNTS, [RECORD, damaged], [Lifted(0, 5, [[1]])], 5)
