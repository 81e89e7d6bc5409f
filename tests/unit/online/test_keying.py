"""Rows are keyed by distinct key, read once, and come back as they were asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.algebra.spec import Params
from heptad.algebra.window import Window
from heptad.declare.types import Kind
from heptad.online import keying
from heptad.online.keying import code, keyed
from heptad.plan.batch import Different, column_of
from heptad.plan.nodes import GroupPlan, RingPlan, SlotPlan, WindowColumn
from heptad.state.keys import encode
from heptad.state.layout import GroupLayout
from heptad.state.read import Query

GROUP = GroupPlan(
    "S", ("k",), None, (SlotPlan("count", None, Params(), None),), (RingPlan(None, None, (0,)),)
)
QUERY = Query(GroupLayout(GROUP), (WindowColumn(0, 0, 0, Window(None), "count"),))

IDS = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from(["a", "1"]))
LISTS = st.one_of(st.none(), st.lists(st.sampled_from("xyz"), max_size=4))


def rows_of(found, words):
    """The count each row reads, as a reader finalizes and spreads it."""
    states = QUERY.together.ready(found.states(QUERY, words, QUERY.blank))
    (values,) = QUERY.together(states, 0, of=found.of)
    return values.tolist()


def all_of(found):
    return found.keys(range(len(found.values)))


def counts_of(keys):
    """A state per key that says which key it is: hundreds for the first, thousands for the second."""
    return np.array([[10 ** (i + 2)] for i in range(len(keys.values))], np.int64).reshape(-1, 1)


@given(st.lists(st.tuples(IDS, IDS), max_size=8))
def test_rows_read_the_state_of_their_key_and_nulls_read_nothing(rows):
    columns = [column_of([row[i] for row in rows], Kind.ID) for i in range(2)]
    found = keyed([code(column) for column in columns], None, len(rows))
    words = counts_of(found)
    places = {key: i for i, key in enumerate(all_of(found))}
    assert places.keys() == {encode(row) for row in rows if None not in row}
    expected = [0 if None in row else words[places[encode(row)], 0] for row in rows]
    assert rows_of(found, words) == expected


@given(st.lists(st.tuples(IDS, LISTS), max_size=8), st.booleans())
def test_rows_with_a_list_read_all_its_elements_once(rows, list_first):
    columns = [column_of([row[0] for row in rows], Kind.ID), column_of([row[1] for row in rows], Kind.TEXTS)]
    coded = [code(column) for column in (columns[::-1] if list_first else columns)]
    found = keyed(coded, 0 if list_first else 1, len(rows))

    def elements(row):
        pairs = [] if None in row else [(row[0], element) for element in dict.fromkeys(row[1])]
        return [pair[::-1] for pair in pairs] if list_first else pairs

    words = counts_of(found)
    places = {key: i for i, key in enumerate(all_of(found))}
    assert places.keys() == {encode(pair) for row in rows for pair in elements(row)}
    expected = [sum(int(words[places[encode(pair)], 0]) for pair in elements(row)) for row in rows]
    assert rows_of(found, words) == expected


def test_one_user_among_many_rows_is_one_key():
    found = keyed([code(column_of([7] * 500, Kind.ID))], None, 500)
    assert all_of(found) == [encode((7,))]
    assert rows_of(found, np.array([[3]])) == [3] * 500


def test_tuples_of_many_columns_of_many_values_stay_apart(monkeypatch):
    """Where one integer cannot hold every tuple there might be, the tuples there are get numbers of their own."""
    monkeypatch.setattr(keying, "_ROOM", 20)
    rows = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
    found = keyed([code(column_of([row[i] for row in rows], Kind.ID)) for i in range(3)], None, len(rows))
    assert [all_of(found)[place] for place in found.of] == [encode(row) for row in rows]


@given(
    st.one_of(
        st.lists(st.integers(-9, 9), unique=True), st.lists(st.sampled_from([1, 2, "a", "1"]), unique=True)
    )
)
def test_rows_said_to_be_different_are_coded_as_if_nobody_had_said_it(ids):
    column = column_of(ids, Kind.ID)
    found, expected = code(Different(*column)), code(column)
    assert list(found.values) == list(expected.values)
    assert type(found.values) is type(expected.values)
    assert found.every(len(ids)).tolist() == expected.every(len(ids)).tolist()
