"""A file of another company's shape becomes a system that trains, serves, and passes its own audit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heptad.testing.shop import write_purchases

HEPTAD = [sys.executable, "-m", "heptad.cli.main"]


def heptad(folder: Path, *words: str) -> str:
    """What the command prints; fails the test where the command fails."""
    done = subprocess.run(
        [*HEPTAD, *words], cwd=folder, capture_output=True, text=True, timeout=600, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A directory with the file, the system made of it, and the results of its first run."""
    folder = tmp_path_factory.mktemp("new")
    write_purchases(folder / "purchases.csv")
    heptad(folder, "new", "shop", "--events", "purchases.csv", "--yes")
    heptad(folder, "run", "./shop", "--json", "run.json")
    return folder


@pytest.fixture(scope="module")
def summary(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_it_learns_what_there_is_to_learn(summary):
    ndcg = {model: metrics["ndcg@10"] for model, metrics in summary["metrics"].items()}
    against = next(
        row for row in summary["paired"] if (row["metric"], row["against"]) == ("ndcg@10", "popular")
    )
    assert ndcg["heptad"] > 2 * ndcg["popular"]
    assert against["low"] > 0
    assert summary["gate"]["passed"]


@pytest.mark.slow
def test_what_it_served_is_what_the_oracle_says(summary):
    audit = summary["audit"]
    assert audit["compared"] > 10_000
    assert audit["mismatches"] == 0
    assert {fault["fault"] for fault in audit["planted"] if fault["found"]} == {"skew", "leak"}


@pytest.mark.slow
def test_every_purchase_was_read(summary):
    assert summary["rows"]["events"] == 3_000


@pytest.mark.slow
def test_the_other_commands_follow(folder, summary):
    assert heptad(folder, "explain", "./shop").startswith(f"plan {summary['plan_hash']}")
    document = heptad(folder, "design", "./shop")
    assert "Audit: " in document
    assert "not measured" not in document.split("## 4 Model")[1].split("## 5")[0]
    assert (folder / summary["report"]).is_file()
