"""Sweeps and tree against the obvious: a loop over the events of each window, on arrays longer than a block."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.algebra.kernels.merge import identity, layout, merge
from heptad.algebra.spec import ABSENT, Merge, Segment
from heptad.offline.engines import kernels, tree
from heptad.offline.engines.deal import deal
from heptad.offline.engines.extremes import extremes
from heptad.offline.engines.keys import codes
from heptad.offline.engines.order import arrange
from heptad.offline.engines.threads import Crew
from heptad.offline.engines.unknown import MANY, holes


class Case(NamedTuple):
    key: np.ndarray  #: of each event, sorted
    time: np.ndarray
    tie: np.ndarray
    offset: np.ndarray
    value: np.ndarray
    starts: np.ndarray
    read_key: np.ndarray
    low: np.ndarray
    high: np.ndarray
    o: np.ndarray


@st.composite
def cases(draw) -> Case:
    """Up to 300 events of 3 keys in few instants, and windows of 0 to 40 instants in (key, time) order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, m = draw(st.integers(0, 300)), draw(st.integers(0, 40))
    key = np.sort(rng.integers(0, 3, n))
    time = rng.integers(0, draw(st.sampled_from((5, 50, 500))), n)
    tie = rng.permutation(n)
    order = np.lexsort((tie, time, key))
    key, time, tie = key[order], time[order], tie[order]
    read_key, head = np.sort(rng.integers(0, 3, m)), rng.integers(0, 510, m)
    order = np.lexsort((head, read_key))
    read_key, head = read_key[order], head[order]
    tail = head - draw(st.sampled_from((0, 1, 7, 40, 1000)))
    starts = np.searchsorted(key, np.arange(4))
    low = kernels.edges(time, starts, read_key, tail)
    high = kernels.edges(time, starts, read_key, head)
    for j in range(m):
        mine = np.flatnonzero(key == read_key[j])
        assert low[j] == starts[read_key[j]] + (time[mine] < tail[j]).sum()
        assert high[j] == starts[read_key[j]] + (time[mine] < head[j]).sum()
    offset = (
        rng.permutation(n) if draw(st.booleans()) else np.argsort(np.argsort(time + rng.integers(0, 9, n)))
    )
    value = rng.integers(-5, 5, n) * draw(st.sampled_from((1, 2**61)))
    o = rng.integers(0, n + 1, m)
    return Case(key, time, tie, offset, value, starts, read_key, low, high, o)


SEGMENTS = (Segment(Merge.LATEST, 3), Segment(Merge.ADD, 1), Segment(Merge.MIN, 1), Segment(Merge.MAX, 1))
FULL, NOTHING = layout(SEGMENTS), identity(SEGMENTS)
NO_HOLES = np.empty((0, 0), np.int64), np.empty(0, np.int64)
COMPACT = np.array([[3, 0, 3], [0, 3, 1], [1, 4, 1], [2, 5, 1]])


def compact_words(case: Case) -> np.ndarray:
    """Every third event does not count for LATEST."""
    value = case.value
    words = np.stack([case.time, case.tie, value, value, value, value], axis=1)
    words[case.tie % 3 == 0, :3] = ABSENT
    return words


def obvious(case: Case, words: np.ndarray, o: np.ndarray) -> np.ndarray:
    out = np.tile(NOTHING, (len(case.low), 1))
    for j in range(len(case.low)):
        for i in range(case.low[j], case.high[j]):
            if case.offset[i] < o[j]:
                one = NOTHING.copy()
                tree.expand(one, words, i, FULL, COMPACT)
                merge(out[j], 0, one, 0, FULL)
    return out


@given(cases())
def test_sweeps_merge_what_is_in_the_window(case):
    words = compact_words(case)
    out = np.tile(NOTHING, (2, len(case.low), 1))
    low, high = (
        np.stack([case.low, case.high]),
        np.stack([case.high, case.high]),
    )  # the second window is empty
    kernels.entries(words, 0, True, low, high, *NO_HOLES, out, 0, 3)
    kernels.add(words, 3, low, high, *NO_HOLES, out, 9)
    extremes(words, 4, False, low, high, *NO_HOLES, out, 10)
    extremes(words, 5, True, low, high, *NO_HOLES, out, 11)
    everything = np.full(len(case.low), len(words))
    np.testing.assert_array_equal(out[0], obvious(case, words, everything))
    np.testing.assert_array_equal(out[1], np.tile(NOTHING, (len(case.low), 1)))


@given(cases())
def test_the_oldest_entries_come_first(case):
    words, out = compact_words(case), np.full((1, len(case.low), 6), ABSENT)
    kernels.entries(words, 0, False, case.low[None], case.high[None], *NO_HOLES, out, 0, 2)
    for j in range(len(case.low)):
        held = [row[:3].tolist() for row in words[case.low[j] : case.high[j]] if row[0] != ABSENT][:2]
        assert out[0, j].reshape(2, 3)[: len(held)].tolist() == held
        assert (out[0, j, 3 * len(held) :] == ABSENT).all()


