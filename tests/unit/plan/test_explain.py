"""The plans of the shipped systems, kept as text: a change of states or columns is seen in review."""

from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path

import pytest

from heptad.plan.explain import explain
from heptad.run.target import load_target, shipped

SNAPSHOTS = Path(__file__).parent / "snapshots"


def without_hash(text: str) -> str:
    """The plan's hash covers the bytecode of its functions, which every Python release writes anew."""
    return re.sub(r"^plan \w+", "plan ...", text)


@pytest.mark.parametrize("name", shipped())
def test_the_plan_is_the_one_last_reviewed(name):
    kept = SNAPSHOTS / f"{name}.txt"
    now = explain(load_target(name).system.plan)
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    changes = unified_diff(without_hash(before).splitlines(), without_hash(now).splitlines(), lineterm="")
    report = "\n".join(changes)
    again = f"heptad explain {name} > {kept.relative_to(Path(__file__).parents[3])}"
    assert not report, f"{report}\nif the change is meant, write it down:\n  {again}"


def test_the_same_declaration_is_explained_alike():
    plan = load_target("videos").system.plan
    assert explain(plan) == explain(plan)
    assert plan.hash in explain(plan).splitlines()[0]


def test_every_column_group_and_stream_is_named():
    plan = load_target("videos").system.plan
    text = explain(plan)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[lines.index("columns") + 1 :]] == [c.name for c in plan.columns]
    assert all(f"group {place}  {group.name}" in text for place, group in enumerate(plan.groups))
    assert all(f"  {stream.name} " in text for stream in plan.streams)
