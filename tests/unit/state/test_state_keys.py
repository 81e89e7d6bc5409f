"""Different keys have different bytes, equal keys equal ones, whatever array they come in."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import StateError
from heptad.state.keys import LIMIT, distinct, encode, encode_columns

PARTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.text(min_size=400, max_size=600))
KEYS = st.lists(PARTS, min_size=1, max_size=3).map(tuple)


@given(KEYS, KEYS)
def test_bytes_are_equal_exactly_where_keys_are(a, b):
    assert (encode(a) == encode(b)) == (a == b)
    assert max(len(encode(a)), len(encode(b))) <= LIMIT


@given(st.lists(st.tuples(PARTS, PARTS), max_size=5))
def test_columns_give_the_bytes_of_their_rows(rows):
    columns = [np.fromiter((row[i] for row in rows), object, len(rows)) for i in range(2)]
    assert encode_columns(columns) == [encode(row) for row in rows]


def test_an_array_of_integers_gives_the_bytes_of_python_integers():
    values = [0, 1, -1, 2**63 - 1, -(2**63)]
    assert encode_columns([np.array(values, np.int64)]) == [encode((value,)) for value in values]
    numpy_objects = np.array([np.int64(5), np.str_("x")], object)
    assert encode_columns([numpy_objects]) == [encode((5,)), encode(("x",))]


@pytest.mark.parametrize(
    ("key", "expected"),
    [((1,), "9101"), (("1",), "91a131"), ((1, "a"), "9201a161"), ((-1,), "91ff"), ((2**62,), "91cf4000000000000000")],
)  # fmt: skip
def test_the_bytes_of_a_key_never_change(key, expected):
    assert encode(key).hex() == expected


def test_a_long_key_is_a_tag_and_a_hash():
    assert len(encode(("x" * (LIMIT - 4),))) == LIMIT
    assert encode(("x" * (LIMIT - 4),))[:1] != b"\xc1"
    packed = bytes.fromhex("91da01f1") + b"x" * 497  # an array of one, a text of 497 bytes
    assert encode(("x" * 497,)) == b"\xc1" + hashlib.blake2b(packed, digest_size=32).digest()


def test_a_key_of_another_type_is_refused():
    with pytest.raises(StateError, match="ints and texts"):
        encode((object(),))


def test_distinct_keys_in_order_of_appearance():
    keys, of = distinct([b"b", b"a", b"b"])
    assert (keys, of.tolist()) == ([b"b", b"a"], [0, 1, 0])
