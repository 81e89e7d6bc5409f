"""The READMEs show the declaration that runs and the numbers that benchmarks/results/ holds."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))  # as when docs/readme.py is run

import readme  # noqa: E402
import readme_rows  # noqa: E402


@pytest.mark.parametrize("file", readme.PARTS)
def test_generated_parts_are_current(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == readme.renewed(file), "run: python docs/readme.py"


def test_a_changed_number_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    other = readme_rows.result("videos")
    other["audit"]["compared"] += 1
    held = readme_rows.result
    monkeypatch.setattr(readme_rows, "result", lambda name: other if name == "videos" else held(name))
    assert (ROOT / "README.md").read_text(encoding="utf-8") != readme.renewed("README.md")


def test_the_documented_commands_are_the_two_that_start_everything() -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").partition("```bash\n")[2].partition("```")[0]
    assert block.splitlines()[:2] == ["make run", "make test"]
