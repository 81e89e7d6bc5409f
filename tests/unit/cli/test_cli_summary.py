"""A run's summary on a terminal: every section that is there, none that is not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from heptad.cli.summary import requirements_table, show_summary

SAMPLE = Path(__file__).parents[1] / "dashboard" / "sample_summary.json"


def text(summary):
    console = Console(file=io.StringIO(), width=140, markup=False, highlight=False)
    show_summary(console, summary)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def sample():
    return json.loads(SAMPLE.read_text(encoding="utf-8"))


def test_an_empty_summary_shows_nothing():
    assert text({}).strip() == ""


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("rows", "78,214 train"),
        ("metrics", "0.1541"),
        ("intervals", "[0.145, 0.163]"),
        ("paired", "ndcg@10: heptad - popular"),
        ("slices", "cold start, 2,759 requests"),
        ("disease", "today's aggregates"),
        ("gate", "gate     passed"),
        ("audit", "196,630 served values recomputed, 0 wrong"),
        ("latency_ms", "p99 17.5 ms"),
        ("drift", "drift detected"),
        ("requirements", "memory"),
        ("seconds", "seconds  data 1.4"),
        ("report", "report   runs/videos/report.html"),
    ],
)
def test_a_section_is_shown_where_the_run_has_it(sample, key, said):
    assert said in text(sample)
    without = {name: value for name, value in sample.items() if name != key}
    shown = text(without if key != "intervals" else without | {"slices": {}})
    assert said not in shown


def test_a_refusal_and_a_wrong_value_are_said(sample):
    summary = sample | {"gate": {"passed": False}, "audit": {"compared": 10, "mismatches": 3, "late": 1}}
    shown = text(summary)
    assert "gate     refused" in shown
    assert "10 served values recomputed, 3 wrong, 1 changed by late events" in shown


def test_a_requirement_that_does_not_hold_says_no():
    console = Console(file=io.StringIO(), width=80)
    console.print(
        requirements_table([{"name": "p99", "target": "20ms", "measured": "31.0ms", "holds": False}])
    )
    assert console.file.getvalue().splitlines()[-1].split("│")[-1].strip() == "no"
