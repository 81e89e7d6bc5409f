"""What the documents name exists: worked examples, decision records, links, files and rooms."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

import heptad
from heptad.testing.examples_table import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_a_file_that_is_named_exists(name: str) -> None:
    """Names in capitals stand for the reader's own; a path is from the root or from the package."""
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./*-]+/[\w./*-]*)`", text))
    theirs = {path for path in named if re.search(r"NAME|\.venv|spread", path)}
    roots = (ROOT, ROOT / "src/heptad", ROOT / "src/heptad/algebra", ROOT / "src/heptad/state")
    assert [path for path in named - theirs if not any((root / path).exists() for root in roots)] == []
    assert len(named - theirs) > 5


def test_the_code_map_shows_every_room() -> None:
    table = (
        (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Code map")[2].partition("## ")[0]
    )
    shown = {
        room
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for room in re.findall(r"`(\w+)`", row)
    }
    assert shown == {module.name for module in pkgutil.iter_modules(heptad.__path__)}
