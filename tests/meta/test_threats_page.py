"""The page of threats: every row names a test, and every test it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/threats.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:40])
def test_an_attack_is_tried_in_a_test_that_exists(row):
    (named,) = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
    path, test = named
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert test in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


def test_there_are_rows():
    assert len(ROWS) > 20
