"""What clients send, checked against the plan's columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.plan.batch import column_of
from heptad.plan.nodes import FieldPlan
from heptad.serving.values import blank, checked, context_of, entity_columns, repeated

FIELDS = {
    name: FieldPlan(name, kind, Role.VALUE, True)
    for name, kind in {"user": Kind.ID, "tags": Kind.TEXTS, "price": Kind.FLOAT}.items()
}


@pytest.mark.parametrize(
    ("value", "kind", "held"),
    [
        (None, Kind.INT, None),
        (3, Kind.FLOAT, 3.0),
        ("x", Kind.ID, "x"),
        (7, Kind.ID, 7),
        (["a"], Kind.TEXTS, ["a"]),
        ("1970-01-01T00:00:01Z", Kind.TIME, 1_000_000),
        (True, Kind.BOOL, True),
    ],
)
def test_a_value_is_held_as_its_kind_is(value, kind, held):
    found = checked("x", value, kind)
    assert found == held
    assert type(found) is type(held)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, Kind.ID),
        (1.5, Kind.INT),
        ("1.5", Kind.FLOAT),
        (2**63, Kind.ID),
        (1, Kind.TEXT),
        ([1], Kind.TEXTS),
        ("yesterday", Kind.TIME),
        ("2026-01-01T00:00:00", Kind.TIME),
    ],
)
def test_a_value_of_another_kind_is_named(value, kind):
    with pytest.raises(DataError, match="colour"):
        checked("colour", value, kind)


def test_columns_of_one_value():
    column = repeated(("a", "b"), Kind.TEXTS, 2)
    assert column.values.tolist() == [("a", "b"), ("a", "b")]
    assert not blank(Kind.ID, 3).valid.any()
    assert repeated(5, Kind.ID, 2).values.dtype == np.int64


@given(
    st.sampled_from(
        [
            *[(value, Kind.ID) for value in (7, "x")],
            *[(value, Kind.FLOAT) for value in (-0.0, 1.5, math.nan)],
            *[(3, Kind.INT), (True, Kind.BOOL), (0, Kind.TIME), ("y", Kind.TEXT), (b"12345678", Kind.VECTOR)],
            *[(("a", "b"), Kind.TEXTS), ((), Kind.TEXTS)],
            *[(None, kind) for kind in Kind],
        ]
    ),
    st.integers(0, 5),
)
def test_one_value_lies_under_all_rows_as_numpy_broadcasts_it(sent, n):
    for found, one in zip(repeated(*sent, n), column_of([sent[0]], sent[1]), strict=True):
        expected = np.broadcast_to(one, n)
        assert found.tolist() == expected.tolist()
        assert (found.dtype, found.shape, found.strides) == (expected.dtype, expected.shape, expected.strides)
        assert not found.flags.writeable


def test_entities_are_lists_or_stand_for_all_rows():
    columns, n = entity_columns({"user": 1, "price": [1.0, None], "tags": ["a", "b"]}, FIELDS, 10)
    assert n == 2
    assert columns["user"].values.tolist() == [1, 1]
    assert columns["price"].valid.tolist() == [True, False]
    assert columns["tags"].values.tolist() == [("a", "b"), ("a", "b")]
    columns, n = entity_columns({"tags": [["a"], []], "user": None}, FIELDS, 10)
    assert n == 2
    assert columns["tags"].values.tolist() == [("a",), ()]
    assert entity_columns({"user": 1}, FIELDS, 10)[1] == 1
    assert entity_columns({"user": []}, FIELDS, 10)[1] == 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"user": [1, 2], "price": [1.0]}, "one length"),
        ({"user": [1] * 11}, "at most 10"),
        ({"user": [1, 2.5]}, "user"),
    ],
)
def test_entities_a_client_must_mend(given, named):
    with pytest.raises(DataError, match=named):
        entity_columns(given, FIELDS, 10)


def test_context_is_what_features_need_and_nothing_unknown():
    assert context_of({"price": 2}, FIELDS, ["price"]) == {"price": 2.0}
    with pytest.raises(DataError, match=r"context\.price"):
        context_of({}, FIELDS, ["price"])
    with pytest.raises(DataError, match=r"context\.colour"):
        context_of({"colour": 1}, FIELDS, [])
