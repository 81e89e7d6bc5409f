"""Files and frames become batches: every kind, every door, and errors that name the row."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.declare.schema import Event, Table
from heptad.declare.types import Deleted, Id, Kind, Role, Time
from heptad.errors import DataError
from heptad.offline.conversion import Reading, convert
from heptad.offline.sources import read, rows_of
from heptad.plan.batch import batch_of
from heptad.plan.compile import compile_features
from heptad.plan.nodes import FieldPlan
from heptad.testing import strategies as tiny

PLAN = compile_features(Data(dynamic={"seen": tiny.View.per("user").count()}), tiny.BOUGHT)
BUY, ITEM, VIEW = PLAN.stream("Buy"), PLAN.stream("Item"), PLAN.stream("View")
ROWS = [
    {"buy_id": "b1", "ts": 1_000_000, "user": 7, "item": "x", "amount": 3, "paid": 1.5, "gift": True, "device": "web"},
    {"buy_id": "b2", "ts": 2_500_000, "user": -7, "item": "", "amount": None, "paid": None, "gift": None, "device": None},
]  # fmt: skip
EXPECTED = [row | {"tags": None, "brand": None, "shelf": None, "look": None, "face": None} for row in ROWS]


def read_rows(source, stream=BUY, **options):
    return list(rows_of(read(stream, source, **options)))


def test_arrow_pandas_polars_and_mappings_are_one():
    table = pa.Table.from_pylist(ROWS)
    assert read_rows(table) == EXPECTED
    assert read_rows(table.to_pandas()) == EXPECTED
    assert read_rows(pl.DataFrame(table)) == EXPECTED
    assert read_rows({name: [row[name] for row in ROWS] for name in ROWS[0]}) == EXPECTED
    assert read_rows({name: np.array([row[name] for row in ROWS], object) for name in ROWS[0]}) == EXPECTED


def test_a_batch_is_as_batch_of_makes_it():
    got, want = read(BUY, pa.Table.from_pylist(ROWS)), batch_of(BUY, EXPECTED, range(2))
    for name, column in want.columns.items():
        assert got.columns[name].values.tolist() == column.values.tolist()
        assert got.columns[name].values.dtype == column.values.dtype
        assert got.columns[name].valid.tolist() == column.valid.tolist()
    assert (got.time.tolist(), got.tie.tolist()) == (want.time.tolist(), want.tie.tolist())


def test_parquet_takes_the_columns_it_needs(tmp_path):
    table = pa.Table.from_pylist([row | {"extra": 1} for row in ROWS])
    parquet.write_table(table, tmp_path / "buys.parquet")
    assert read_rows(tmp_path / "buys.parquet") == EXPECTED


def test_csv_reads_ids_times_lists_and_gaps(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(
        "film,since,rev,tags,brand,shelf,price,note\n"
        "007,2020-01-01T00:00:00Z,3,x|y,a,1,0.5,hm\n"
        "8,2020-01-01T02:00:00+02:00,4,,,,,\n"
    )
    got = read_rows(path, ITEM, names={"item": "film"})
    always = {"since": 1_577_836_800_000_000, "gone": None, "face": None}
    assert got == [
        {"item": "007", "rev": 3, "tags": ["x", "y"], "brand": "a", "shelf": 1, "price": 0.5} | always,
        {"item": "8", "rev": 4, "tags": None, "brand": None, "shelf": None, "price": None} | always,
    ]
    path.write_text("item,since,rev\n7,100,0\n-8,200,0\n")
    assert [row["item"] for row in read_rows(path, ITEM, reading=Reading(unit="s"))] == [7, -8]
    assert [row["since"] for row in read_rows(path, ITEM, reading=Reading(unit="s"))] == [
        100_000_000,
        200_000_000,
    ]


def test_csv_names_the_row_it_cannot_read(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item,since,rev,price\n1,5,0,0.5\n1,5,0,dear\n")
    with pytest.raises(DataError, match=r"price: expected a number, got 'dear' in row 1 \(1 such rows\)"):
        read(ITEM, path)


class Shop(Table):
    shop: Id
    gone: Deleted
    town: str


def test_only_a_row_that_deletes_may_leave_its_facts_out():
    shop = compile_features(Data(static={"town": Shop.town}), label(Visit)).stream("Shop")
    rows = {"shop": ["a", "b"], "gone": [False, True], "town": ["Ulm", None]}
    assert [row["town"] for row in read_rows(rows, shop)] == ["Ulm", None]
    with pytest.raises(DataError, match=r"Shop.town: expected a value of kind text, got None in row 0"):
        read(shop, rows | {"town": pa.nulls(2, pa.string())})


class Visit(Event):
    ts: Time
    shop: Id


def column(kind, values, optional=False, arrow=None, reading=Reading()):
    field = FieldPlan("c", kind, Role.VALUE, optional)
    got = convert(pa.array(values, arrow), field, "Some.c", reading)
    return [value if ok else None for value, ok in zip(got.values.tolist(), got.valid.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("kind", "values", "arrow", "expected"),
    [
        (Kind.FLOAT, [1, 2], pa.int8(), [1.0, 2.0]),
        (Kind.FLOAT, [float("nan"), -0.0, None], None, [None, 0.0, None]),
        (Kind.INT, [1.0, -2.0], None, [1, -2]),
        (Kind.INT, [2**63 - 1], pa.uint64(), [2**63 - 1]),
        (Kind.ID, [2**63 - 1, -(2**63) + 1], None, [2**63 - 1, -(2**63) + 1]),
        (Kind.ID, ["a", "a", "b"], pa.dictionary(pa.int8(), pa.string()), ["a", "a", "b"]),
        (Kind.TEXTS, [["a"], []], None, [("a",), ()]),
        (Kind.TEXTS, [[]], None, [()]),
        (Kind.TIME, [dt.date(1970, 1, 2)], None, [86_400_000_000]),
        (Kind.TIME, [-1], pa.timestamp("ns", "UTC"), [-1]),
        (Kind.TIME, [dt.datetime(1970, 1, 1, 0, 0, 1)], None, [1_000_000]),
        (Kind.TIME, ["1970-01-01T00:00:01", "1970-01-01T00:00:02.000001"], None, [1_000_000, 2_000_001]),
        (Kind.TIME, ["1970-01-01T00:00:00.000001Z", "1970-01-01 01:00:00+01:00"], None, [1, 0]),
        (Kind.TIME, ["1970-01-01T00:00:01Z", "19700101T000002Z"], None, [1_000_000, 2_000_000]),
        (Kind.TIME, ["12", "-3"], None, [12, -3]),
    ],
)
def test_a_column_takes_what_means_the_same(kind, values, arrow, expected):
    optional = None in expected
    assert column(kind, values, optional, arrow, Reading(zone="UTC")) == expected


@pytest.mark.parametrize(
    ("kind", "values", "arrow", "message"),
    [
        (Kind.FLOAT, ["1"], None, "numbers, got a column of Arrow type string"),
        (Kind.INT, [1.0, 2.5, 3.5], None, r"whole number, got 2.5 in row 1 \(2 such rows\)"),
        (Kind.INT, [1, None, 3], None, r"value of kind int, got None in row 1"),
        (Kind.INT, [True], None, "whole numbers"),
        (Kind.INT, [5, 2**63], pa.uint64(), "in row 1"),
        (Kind.ID, [-(2**63)], None, "above"),
        (Kind.ID, ["a", None], None, "in row 1"),
        (Kind.BOOL, [1, 0], None, "true or false"),
        (Kind.TEXT, [1], None, "texts"),
        (Kind.TEXTS, [[1]], None, "lists of texts"),
        (Kind.TEXTS, [["a"], ["b", None]], None, "without nulls, got .* in row 1"),
        (Kind.TIME, [dt.datetime(2020, 1, 1)], None, "times with a zone.*zone='UTC'"),
        (Kind.TIME, ["2020-01-01T00:00:00"], None, "with a zone.*in row 0.*zone='UTC'"),
        (Kind.TIME, ["2020-01-01T00:00:00Z", "soon"], None, "'soon' in row 1"),
        (Kind.TIME, [1.5], None, "times"),
        (Kind.TIME, [None], pa.timestamp("us", "UTC"), "in row 0"),
        (Kind.TIME, [2**62], None, "us since 1970"),
    ],
)
def test_a_column_refuses_the_rest_by_row(kind, values, arrow, message):
    with pytest.raises(DataError, match=message):
        column(kind, values, arrow=arrow)


def test_times_of_a_zone_and_before_1970():
    rome = Reading(zone="Europe/Rome")
    assert column(Kind.TIME, ["2020-07-01T02:00:00"], reading=rome) == column(
        Kind.TIME, ["2020-07-01T00:00:00Z"]
    )
    assert column(Kind.TIME, [-1_500], arrow=pa.timestamp("ns", "UTC")) == [-2]
    with pytest.raises(DataError, match="IANA"):
        column(Kind.TIME, [dt.datetime(2020, 1, 1)], reading=Reading(zone="Mars/Base"))
    with pytest.raises(DataError, match="'s', 'ms' or 'us'"):
        Reading(unit="h")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.csv", "an existing file"),
        (42, "a frame, got int"),
        ({"user": [1]}, r"Buy.buy_id: expected a column 'buy_id'.*names="),
        ({"user": [1, "a"]}, "values of one type"),
    ],
)
def test_sources_that_are_none(source, message):
    with pytest.raises(DataError, match=message):
        read(BUY, source)


def test_files_that_are_none(tmp_path):
    for name, message in {"a.parquet": "readable", "a.xlsx": "convert the file"}.items():
        (tmp_path / name).write_bytes(b"no")
        with pytest.raises(DataError, match=message):
            read(BUY, tmp_path / name)


def test_pandas_integers_with_gaps_are_integers():
    frame = pd.DataFrame({"item": ["a", "b"], "since": [0, 0], "rev": [0, 0], "shelf": [1, None]})
    assert frame["shelf"].dtype == np.float64
    assert [row["shelf"] for row in read_rows(frame, ITEM)] == [1, None]


@given(st.data())
def test_rows_come_back_as_they_were(data):
    setting = data.draw(tiny.settings().filter(lambda s: len({type(v) for v in s.users + s.items}) == 1))
    posts = data.draw(tiny.posts(setting, ["View", "Item"]))
    for stream in (VIEW, ITEM):
        rows = [post.row for post in posts if post.stream == stream.name]
        source = {f.name: pa.array([row[f.name] for row in rows], from_pandas=False) for f in stream.fields}
        assert read_rows(source, stream) == rows
