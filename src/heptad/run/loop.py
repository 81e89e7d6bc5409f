"""The whole loop in one call: data, train, evaluate, gate, served replay, audit, drift and retrain, report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from heptad.declare.retrieval import Retrieval
from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.lifecycle.comparison import Comparison
from heptad.lifecycle.drill import Shift, run_drill
from heptad.lifecycle.evaluate import MAIN, calibration_section, kpi_section
from heptad.lifecycle.history import History
from heptad.lifecycle.naive import study
from heptad.lifecycle.requests import Requests
from heptad.lifecycle.retrain import register, scorer_of
from heptad.lifecycle.task import split_at, task_of
from heptad.lifecycle.training import Effort, Trained
from heptad.offline.intake import intake_lines, write_dead_letters
from heptad.registry.registry import Registry
from heptad.registry.version import Version
from heptad.run.champion import against_champion
from heptad.run.history import Loaded, admitted, load_history
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.replay import replay_and_audit
from heptad.run.requirements import measured_requirements
from heptad.run.search import run_search
from heptad.run.stopwatch import Stopwatch
from heptad.run.summary import Render, data_module, finish, head, provenance
from heptad.run.target import Target


@dataclass(frozen=True)
class Size:
    """How much of everything one run looks at, so that it ends in a minute or two."""

    test_requests: int = 3_000
    study_requests: int = 800
    drill_requests: int = 1_500
    replay_requests: int = 400
    audited_values: int = 12_000


def run_system(
    target: Target,
    profile: Profile,
    *,
    progress: Progress,
    out: Path,
    size: Size | None = None,
    render: Render | None = None,
) -> dict[str, Any]:
    """Run everything, write ``summary.json`` into ``out``, and return the summary.

    ``render`` writes the report from the summary to ``report.html``: the dashboard stands above this room,
    so whoever calls brings it.
    """
    if isinstance(target.system.framing, Retrieval):  # no events: another loop, with the same ends
        return run_search(target, profile, progress=progress, out=out, render=render)
    size = size or Size()
    system, watch = target.system, Stopwatch(progress)
    out.mkdir(parents=True, exist_ok=True)
    summary: dict[str, Any] = head(target)
    with watch.stage("load", "reading the history"):
        loaded = load_history(system.plan, profile)
        write_dead_letters(out / "refused.jsonl", loaded.taken)
        history = loaded.history
        cut = split_at(history, system)
    watch.line(f"{loaded.events:,} events of {target.name}; trained before, tested from {_date(cut)} on")
    summary["intake"] = {name: intake.report() for name, intake in loaded.taken.items()}
    for line in intake_lines(loaded.taken, out / "refused.jsonl"):
        watch.line(line)
    task = task_of(system)
    with watch.stage("train", "training"):
        trained = task.train(history, system, cut)
    with watch.stage("evaluate", "evaluating on later requests"):
        end = history.end
        tested = task.evaluation_set(history, system, trained, cut, end, most=size.test_requests)
        if not len(tested.pairs):
            raise DataError(
                "evaluation", f"requests with a true label from {_date(cut)} on", "none",
                "test on a longer part of the history: hp.TimeSplit(test=0.3)",
            )  # fmt: skip
        comparison = task.evaluate(system, tested, {MAIN: trained.predictor, **trained.others})
    registry = Registry(profile.registry)
    with watch.stage("gate", "asking the gate"):
        comparison, champion = against_champion(registry, target.name, history, system, comparison)
        version, verdict = register(
            registry, target.name, system, history, trained, comparison, champion, time=cut, reason="run"
        )
    summary |= task.sections(history, system, trained, comparison)
    summary["gate"] = verdict.as_dict()
    summary["calibration"] = calibration_section(comparison)
    summary["kpi"] = kpi_section(system, comparison)
    watch.line(_headline(task.metric, comparison, verdict.passed, version))
    with watch.stage("study", "computing features the usual wrong ways, to compare"):
        summary["disease"] = study(history, system, trained, tested, most=size.study_requests)
    with watch.stage("replay", "serving a replay", size.replay_requests * task.replayed) as stage:
        requests = replayed_requests(history, target, cut, end, size.replay_requests * task.replayed)
        served = replay_and_audit(
            target, history, scorer_of(history, trained), version.name, requests, out / "replay",
            values=size.audited_values, stage=stage,
        )  # fmt: skip
    summary["audit"], summary["latency_ms"] = served.audit, served.latency
    watch.line(_audit_line(served.audit))
    with watch.stage("drill", "drift, retraining and a corrupted challenger") as stage:
        shutil.rmtree(out / "drill", ignore_errors=True)
        effort = Effort(requests=size.drill_requests)
        outcome = run_drill(
            history, system, trained, Registry(out / "drill"), target.name,
            end=end, effort=effort, say=stage.say, shift=drifted(target, profile),
        )  # fmt: skip
    summary["drift"] = outcome.section
    summary["rows"] = rows_section(loaded, trained, comparison, requests)
    summary |= provenance(target, profile, registry)
    summary["requirements"] = measured_requirements(system, summary, served)
    finish(summary, watch, out, render)
    return summary


def drifted(target: Target, profile: Profile) -> Shift | None:
    """The drift that the system's own data module makes (`drifted`), where it has one.

    ``drifted(at)`` gives the rows of every stream by its class's name, alike with the profile's until ``at``;
    it is called with the arguments of the profile's sources too.
    """
    module = data_module(target)
    make = getattr(module, "drifted", None)
    if not callable(make):
        return None

    arguments = {
        name: value for source in profile.sources.values() for name, value in source.arguments.items()
    }

    def shifted(history: History, system: Declaration, at: int) -> History:
        return admitted(history.plan, make(at, **arguments)).history

    said = (make.__doc__ or "the data module's own drift").strip().splitlines()[0]
    return Shift(shifted, said.rstrip("."))


def replayed_requests(history: History, target: Target, begin: int, end: int, most: int) -> Requests:
    """Requests of the test period, drawn at random, in time order: what the replay asks."""
    requests = task_of(target.system).requests(history, target.system, end)
    inside = np.flatnonzero((requests.t >= begin) & (requests.t < end))
    mask = np.zeros(len(requests), np.bool_)
    mask[np.random.default_rng(0).permutation(inside)[:most]] = True
    return requests.select(mask)


def rows_section(
    loaded: Loaded, trained: Trained, comparison: Comparison, requests: Requests
) -> dict[str, int]:
    """How many events, training rows, test rows and served requests there were."""
    return {
        "events": loaded.events,
        "train": len(trained.rows.pairs),
        "test": len(comparison.pairs),
        "requests": len(requests),
    }


def _date(t: int) -> str:
    return datetime.fromtimestamp(t / 1e6, UTC).date().isoformat()


def _headline(metric: str, comparison: Comparison, passed: bool, version: Version) -> str:
    scores = ", ".join(f"{name} {c.metrics[metric]:.3f}" for name, c in comparison.contenders.items())
    return f"{metric}: {scores}; {version.name} {'passed the gate' if passed else 'was refused'}"


def _audit_line(audit: dict[str, Any]) -> str:
    found = sum(fault["found"] for fault in audit["planted"])
    return (
        f"audit: {audit['compared']:,} served values, {audit['mismatches']} wrong, {audit['late']} late;"
        f" {found} of {len(audit['planted'])} planted faults found"
    )
