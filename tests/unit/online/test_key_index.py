"""An index of integers against a dictionary: whatever is added, forgotten and asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.online.index import Integers, Values, distinct, index_of

KEYS = st.one_of(st.integers(-5, 5), st.sampled_from([2**63 - 1, -(2**63), 2**32, 2**40, 1 << 11]))
MANY = st.lists(KEYS, unique=True, max_size=8)


@given(st.lists(st.tuples(st.sampled_from(["add", "forget", "find"]), MANY), max_size=20))
def test_integers_are_found_as_by_a_dictionary(steps):
    index, known = Integers(), Values()
    for row, (step, keys) in enumerate(steps):
        asked = np.array(keys, np.int64)
        if step == "add":
            index.add(asked, 10 * row)
            known.add(keys, 10 * row)
        elif step == "forget":
            for key in keys:
                index.forget(key)
                known.forget(key)
        else:
            found, expected = index.find(asked), known.find(keys)
            assert (found < 0).tolist() == (expected < 0).tolist()
            assert found[found >= 0].tolist() == expected[expected >= 0].tolist()


def test_an_index_grows_and_forgets_what_was_forgotten():
    index, rows = index_of(np.zeros(0, np.int64)), 5_000
    keys = np.arange(rows) * 2**34 - 7
    for first in range(0, rows, 100):
        index.add(keys[first : first + 100], first)
        index.forget(int(keys[first]))
    found = index.find(keys)
    assert (found[::100] < 0).all()
    kept = np.arange(rows) % 100 > 0
    assert np.array_equal(found[kept], np.arange(rows)[kept])
    assert (index.find(keys + 1) < 0).all()


@given(st.lists(st.one_of(st.none(), KEYS), max_size=20))
def test_distinct_integers_come_in_order_of_appearance(rows):
    valid = np.array([row is not None for row in rows], np.bool_)
    found, of = distinct(np.array([0 if row is None else row for row in rows], np.int64), valid)
    assert found.tolist() == list(dict.fromkeys(row for row in rows if row is not None))
    assert [None if place == len(found) else found[place] for place in of] == rows
