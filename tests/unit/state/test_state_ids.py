"""Blocks of remembered ids: golden words, few blocks, nothing within lateness lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.plan.batch import column_of
from heptad.state.ids import JOINING, Blocks, unpacked, words_of


def test_golden_words():
    assert words_of(column_of([5, -(2**63) + 1], Kind.ID)).tolist() == [[5, 0], [-(2**63) + 1, 0]]
    mixed = words_of(column_of([5, "5", "Größe"], Kind.ID)).tolist()
    assert mixed == [[5, 0], GOLDEN[0], GOLDEN[1]]
    assert all(second & 1 for _, second in mixed[1:])


GOLDEN = [[6923025427912786961, -3768756511556878271], [-6743259752624799942, -984348096453198533]]


def rows(times):
    return np.array([[7, 0, time, 1] for time in times], np.int64).reshape(-1, 4)


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 3)), max_size=30))
def test_what_is_within_lateness_is_held_and_comes_back(commits):
    blocks, held, expected, oldest = Blocks({}), {}, [], 0
    for number, (times, step) in enumerate(commits):
        oldest += step
        fresh = [oldest - 2 + time for time in times]
        added, dropped = blocks.change({"S": rows(fresh)} if fresh else {}, {"S": oldest})
        assert not added.keys() & set(dropped)
        for name in dropped:
            del held[name]
        held |= added
        expected = [time for time in [*expected, *fresh] if time >= oldest]
        if number % 3 == 0:
            blocks = Blocks(held)
        found = sorted(t for block in held.values() for t in unpacked(block)[:, 2].tolist() if t >= oldest)
        assert found == sorted(expected)
        assert sorted(t for t in blocks.rows("S")[:, 2].tolist() if t >= oldest) == found


def test_blocks_stay_few_and_small_where_ids_come_one_by_one():
    blocks, held, written = Blocks({}), {}, 0
    n = 2 * JOINING
    for time in range(n):
        added, dropped = blocks.change({"S": rows([time])}, {"S": 0})
        for name in dropped:
            del held[name]
        held |= added
        written += sum(len(block) // 32 for block in added.values())
    assert sum(len(block) // 32 for block in held.values()) == n
    assert max(len(block) // 32 for block in held.values()) <= JOINING
    assert len(held) <= 2
    assert written <= 14 * n  # the logarithm of a block's size, and one


def test_a_block_that_is_none_is_refused():
    with pytest.raises(StateError, match="32 bytes"):
        unpacked(b"x" * 31)
