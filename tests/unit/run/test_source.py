"""Sources: the same rows from a function of any sort and from files of any sort, as Arrow tables."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import heptad as hp
from heptad.errors import DataError
from heptad.offline.conversion import Reading
from heptad.offline.intake import take_in
from heptad.plan.compile import compile_features
from heptad.run.source import read, source


class Sale(hp.Event):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    amount: float | None
    gift: bool | None
    note: str | None


STREAM = compile_features(hp.Data(dynamic=dict(n=Sale.per("user").count())), hp.label(Sale)).stream("Sale")
ROWS = [
    {"sale": 1, "ts": "2024-01-01T00:00:00Z", "user": "u1", "item": "007", "amount": 1.5, "gift": True, "note": "a,b"},
    {"sale": 2, "ts": "2024-01-01T01:00:00+01:00", "user": "u2", "item": "8", "amount": None, "gift": None, "note": None},
]  # fmt: skip


@pytest.fixture
def module(monkeypatch):
    """An importable module to put functions into."""
    made = ModuleType("made_up_rows")
    monkeypatch.setitem(sys.modules, "made_up_rows", made)
    return made


@pytest.mark.parametrize(
    "shape",
    [lambda rows: rows, pa.Table.from_pylist, pd.DataFrame, lambda rows: pl.DataFrame(rows, strict=False)],
    ids=["dicts", "arrow", "pandas", "polars"],
)
def test_a_function_may_return_any_frame(module, tmp_path, shape):
    module.rows = lambda: shape(ROWS)
    table = read(source("Sale", "python:made_up_rows:rows", tmp_path, ""), STREAM)
    assert table.column_names == list(Sale.fields)
    assert table.select(["sale", "ts", "user", "item"]).to_pylist() == [
        {key: row[key] for key in ("sale", "ts", "user", "item")} for row in ROWS
    ]
    assert table["amount"].to_pylist() == [1.5, None]


def test_a_csv_is_read_by_the_kinds_of_the_class(tmp_path):
    csv.write_csv(pa.Table.from_pylist(ROWS), tmp_path / "sales.csv")
    table = read(source("Sale", "sales.csv", tmp_path, ""), STREAM)
    assert table.to_pylist() == ROWS  # 007 stays text, and so does the 8 beside it; the key is numbers


def test_files_of_one_pattern_are_one_table_and_strange_columns_are_left_out(tmp_path):
    parquet.write_table(pa.Table.from_pylist([ROWS[0] | {"colour": "red"}]), tmp_path / "1.parquet")
    parquet.write_table(pa.Table.from_pylist([ROWS[1]]), tmp_path / "2.parquet")
    table = read(source("Sale", "*.parquet", tmp_path, ""), STREAM)
    assert table.to_pylist() == ROWS


def test_json_lines(tmp_path):
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    table = read(source("Sale", "s.jsonl", tmp_path, ""), STREAM)
    assert table.drop_columns("ts").to_pylist() == [
        {k: v for k, v in row.items() if k != "ts"} for row in ROWS
    ]


def test_a_module_may_be_named_relative_to_the_system(module, tmp_path, monkeypatch):
    package = ModuleType("made_up_package")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "made_up_package", package)
    monkeypatch.setitem(sys.modules, "made_up_package.data", module)
    module.rows = lambda: ROWS
    table = read(source("Sale", "python:.data:rows", tmp_path, "made_up_package"), STREAM)
    assert table.num_rows == 2


def refused(url, directory):
    with pytest.raises(DataError) as raised:
        read(source("Sale", url, directory, ""), STREAM)
    return raised.value


def test_a_function_is_called_with_what_follows_the_question_mark(module, tmp_path):
    called = []
    module.rows = lambda **given: called.append(given) or ROWS
    read(source("Sale", "python:made_up_rows:rows?shops=3&share=0.5&town=Ulm", tmp_path, ""), STREAM)
    assert called == [{"shops": 3, "share": 0.5, "town": "Ulm"}]


def test_a_function_that_is_not_there(module, tmp_path):
    module.rows = lambda: ROWS
    error = refused("python:made_up_rows:row", tmp_path)
    assert (error.expected, error.got) == ("a function 'row' in made_up_rows", "only rows")
    assert refused("python:no_such_module:rows", tmp_path).expected == "a module 'no_such_module'"


def test_a_function_that_fails_or_returns_something_else(module, tmp_path):
    module.fails = lambda: 1 / 0
    error = refused("python:made_up_rows:fails", tmp_path)
    assert (error.expected, error.got) == ("rows", "ZeroDivisionError: division by zero")
    module.text = lambda: "rows"
    assert refused("python:made_up_rows:text", tmp_path).got == "builtins.str"


def test_an_error_of_heptad_passes_as_it_is(module, tmp_path):
    def rows():
        raise DataError("the shop's own thing", "a", "b", "c")

    module.rows = rows
    assert refused("python:made_up_rows:rows", tmp_path).thing == "the shop's own thing"


def test_a_column_that_is_missing(module, tmp_path):
    module.rows = lambda: [{"sale": 1, "time": 0, "user": "u"}]
    error = refused("python:made_up_rows:rows", tmp_path)
    assert error.expected == "the columns of Sale: sale, ts, user, item"
    assert error.got == "no ts, item among sale, time, user"


def test_a_file_that_is_damaged(tmp_path):
    (tmp_path / "s.parquet").write_bytes(b"PAR1 and nothing more")
    assert refused("s.parquet", tmp_path).expected == "rows"


def test_a_cell_that_does_not_fit_its_column_costs_its_row_only(tmp_path):
    (tmp_path / "s.csv").write_text(
        "sale,ts,user,item,amount\n1,0,u,i,cheap\n2,0,u,i,2.5\n", encoding="utf-8"
    )
    table = read(source("Sale", "s.csv", tmp_path, ""), STREAM)
    taken = take_in(STREAM, table, reading=Reading(text_numbers=True))
    assert taken.batch.columns["amount"].values.tolist() == [2.5]
    assert [(r.row, r.column, r.got) for r in taken.refused] == [(0, "amount", "'cheap'")]
