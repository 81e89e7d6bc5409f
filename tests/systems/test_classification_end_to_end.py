"""A classification from its data to its report: served values are right, faults are found, drift is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from heptad.dashboard import design_markdown, render
from heptad.run.describe import describe
from heptad.run.loop import Size, run_system
from heptad.run.profile import load_profile
from heptad.run.target import load_target

pytestmark = pytest.mark.slow
TILLS = "heptad.testing.tills.system:tills"


class Quiet:
    """Progress nobody watches."""

    def advance(self, n: int = 1) -> None: ...
    def say(self, text: str) -> None: ...
    def line(self, text: str) -> None: ...

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Quiet]:
        yield self


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    home = tmp_path_factory.mktemp("tills")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        target = load_target(TILLS)
        size = Size(replay_requests=100, audited_values=1_500, drill_requests=60)
        run_system(target, load_profile(target), progress=Quiet(), out=home / "out", size=size)
    return json.loads((home / "out" / "summary.json").read_text(encoding="utf-8"))


def test_what_it_served_is_what_the_oracle_says_and_both_planted_faults_are_found(summary):
    audit = summary["audit"]
    assert audit["compared"] >= 1_000
    assert audit["mismatches"] == 0
    assert {fault["fault"] for fault in audit["planted"] if fault["found"]} == {"skew", "leak"}
    assert summary["latency_ms"]["fallbacks"] == 0


def test_the_gate_passed_a_model_better_than_the_prior(summary):
    assert summary["gate"]["passed"]
    ap = {name: metrics["average_precision"] for name, metrics in summary["metrics"].items()}
    assert ap["heptad"] > 3 * ap["prior"]


def test_drift_was_seen_and_answered_and_bad_labels_refused(summary):
    drift = summary["drift"]
    assert (drift["detected"], drift["answered"], drift["corrupted_refused"]) == (True, True, True)


def test_features_computed_wrongly_promise_or_deliver_less(summary):
    rows = {row["name"]: row for row in summary["disease"]["rows"]}
    assert rows["heptad"]["offline"] == rows["heptad"]["replayed"]
    assert rows["today's aggregates"]["replayed"] < rows["heptad"]["replayed"]


def test_the_report_and_the_design_document_show_what_was_found(summary):
    page = render(summary)
    assert 'id="detection"' in page
    assert "precision@5 per card every 1d" in page
    document = design_markdown(describe(load_target(TILLS)), summary)
    assert "Classification" in document
    assert "the 10 highest probabilities per 1d" in document
