"""The encoder against a slow one that looks at a row at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, StateError
from heptad.models.encoder import Encoder

words = st.sampled_from(["a", "b", "c", "d"])
table = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-5, 5)),
        st.one_of(st.none(), words, st.integers(0, 3)),
        st.one_of(st.none(), st.lists(words, max_size=4)),
    ),
    min_size=1,
    max_size=20,
)
KINDS = {"x": "number", "c": "category", "g": "list"}


def columns(rows):
    return dict(zip("xcg", (list(column) for column in zip(*rows, strict=True)), strict=True))


@given(table, table)
def test_each_row_as_the_slow_version_sees_it(seen, new):
    encoder = Encoder.fit(columns(seen), KINDS, 7, max_categories=3, max_words=2)
    matrix = encoder.transform(columns(new))
    categories, genres = encoder.vocabularies["c"], encoder.vocabularies["g"]
    assert encoder.names == ["x", "c", *(f"g={word}" for word in genres)]
    for (x, c, g), row in zip(new, matrix.tolist(), strict=True):
        assert row[0] == pytest.approx(math.nan if x is None else x, nan_ok=True)
        assert row[1] == pytest.approx(categories.index(c) if c in categories else math.nan, nan_ok=True)
        assert row[2:] == [float(word in (g or [])) for word in genres]


@given(table)
def test_a_batch_is_its_rows(rows):
    encoder = Encoder.fit(columns(rows), KINDS, 0)
    alone = [encoder.transform(columns([row])) for row in rows]
    np.testing.assert_array_equal(encoder.transform(columns(rows)), np.vstack(alone))


@given(table, st.sets(st.sampled_from(["x", "y", "z"])))
def test_numbers_are_alike_in_lists_and_arrays(rows, arrays):
    held = columns(rows)
    data = {"x": held["x"], "c": held["c"], "y": held["x"][::-1], "g": held["g"], "z": held["x"]}
    kinds = {name: KINDS.get(name, "number") for name in data}
    encoder = Encoder.fit(data, kinds, 0)
    mixed = data | {name: np.array(data[name], np.float64) for name in arrays}
    np.testing.assert_array_equal(encoder.transform(mixed), encoder.transform(data))


@given(table)
def test_saving_and_loading_changes_nothing(tmp_path_factory, rows):
    directory = tmp_path_factory.mktemp("encoder")
    encoder = Encoder.fit(columns(rows), KINDS, 99)
    encoder.save(directory)
    again = Encoder.load(directory)
    assert again == encoder
    assert again.trained_through == 99
    np.testing.assert_array_equal(again.transform(columns(rows)), encoder.transform(columns(rows)))


def test_a_vocabulary_keeps_the_most_frequent_values():
    encoder = Encoder.fit({"c": list("zzbbac")}, {"c": "category"}, 0, max_categories=3)
    assert encoder.vocabularies == {"c": ["b", "z", "a"]}
    assert encoder.transform({"c": ["b", "z", "a", "c", None]})[:, 0].tolist()[:3] == [0, 1, 2]


def test_numpy_and_python_values_meet_in_one_vocabulary():
    encoder = Encoder.fit({"c": np.array([3, 3, 1])}, {"c": "category"}, 0)
    for column in ([1, 3], np.array([1, 3], dtype=np.int32), np.array([1.0, 3.0])):
        assert encoder.transform({"c": column})[:, 0].tolist() == [1.0, 0.0]


def test_code_columns_are_named_for_the_models():
    data = {"g": [["u", "v"]], "c": ["q"], "x": [1.0]}
    encoder = Encoder.fit(data, {"g": "list", "c": "category", "x": "number"}, 0)
    assert encoder.categorical == (2,)


def test_columns_nobody_asked_for_are_ignored():
    encoder = Encoder.fit({"x": [1.0]}, {"x": "number"}, 0)
    assert encoder.transform({"y": ["?"], "x": [2.0]}).tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("data", "kinds", "says"),
    [
        ({"x": [1.0]}, {"y": "number"}, "column 'y'"),
        ({"x": [1.0], "y": [1.0, 2.0]}, {"x": "number", "y": "number"}, "one value per row"),
        ({"x": ["one"]}, {"x": "number"}, "declare it as a category"),
        ({"x": np.zeros((1, 2))}, {"x": "number"}, "declare it as a category"),
        ({"x": [(1, 2)]}, {"x": "category"}, "convert it to text"),
        ({"x": [1.0]}, {"x": "colour"}, "name one of them"),
        ({}, {}, "declare a feature"),
    ],
)
def test_wrong_columns_are_refused(data, kinds, says):
    with pytest.raises(DataError, match=says):
        Encoder.fit(data, kinds, 0).transform(data)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "encoder.json").write_text("[1")
    with pytest.raises(StateError, match=r"encoder\.json"):
        Encoder.load(tmp_path)
