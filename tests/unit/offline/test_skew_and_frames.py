"""Lateness skew in numbers, and training sets as Arrow, pandas and Polars."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.errors import DataError
from heptad.offline.frames import to_arrow, to_pandas, to_polars
from heptad.offline.skew import lateness_skew

NAN = float("nan")


def objects(*values):
    return np.fromiter(values, object, len(values))


def test_skew_counts_rows_and_measures_numbers():
    known = {"n": np.array([1.0, 2.0, NAN, NAN, np.inf]), "c": objects("a", None, 1, (1,), "b")}
    happened = {"n": np.array([1.0, 5.0, NAN, 1.0, np.inf]), "c": objects("a", "x", 1, (1, 2), "b")}
    got = lateness_skew(known, happened)
    assert got["n"] == (0.4, 1.0)
    assert got["c"].share == 0.4
    assert np.isnan(got["c"].mean_abs)


def test_skew_of_nothing_is_none():
    got = lateness_skew({"n": np.array([])}, {"n": np.array([])})
    assert got["n"].share == 0.0


def test_skew_refuses_other_columns_and_rows():
    with pytest.raises(DataError, match="same columns"):
        lateness_skew({"a": np.zeros(1)}, {"b": np.zeros(1)})
    with pytest.raises(DataError, match="1 rows, got 2 rows"):
        lateness_skew({"a": np.zeros(1)}, {"a": np.zeros(2)})


COLUMNS = {
    "number": np.array([1.5, NAN]),
    "text": objects("a", None),
    "id": objects(2**60, None),
    "list": objects(("a", "b"), ()),
    "floats": objects((1.0, 2.5), ()),
}
ROWS = [
    {"number": 1.5, "text": "a", "id": 2**60, "list": ["a", "b"], "floats": [1.0, 2.5]},
    {"number": None, "text": None, "id": None, "list": [], "floats": []},
]


def test_arrow_and_polars_hold_every_value():
    assert to_arrow(COLUMNS).to_pylist() == ROWS
    assert to_polars(COLUMNS).to_dicts() == ROWS


def test_pandas_holds_numbers_and_texts():
    frame = to_pandas({name: COLUMNS[name] for name in ("number", "text", "list")})
    assert frame["number"].tolist()[0] == 1.5
    assert frame["number"].isna().tolist() == [False, True]
    assert frame["text"].tolist()[0] == "a"
    assert list(frame["list"][0]) == ["a", "b"]


def test_ids_of_two_types_are_refused():
    with pytest.raises(DataError, match="make all ids texts"):
        to_arrow({"id": objects(1, "1")})
