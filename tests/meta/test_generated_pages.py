"""Pages of docs/ that are generated are committed as they would be generated now."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from heptad.testing.examples_table import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "docs/reference/cli.md": "heptad.cli.reference",
    "docs/reference/meaning.md": "heptad.testing.meaning",
    "docs/reference/features.md": "heptad.testing.features_page",
}


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_current(path: str) -> None:
    committed = (ROOT / path).read_text(encoding="utf-8")
    assert committed == importlib.import_module(PAGES[path]).page(), f"run `make docs`, then commit {path}"


@pytest.mark.parametrize("path", PAGES)
def test_make_docs_writes_the_page(path: str) -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"{Path(path).stem}:{PAGES[path]}" in recipe
    done = subprocess.run([sys.executable, "-m", PAGES[path]], capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / path).read_text(encoding="utf-8")


def test_every_worked_example_is_on_its_page() -> None:
    rows = [
        line for line in (ROOT / "docs/reference/meaning.md").read_text().splitlines() if line[:2] == "| "
    ]
    said = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert sorted(said) == sorted([e.says for e in EXAMPLES] + ["says"] * (len(said) - len(EXAMPLES)))
    assert all(row.count(" | ") == 4 for row in rows)