def test_sums_of_words_that_are_alike_are_counted():
    out = np.zeros((1, 2, 1), np.int64)
    kernels.add(np.full((5, 1), -3), 0, np.array([[0, 2]]), np.array([[5, 3]]), *NO_HOLES, out, 0)
    assert out.tolist() == [[[-15], [-3]]]


@pytest.mark.parametrize("greatest", [True, False])
def test_extremes_of_windows_of_any_length(greatest):
    rng = np.random.default_rng(3)
    words = rng.integers(-(2**63), 2**63 - 1, (700, 1), dtype=np.int64)
    low = rng.integers(0, 701, (3, 400))
    high = np.minimum(700, low + rng.integers(0, [[5], [40], [700]], (3, 400)))
    out = np.empty((3, 400, 1), np.int64)
    extremes(words, 0, greatest, low, high, *NO_HOLES, out, 0)
    empty, take = (-(2**63), max) if greatest else (2**63 - 1, min)
    for w, j in np.ndindex(3, 400):
        assert out[w, j, 0] == take(words[low[w, j] : high[w, j], 0].tolist(), default=empty)


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(-3, 3), st.integers(0, 3)), max_size=300),
    st.booleans(),
)
def test_rows_are_arranged_by_code_time_and_tie(rows, nearly):
    if nearly:
        rows.sort(key=lambda row: row[1])
        rows[len(rows) // 2 :] = reversed(rows[len(rows) // 2 :])
    code, time, tie = (np.array([row[k] for row in rows], np.int64) for k in range(3))
    order, starts = arrange(np.where(code < 0, -1, code + 7), 7, 3, time, tie)
    wanted = np.lexsort((tie, time, code))  # both are stable
    assert order.tolist() == wanted[code[wanted] >= 0].tolist()
    assert starts.tolist() == np.searchsorted(np.sort(code[code >= 0]), range(4)).tolist()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [1, 1000, 10**9])
def test_dealt_rows_keep_their_order_and_no_key_is_split(size, threads):
    rng = np.random.default_rng(size)
    n, codes_of = 20_000, [rng.integers(-1, 20_000, rows) for rows in (150_000, 0, 10)]
    with Crew(threads) as crew:
        chunks, dealt = deal(codes_of, n, size, crew)
        assert chunks.first[0] == 0
        assert chunks.first[-1] == n
        for held, one in zip(codes_of, dealt, strict=True):
            assert one.whole == (size == 10**9)
            if one.whole:  # one chunk, nothing is moved
                assert one.move(held, crew).tolist() == held.tolist()
                assert one.starts.tolist() == [0, len(held)]
                continue
            chunk = np.searchsorted(chunks.first, held, side="right") - 1
            wanted = np.flatnonzero(held >= 0)
            wanted = wanted[np.argsort(chunk[wanted], kind="stable")]
            assert one.move(np.arange(len(held)), crew).tolist() == wanted.tolist()
            assert one.starts.tolist() == np.searchsorted(chunk[wanted], range(len(chunks.first))).tolist()


def test_codes_of_integers_far_apart_and_at_the_ends():
    ends = np.array([-(2**63), 2**63 - 1, 0, 2**63 - 1])
    found = codes([ends], [np.array([5, 2**63 - 1, -(2**63), 0, -1])])
    assert found.asked.tolist() == [0, 1, 2, 1]
    assert found.held.tolist() == [-1, 1, 0, 2, -1]
    last = codes([ends[[1, 3]]], [np.array([2**63 - 1, -(2**63), 2**63 - 2])])
    assert last.held.tolist() == [0, -1, -1]


def test_codes_are_the_same_by_many_threads():
    rng = np.random.default_rng(0)
    asked, held = rng.integers(0, 2**40, 70_000), rng.integers(0, 2**40, 140_000)
    held[::3] = rng.choice(asked, len(held[::3]))
    with Crew(3) as crew:
        assert all(map(np.array_equal, codes([asked], [held], crew)[:2], codes([asked], [held])[:2]))


@given(cases())
def test_the_tree_merges_what_was_known(case):
    words = compact_words(case)
    common = (tree.dense(words, COMPACT), case.offset, NOTHING, FULL, case.low, case.high, case.o)
    nodes = tree.build(*common[:4])
    reads, row = np.arange(0, len(case.low), 2), np.arange(len(case.low))[::-1].copy()
    want = np.full((len(case.low), len(NOTHING)), 77)
    want[::2] = obvious(case, words, case.o)[::2]
    for write in (partial(tree.scan, *common), partial(tree.query, nodes, *common)):
        out = np.full((len(case.low), len(NOTHING)), 77)
        write(reads, row, out)
        np.testing.assert_array_equal(out[::-1], want)


