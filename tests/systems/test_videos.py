"""``heptad run videos`` on MovieLens 100K, through the real command line: what the first landing promises."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def summary(videos_home):
    return json.loads((videos_home / "run.json").read_text(encoding="utf-8"))


def test_the_split_has_the_rows_it_always_had(summary):
    assert summary["rows"]["events"] == 100_000
    (version,) = summary["models"]
    assert version["lineage"]["trained through"] == "1998-03-07T02:21:09+00:00"
    slices = {name: part["n"] for name, part in summary["slices"].items()}
    assert slices == {"with history": 427, "cold start": 2573}
    assert summary["rows"] | {"events": 0} == {
        "events": 0,
        "train": 257_456,
        "test": 592_880,
        "requests": 400,
    }


def test_served_values_are_audited_and_both_planted_faults_found(summary):
    audit = summary["audit"]
    assert audit["compared"] > 10_000
    assert audit["mismatches"] == 0
    assert audit["equal"] == audit["compared"]
    assert 0 < audit["late"] < audit["equal"] / 2  # told apart, not counted as wrong
    found = {fault["fault"]: fault for fault in audit["planted"]}
    assert set(found) == {"leak", "skew"}
    for fault in found.values():
        assert fault["found"], fault
        assert "the log says" in fault["detail"]


@pytest.mark.parametrize("baseline", ["popular", "covisited", "ease"])
def test_two_stages_beat_each_source_alone(summary, baseline):
    (row,) = [r for r in summary["paired"] if (r["metric"], r["against"]) == ("ndcg@10", baseline)]
    assert row["low"] > 0, row
    difference = summary["metrics"]["heptad"]["ndcg@10"] - summary["metrics"][baseline]["ndcg@10"]
    assert row["difference"] == pytest.approx(difference)


def test_both_slices_are_shown_with_intervals(summary):
    for part in summary["slices"].values():
        for model in ("heptad", "popular", "covisited", "ease"):
            low, high = part["intervals"][model]["ndcg@10"]
            assert low < part["metrics"][model]["ndcg@10"] < high


def test_the_gate_passed_and_probabilities_hold(summary):
    assert summary["gate"]["passed"], summary["gate"]
    assert [check["check"] for check in summary["gate"]["checks"]] == [
        "ndcg@10 > popular", "ndcg@10 > covisited", "ndcg@10 >= champion", "ece < 0.03",
    ]  # fmt: skip
    assert summary["metrics"]["heptad"]["ece"] < 0.01
    assert summary["metrics"]["heptad"]["ne"] < 1


def test_the_kpi_stands_beside_the_loss(summary):
    rows = summary["kpi"]["by_model"]
    assert rows["heptad"]["kpi"] > max(rows[name]["kpi"] for name in ("popular", "covisited", "ease"))
    assert rows["heptad"]["loss"] == summary["metrics"]["heptad"]["logloss"]


def test_the_disease_promises_and_the_cure_delivers(summary):
    leak, ours = (
        next(row for row in summary["disease"]["rows"] if row["name"] == name)
        for name in ("leak at the event's time", "heptad")
    )
    assert leak["offline_interval"][0] > 2 * ours["offline_interval"][1]
    assert leak["replayed_interval"][1] < ours["replayed_interval"][0]
    assert ours["offline"] == ours["replayed"]


def test_drift_is_seen_after_the_shift_answered_and_a_corrupted_challenger_refused(summary):
    drift = summary["drift"]
    assert drift["detected"]
    assert drift["answered"]
    assert drift["corrupted_refused"]
    whats = [event["what"] for event in drift["events"]]
    assert whats[0] == "shift injected"
    assert whats.index("shift injected") < whats.index("drift detected") < whats.index("promoted")
    shifted = drift["events"][0]["time"]
    for point in drift["timeline"]:
        if point["time"] <= shifted:
            assert point["max_psi"] < point["threshold"], point
    assert whats[-1] == "refused"
    assert "shuffled labels" in drift["events"][-1]["detail"]


def test_every_requirement_of_step_one_is_measured(summary):
    rows = {row["name"]: row for row in summary["requirements"]}
    assert {"p99", "qps", "freshness", "kpi"} <= set(rows)
    assert rows["kpi"]["holds"], rows["kpi"]
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]


def test_the_report_is_one_file_that_needs_no_other(videos_home, summary):
    report = videos_home / summary["report"]
    text = report.read_text(encoding="utf-8")
    assert text.lower().startswith("<!doctype html>")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#|data:|https://doi|https://grouplens)[^\"']+", text)
    assert not re.findall(r"<link\b|@import|url\((?!['\"]?(?:data:|#))", text)


def test_what_is_printed_is_what_was_measured(videos_home, summary):
    out = (videos_home / "out.txt").read_text(encoding="utf-8")
    assert f"{summary['metrics']['heptad']['ndcg@10']:.4f}" in out
    assert summary["report"] in out
    saved = json.loads((videos_home / ".heptad/videos/summary.json").read_text(encoding="utf-8"))
    assert saved == summary
