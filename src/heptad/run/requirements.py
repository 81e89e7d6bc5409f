"""Every number of step 1 beside what a run measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heptad.declare.framing import Ranking
from heptad.declare.system import Declaration
from heptad.lifecycle.evaluate import MAIN
from heptad.lifecycle.retrain import CHAMPION
from heptad.run.replay import ReplayResult
from heptad.run.target import Target
from heptad.times import MILLISECOND, duration


def measured_requirements(
    system: Declaration, summary: dict[str, Any], served: ReplayResult
) -> list[dict[str, Any]]:
    """name, target, measured, holds of each requirement.

    In a replay requests come one after the other, so the rate is the most one process could answer in a row;
    `heptad check` measures an open loop over HTTP.
    """
    needs = system.requirements
    p50, p99 = summary["latency_ms"]["p50"], summary["latency_ms"]["p99"]
    fresh = sorted(served.freshness_ms)[int(0.99 * (len(served.freshness_ms) - 1))]
    rate = 1e3 / p50
    ours, best = kpi_and_best_baseline(summary["kpi"]["by_model"])
    return [
        row("p99", needs.p99, f"{p99:.1f}ms", p99 * MILLISECOND <= duration(needs.p99)),
        row("qps", f"{needs.qps:g} per second", f"{rate:.0f} per second", rate >= needs.qps),
        *_candidates(system, served),
        row("freshness", needs.freshness, f"{fresh:.1f}ms", fresh * MILLISECOND <= duration(needs.freshness)),
        row("kpi", f"above every baseline ({best:.0f})", f"{ours:.0f} {summary['kpi']['unit']}", ours > best),
    ]


def _candidates(system: Declaration, served: ReplayResult) -> list[dict[str, Any]]:
    """How many were ranked; a classification's request has one row, which needs no measuring."""
    if not isinstance(system.framing, Ranking):
        return []
    return [candidates_row(system.requirements.candidates, served.candidates, served.items)]


def candidates_row(target: int, counts: Sequence[int], items: int) -> dict[str, Any]:
    """How many candidates the model ranked per request, the median; a small catalogue has no more than its items."""
    median = int(np.median(counts)) if counts else 0
    measured = f"{median} ranked, the median of {len(counts)} requests"
    return row("candidates", str(target), measured, median >= min(target, items))


def kpi_and_best_baseline(by_model: Mapping[str, Mapping[str, float | None]]) -> tuple[float, float]:
    """Our KPI and the best of the baselines; an earlier champion is ours too and no baseline."""
    measured = {name: math.nan if row["kpi"] is None else row["kpi"] for name, row in by_model.items()}
    return measured[MAIN], max(kpi for name, kpi in measured.items() if name not in (MAIN, CHAMPION))


def kpi_of_last_run(target: Target) -> dict[str, Any]:
    """The KPI, which a check does not measure."""
    path = Path(".heptad") / target.name / "summary.json"
    name = target.system.requirements.kpi.name
    if not path.is_file():
        said = f"not measured yet: run heptad run {target.name}"
        return row("kpi", f"{name}: above every baseline", said, False)
    ours, best = kpi_and_best_baseline(json.loads(path.read_text(encoding="utf-8"))["kpi"]["by_model"])
    return row(
        "kpi", f"{name}: above every baseline ({best:.0f})", f"{ours:.0f} in the last run", ours > best
    )


def row(name: str, target: str, measured: str, holds: bool) -> dict[str, Any]:
    """A requirement beside what was measured."""
    return {"name": name, "target": target, "measured": measured, "holds": bool(holds)}
