"""The design document against its golden file, and what it says before the first run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heptad.dashboard.design_document import design_markdown
from heptad.dashboard.markdown import name, plain, table

HERE = Path(__file__).parent
STEPS = [
    "## 1 Requirements",
    "## 2 Framing",
    "## 3 Data and features",
    "## 4 Model",
    "## 5 Evaluation",
    "## 6 Serving",
    "## 7 Monitoring and retraining",
]


@pytest.fixture
def declaration() -> dict[str, Any]:
    return json.loads((HERE / "sample_declaration.json").read_text(encoding="utf-8"))


@pytest.fixture
def summary() -> dict[str, Any]:
    return json.loads((HERE / "sample_summary.json").read_text(encoding="utf-8"))


def test_golden_file(declaration: dict[str, Any], summary: dict[str, Any]) -> None:
    golden = (HERE / "sample_design.md").read_text(encoding="utf-8")
    assert design_markdown(declaration, summary) == golden


def test_before_the_first_run_it_says_how_to_measure(declaration: dict[str, Any]) -> None:
    written = design_markdown(declaration, None)
    assert [line for line in written.splitlines() if line.startswith("## ")] == STEPS
    assert "| p99 | 50ms | not measured yet: run `heptad run videos` | not known |" in written
    # The line under the title, one per stated requirement, and one each for steps 3 to 7.
    assert written.count("not measured yet: run `heptad run videos`") == 1 + 6 + 5


def test_what_a_run_left_out_is_said(declaration: dict[str, Any]) -> None:
    written = design_markdown(declaration, {"gate": {"passed": False}})
    assert "| qps | 100 | not measured by the last run | not known |" in written
    assert "Measured: the gate refused the model." in written
    assert "not measured yet" not in written


def test_an_empty_declaration_still_has_seven_steps() -> None:
    written = design_markdown({}, None)
    assert [line for line in written.splitlines() if line.startswith("## ")] == STEPS
    assert "run `heptad run NAME`" in written


def test_a_requirement_only_the_run_knows_is_shown(
    declaration: dict[str, Any], summary: dict[str, Any]
) -> None:
    assert "| recovery | 30s | not measured by the last run | not known |" in design_markdown(
        declaration, summary
    )
    assert "| memory | 512 MB | 611 MB | **no** |" in design_markdown(declaration, summary)


def test_names_cannot_break_the_page(declaration: dict[str, Any]) -> None:
    declaration["requirements"] = {"a|b\n## 9 Forged": "<script>*x*"}
    declaration["data"]["dynamic"][0]["name"] = "x|y`z"
    written = design_markdown(declaration, None)
    assert [line for line in written.splitlines() if line.startswith("## ")] == STEPS
    assert "<script>" not in written
    assert "`x\\|yz`" in written
    cells = next(line for line in written.splitlines() if "Forged" in line)
    assert cells.replace("\\|", "").count("|") == 5


def test_small_pieces() -> None:
    assert plain((1, "two", {"three": False})) == "1, two, three no"
    assert name("") == ""
    assert table(["a"], []).count("\n") == 1
