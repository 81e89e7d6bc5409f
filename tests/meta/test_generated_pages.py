"""Pages of docs/ that are generated are committed as they would be generated now."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heptad.testing.examples_table import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "docs/reference/cli.md": "heptad.cli.reference",
    "docs/reference/meaning.md": "heptad.testing.meaning",
    "docs/reference/aggregations.md": "heptad.testing.aggregation_page",
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


RECORDS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_examples_a_decision_record_names_exist(path: Path) -> None:
    known = {(e.rule, e.says) for e in EXAMPLES}
    named = re.findall(r"^- `([^`]+)`: (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [name for name in named if name not in known] == []


def test_decision_records_are_numbered_once_and_listed() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert sorted(set(numbers)) == numbers
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    assert [path.name for path in RECORDS if f"]({path.name})" not in index] == []


DOCUMENTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md")),
]


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p.exists()], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_link_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert missing == []