@pytest.mark.parametrize("most", [1, 3, MANY])
@given(case=cases())
def test_sweeps_go_around_what_a_read_does_not_know(most, case):
    firsts, none = np.zeros((1, len(case.low) + 1), np.int64), np.empty(0, np.int64)
    o = np.maximum(case.o, np.sort(case.offset)[-most:].min(initial=0))
    places, many = holes(case.offset, case.starts, case.low, case.high, o, firsts[0], none)
    for j in range(len(case.low)):
        lacking = np.arange(case.low[j], case.high[j])[case.offset[case.low[j] : case.high[j]] >= o[j]]
        assert many[j] == (len(lacking) > MANY)
        if not many[j]:
            assert places[firsts[0, j] : firsts[0, j + 1]].tolist() == lacking[::-1].tolist()
    words, out = compact_words(case), np.tile(NOTHING, (1, len(case.low), 1))
    windows = case.low[None], case.high[None], firsts, places
    kernels.entries(words, 0, True, *windows, out, 0, 3)
    kernels.add(words, 3, *windows, out, 9)
    extremes(words, 4, False, *windows, out, 10)
    extremes(words, 5, True, *windows, out, 11)
    want = obvious(case, words, o)
    np.testing.assert_array_equal(out[0][~many], want[~many])
    oldest = np.full((1, len(case.low), 6), ABSENT)
    kernels.entries(words, 0, False, *windows, oldest, 0, 2)
    for j in np.flatnonzero(~many):
        known = [i for i in range(case.low[j], case.high[j]) if case.offset[i] < o[j]]
        held = [words[i, :3].tolist() for i in known if words[i, 0] != ABSENT][:2]
        assert oldest[0, j].reshape(2, 3)[: len(held)].tolist() == held


def test_a_read_that_lacks_more_than_many_has_no_holes():
    n, firsts = MANY + 40, np.zeros(4, np.int64)
    every, o = np.arange(n), np.array([40, 39, n])
    low, high = np.zeros(3, np.int64), np.full(3, n)
    places, many = holes(every, np.array([0, n]), low, high, o, firsts, np.empty(0, np.int64))
    assert many.tolist() == [False, True, False]
    assert firsts.tolist() == [0, MANY, MANY, MANY]
    assert places[:MANY].tolist() == list(range(n - 1, 39, -1))


@given(cases())
def test_entries_are_ordered_only_as_their_events_are(case):
    words = compact_words(case)
    assert kernels.ordered(words, 0, case.time, case.tie, case.starts)
    present = np.flatnonzero(words[:, 0] != ABSENT)
    if len(present):
        words[present[-1], 0] += 1
        assert not kernels.ordered(words, 0, case.time, case.tie, case.starts)


@given(st.lists(st.integers(0, 4)))
def test_by_code_is_a_stable_sort(values):
    order, starts = kernels.by_code(np.array(values, np.int64), 5)
    assert order.tolist() == np.argsort(values, kind="stable").tolist()
    assert starts.tolist() == [sum(v < k for v in values) for k in range(6)]


NAMES = st.sampled_from((1, 2, -7, 2**63 - 1, "1", "u", "", "\ud800"))


@given(
    st.lists(st.tuples(NAMES, st.sampled_from((1, 2)), NAMES), max_size=9),
    st.lists(st.tuples(NAMES, st.sampled_from((1, 3)), NAMES), max_size=9),
    st.integers(1, 3),
)
@settings(max_examples=200)
def test_codes_are_equal_where_keys_are(asked, held, width):
    asked, held = [key[:width] for key in asked], [key[:width] for key in held]
    found = codes(columns(asked, width), columns(held, width))
    known = dict(zip(asked, found.asked.tolist(), strict=True))
    assert len(set(known.values())) == len(known)
    assert all(0 <= code < found.n for code in known.values())
    assert found.held.tolist() == [known.get(key, -1) for key in held]


def columns(keys, width):
    """int64 where all are integers, objects otherwise, as `column_of` has them."""
    out = []
    for i in range(width):
        values = [key[i] for key in keys]
        whole = all(type(value) is int for value in values)
        out.append(np.fromiter(values, np.int64 if whole else object, len(values)))
    return out


@pytest.mark.parametrize("many", [1, 40, 5000])
def test_edges_gallop_over_many_events(many):
    time = np.arange(many) * 2
    bounds = np.sort([-1, 0, 1, many - 1, many, many + 1, 2 * many, 9 * many])
    got = kernels.edges(time, np.array([0, many]), np.zeros(len(bounds), np.int64), bounds)
    assert got.tolist() == np.searchsorted(time, bounds).tolist()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3)), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_what_ascends_in_every_key_has_its_greatest_last(rows, a, b):
    rows.sort(key=lambda row: row[0])
    words = np.array([[value] for _, value in rows], np.int64).reshape(-1, 1)
    starts = np.searchsorted([key for key, _ in rows], range(4))
    keys = [[value for one, value in rows if one == key] for key in range(3)]
    assert kernels.ascending(words, 0, starts) == all(key == sorted(key) for key in keys)
    low, high = min(a, len(rows)), min(b, len(rows))
    out = np.zeros((1, 1, 1), np.int64)
    kernels.last(words, 0, np.array([[low]]), np.array([[high]]), out, 0, -7)
    assert out[0, 0, 0] == (rows[high - 1][1] if low < high else -7)
