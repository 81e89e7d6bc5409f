"""Files stay small, say what they know in their first line, and name no place of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))
HOMES = re.compile(r"/(home|Users|root)/[\w.-]+")


def kept_files() -> list[Path]:
    """Every file that git tracks, or would if it were added."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]  # a deleted file is listed until it is committed


def machine_paths(text: str) -> list[str]:
    """What in ``text`` would be true on this machine, or in one person's home, only."""
    places = [re.escape(f"{ROOT}/"), re.escape(f"{Path.home()}/"), HOMES.pattern]
    return [match[0] for match in re.finditer("|".join(places), text)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_is_short_and_says_what_it_knows(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "the first line of a module says what it knows"


def test_no_file_names_a_place_of_one_machine():
    found = {
        str(path.relative_to(ROOT)): names
        for path in kept_files()
        if (names := machine_paths(path.read_bytes().decode("utf-8", errors="replace")))
    }
    assert found == {}


def test_a_machine_path_would_be_noticed():
    somewhere = "/".join(["", "home", "someone", "data.csv"])
    assert machine_paths(f"open('{somewhere}')") == ["/".join(["", "home", "someone"])]
    assert machine_paths(f"see {ROOT}/README.md") == [f"{ROOT}/"]
