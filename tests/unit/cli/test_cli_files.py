"""Result files: what JSON has no word for, and a write that fails leaves what was there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heptad.cli.files import read_json, write_json, write_text
from heptad.errors import DataError


def test_json_has_no_nan_and_no_numpy(tmp_path):
    value = {
        "nan": float("nan"), "infinite": [float("inf"), 1.5], "numpy": np.float64(2.5), "array": np.arange(3),
        "none": np.float64("nan"), "path": Path("a/b"), "pair": (1, True), 7: None, "text": "é",
    }  # fmt: skip
    write_json(tmp_path / "deep" / "x.json", value)
    assert read_json(tmp_path / "deep" / "x.json") == {
        "nan": None, "infinite": [None, 1.5], "numpy": 2.5, "array": [0, 1, 2], "none": None, "path": "a/b",
        "pair": [1, True], "7": None, "text": "é",
    }  # fmt: skip


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        write_json(path, {"new": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_failed_write_leaves_nothing_half_written(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "x.md", "whole \ud800")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="choose another place"):
        write_text(tmp_path / "file" / "x.md", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="choose another place"):
        write_text(tmp_path / "folder", "text")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]
