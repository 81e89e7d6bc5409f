"""``heptad run fraud`` in a small world, through the real command line: late labels, a review load, drift answered."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    home = tmp_path_factory.mktemp("fraud")
    command = [
        sys.executable,
        "-m",
        "heptad.cli.main",
        "run",
        "fraud",
        "--profile",
        "small",
        "--json",
        "run.json",
    ]
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads((home / "run.json").read_text(encoding="utf-8"))


def test_served_values_are_audited_and_both_planted_faults_found(summary):
    audit = summary["audit"]
    assert audit["compared"] > 10_000
    assert audit["mismatches"] == 0
    assert {fault["fault"] for fault in audit["planted"] if fault["found"]} == {"leak", "skew"}


def test_it_finds_frauds_that_the_base_rate_does_not(summary):
    ours, prior = (summary["metrics"][name] for name in ("heptad", "prior"))
    assert ours["average_precision"] > 20 * prior["average_precision"]
    assert ours["ne"] < 0.8
    assert ours["ece"] < 0.01
    row = next(
        row for row in summary["paired"] if (row["metric"], row["against"]) == ("average_precision", "prior")
    )
    assert row["low"] > 0


def test_a_leak_would_have_looked_no_better_in_the_replay(summary):
    rows = {row["name"]: row for row in summary["disease"]["rows"]}
    assert rows["heptad"]["offline"] == rows["heptad"]["replayed"]


def test_drift_is_found_after_the_shift_and_a_corrupted_challenger_refused(summary):
    drift = summary["drift"]
    assert drift["detected"]
    assert drift["corrupted_refused"]
    whats = [event["what"] for event in drift["events"]]
    assert whats.index("shift injected") < whats.index("drift detected") < whats.index("retrain")
    assert "prices are 1.5 times as high" in drift["events"][whats.index("shift injected")]["detail"]
    shifted = drift["events"][whats.index("shift injected")]["time"]
    for point in drift["timeline"]:
        if point["time"] <= shifted:
            assert point["max_psi"] < point["threshold"], point


def test_a_retraining_waits_until_labels_of_the_changed_world_are_settled(summary):
    events = summary["drift"]["events"]
    shifted = next(event["time"] for event in events if event["what"] == "shift injected")
    retrained = next(event["time"] for event in events if event["what"] == "retrain")
    assert _days(retrained) - _days(shifted) >= 14


def test_every_requirement_of_step_one_is_measured(summary):
    rows = {row["name"]: row for row in summary["requirements"]}
    assert {"p99", "qps", "freshness", "kpi"} <= set(rows)


def _days(moment) -> float:
    from heptad.times import instant

    return (instant(moment) if isinstance(moment, str) else moment) / 86_400e6
