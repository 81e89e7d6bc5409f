"""What `heptad new` sees of a file: shapes, times and counts, alike from CSV, Parquet and JSON lines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from heptad.errors import DataError
from heptad.run.scaffold.columns import Shape, Written, profile


def csv_facts(tmp_path, cells, column="x"):
    path = tmp_path / "rows.csv"
    path.write_text(f"{column},other\n" + "".join(f"{cell},1\n" for cell in cells), encoding="utf-8")
    return profile(path).columns[column]


@pytest.mark.parametrize(
    ("cells", "shape"),
    [
        (["1", "-20", "0"], Shape.WHOLE),
        (["007", "8"], Shape.TEXT),
        (["1.5", "2", "-.5", "1e-3"], Shape.NUMBER),
        (["true", "False", "TRUE"], Shape.TRUTH),
        (["a", "1"], Shape.TEXT),
        (["1", "", "NA", "null", "3"], Shape.WHOLE),
        (["", ""], Shape.TEXT),
        (["99999999999999999999", "1"], Shape.TEXT),
    ],
)
def test_cells_of_text_have_the_shape_they_all_share(tmp_path, cells, shape):
    assert csv_facts(tmp_path, cells).shape is shape


@pytest.mark.parametrize(
    ("cells", "times"),
    [
        (["2024-05-01T10:00:00Z", "2024-05-01T10:00:00+05:30"], Written.ZONED),
        (["2024-05-01 10:00:00", "2024-05-01 10:00:00.125"], Written.NAIVE),
        (["2024-05-01"], Written.NAIVE),
        (["2024-05-01T10:00:00Z", "2024-05-01T10:00:00"], Written.MIXED),
        (["1700000000", "1700000000"], Written.SECONDS),
        (["1700000000.25", "1700000001"], Written.SECONDS),
        (["1700000000123", "1700000000124"], Written.MILLISECONDS),
        (["1700000000123456", "1700000000123457"], Written.MICROSECONDS),
        (["2024-05-01T10:00:00Z", "yesterday"], None),
        (["5", "1700000000"], None),
        (["true", "false"], None),
    ],
)
def test_how_times_are_written(tmp_path, cells, times):
    assert csv_facts(tmp_path, [*cells, *cells]).times == times


def test_counts_and_values(tmp_path):
    facts = csv_facts(tmp_path, ["b", "a", "", "b"])
    assert (facts.rows, facts.nulls, facts.distinct, facts.values) == (4, 1, 2, ("a", "b"))
    assert not facts.unique
    assert csv_facts(tmp_path, ["b", "a"]).unique


@pytest.mark.parametrize(
    ("values", "shape", "times"),
    [
        (pa.array(["u1", "u2", "u1"]).dictionary_encode(), Shape.TEXT, None),
        (pa.array(["u1", "u2", "u1"], pa.large_string()), Shape.TEXT, None),
        (pa.array([1, 2, 3], pa.uint8()), Shape.WHOLE, None),
        (pa.array([1.5, None, 2.0]), Shape.NUMBER, None),
        (pa.array([Decimal("1.50"), Decimal("2.00"), None]), Shape.NUMBER, None),
        (pa.array([True, False, None]), Shape.TRUTH, None),
        (pa.array([["a"], [], None]), Shape.TEXTS, None),
        (pa.array([[1], [2], [3]]), Shape.OTHER, None),
        (pa.array([{"a": 1}, {"a": 2}, None]), Shape.OTHER, None),
        (pa.array([datetime(2024, 1, n, tzinfo=UTC) for n in (1, 2, 3)]), Shape.MOMENT, Written.STAMPED),
        (pa.array([datetime(2024, 1, n) for n in (1, 2, 3)]), Shape.MOMENT, Written.STAMPED_NAIVE),
        (pa.array([date(2024, 1, n) for n in (1, 2, 3)]), Shape.MOMENT, Written.STAMPED_NAIVE),
    ],
    ids=str,
)
def test_typed_columns_keep_their_type(tmp_path, values, shape, times):
    parquet.write_table(pa.table({"x": values, "y": [1, 2, 3]}), tmp_path / "rows.parquet")
    facts = profile(tmp_path / "rows.parquet").columns["x"]
    assert (facts.shape, facts.times) == (shape, times)


def test_the_span_of_times_is_in_seconds(tmp_path):
    facts = csv_facts(tmp_path, ["1970-01-02T00:00:00Z", "1970-01-01T02:00:00+02:00"])
    assert (facts.low, facts.high) == (0, 86_400)
    stamps = pa.array([datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 3, tzinfo=UTC)])
    parquet.write_table(pa.table({"x": stamps, "y": [1, 2]}), tmp_path / "rows.parquet")
    facts = profile(tmp_path / "rows.parquet").columns["x"]
    assert (facts.low, facts.high) == (0, 2 * 86_400)


def test_json_lines_may_leave_keys_out(tmp_path):
    rows = [{"x": "a", "tags": ["t"]}, {"x": "b"}, {"x": "a", "n": 1}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    columns = profile(tmp_path / "rows.jsonl").columns
    assert {name: (facts.shape, facts.nulls) for name, facts in columns.items()} == {
        "x": (Shape.TEXT, 0), "tags": (Shape.TEXTS, 2), "n": (Shape.WHOLE, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rows.xlsx", b"", "a file that ends in .csv, .parquet or .jsonl"),
        ("rows.parquet", b"PAR1", "rows of parquet"),
        ("rows.jsonl", b"{'a': 1}\n", "rows of jsonl"),
        ("rows.csv", b"a,b\n1,2,3\n", "rows of csv"),
        ("rows.csv", b"a,b\n1,2\n", "rows and columns"),
        ("rows.csv", b"a\n1\n2\n", "rows and columns"),
    ],
)
def test_a_file_that_will_not_do(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as raised:
        profile(tmp_path / name)
    assert raised.value.expected == expected


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="check the path"):
        profile(tmp_path / "rows.csv")
