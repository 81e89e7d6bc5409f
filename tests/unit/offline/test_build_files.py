"""Where a build reads from: files, directories, patterns and lists, one schema for all of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from heptad.errors import DataError
from heptad.offline.build.files import is_parquet, rows_of


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, row_group_size=2)
    return path


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "2024" / "b.parquet", x=[3, 4, 5], y=["c", "d", "e"])
    write(tmp_path / "2023" / "a.parquet", x=[1, 2], y=["a", "b"])
    write(tmp_path / "_temporary" / "part.parquet", x=[9], y=["no"])
    (tmp_path / "2023" / "notes.txt").write_text("not data")
    return tmp_path


def held(source):
    return [
        x for piece in rows_of("it", source, ["x"]).pieces(["x"], 2) for x in piece.column("x").to_pylist()
    ]


def test_a_directory_a_pattern_and_a_list_are_read_in_the_order_of_names(folder):
    assert held(folder) == [1, 2, 3, 4, 5]
    assert held(str(folder / "20*" / "*.parquet")) == [1, 2, 3, 4, 5]
    assert held([folder / "2024" / "b.parquet", folder / "2023"]) == [3, 4, 5, 1, 2]
    assert held(folder / "2024" / "b.parquet") == [3, 4, 5]
    assert held(pa.table({"x": [7, 8, 9]})) == [7, 8, 9]
    assert held({"x": [7]}) == [7]


def test_what_is_read_as_parquet(folder):
    assert is_parquet(folder)
    assert is_parquet("data/*.parquet")
    assert is_parquet(["a.parquet"])
    assert not is_parquet(folder / "table.csv")
    assert not is_parquet(pa.table({"x": [1]}))


def test_files_of_two_schemas_name_the_file_and_the_column(folder):
    write(folder / "2025" / "c.parquet", x=["six"], y=["f"])
    with pytest.raises(DataError, match=r"column 'x' of .*2025/c.parquet: expected int64, .* got string"):
        rows_of("source of Sale", folder, ["x"])
    write(folder / "2025" / "c.parquet", y=["f"])
    with pytest.raises(DataError, match=r"column 'x' of .*c.parquet: expected int64.* got no such column"):
        rows_of("source of Sale", folder, ["x"])
    assert rows_of("source of Sale", folder, ["y"]).count == 6


def test_no_file_and_a_damaged_file_are_told(folder, tmp_path):
    with pytest.raises(DataError, match="an existing file"):
        rows_of("source of Sale", tmp_path / "nothing")
    with pytest.raises(DataError, match="an existing file"):
        rows_of("source of Sale", str(tmp_path / "*.nothing"))
    with pytest.raises(DataError, match=r"end in \.parquet"):
        rows_of("source of Sale", folder / "2023" / "notes.txt")
    with pytest.raises(DataError, match="a path, a directory"):
        rows_of("source of Sale", 7)
    (folder / "2023" / "a.parquet").write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(DataError, match=r"a readable Parquet file .*a.parquet"):
        rows_of("source of Sale", folder)


def test_a_sample_is_spread_over_all_files(tmp_path):
    for number in range(40):
        write(tmp_path / f"{number:02}.parquet", x=[number] * 4)
    found = rows_of("it", tmp_path).sample(["x"], 64).column("x").to_pylist()
    assert len(set(found)) > 15
    assert min(found) < 5
    assert max(found) > 34


def test_what_was_read_of_a_file_is_let_go(tmp_path):
    path, rows = tmp_path / "large.parquet", 1_000_000
    noise = np.random.default_rng(0).integers(0, 2**62, rows)
    parquet.write_table(pa.table({"x": noise}), path, row_group_size=rows // 20)
    before, most = pa.total_allocated_bytes(), 0
    for piece in rows_of("it", path).pieces(["x"], rows // 20):
        assert piece.num_rows == rows // 20
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < path.stat().st_size / 3
