"""`heptad check`: every number of step 1, measured on this machine over HTTP in an open loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from heptad.declare.framing import Ranking
from heptad.errors import StateError
from heptad.plan.batch import Batch
from heptad.run.history import load_history
from heptad.run.load.bodies import new_events, path_of, requests_of
from heptad.run.load.events import Events
from heptad.run.load.measured import Freshness
from heptad.run.load.open_loop import Load, open_loop
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.requirements import candidates_row, kpi_and_best_baseline
from heptad.run.target import Target
from heptad.serving.keys import VARIABLE
from heptad.serving.prediction_log import PredictionLog
from heptad.times import MILLISECOND, duration

#: Seconds of load, and the fewest and most requests a check sends.
LOAD_SECONDS: Final = 15.0
FEWEST, MOST = 200, 3_000
FRESH_EVENTS: Final = 20


def check_system(target: Target, profile: Profile, *, progress: Progress) -> dict[str, Any]:
    """Start a server with a state of its own, load it at the declared rate, post events, read the answers.

    The deployment's own log and states are not touched. The KPI is that of the last run.
    """
    needs = target.system.requirements
    with progress.stage("reading the history"):
        event = target.system.label.event.__name__
        history = load_history(target.system.plan, profile).history
    batch = history.batches[event]
    ranks = isinstance(target.system.framing, Ranking)
    seconds = min(max(LOAD_SECONDS * needs.qps, FEWEST), MOST) / needs.qps
    load = Load(
        requests_of(target, batch, MOST), needs.qps, seconds, path=path_of(target), window=seconds,
        events=Events(event, new_events(batch, 4 * FRESH_EVENTS), FRESH_EVENTS / seconds),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="heptad-check-") as state:
        progress.line("starting a server with a state of its own")
        with _server(target, profile, Path(state)) as url:
            title = f"{seconds:.0f} s at {needs.qps:g} per second"
            with progress.stage(title, round((seconds + load.warm_up) * needs.qps)) as stage:
                loaded = open_loop(url, load, stage)
        ranked = _ranked(Path(state))
    fresh = loaded.freshness or Freshness()
    p99, seen = loaded.percentile(99), fresh.visible.percentile(99)
    kept_up = loaded.achieved >= 0.95 * loaded.offered and not loaded.failed
    rows = [
        _row("p99", needs.p99, f"{p99:.1f}ms", p99 * MILLISECOND <= duration(needs.p99)),
        _row("qps", f"{needs.qps:g} per second", f"{loaded.achieved:.1f} per second", kept_up),
        *([candidates_row(needs.candidates, ranked, _items(target, batch))] if ranks else []),
        _row("fallbacks", "none of them", f"{loaded.flagged} of {loaded.requests}", not loaded.flagged),
        _row("freshness", needs.freshness, f"{seen:.1f}ms", seen * MILLISECOND <= duration(needs.freshness)),
        _kpi(target),
    ]
    measured = {
        "p50_ms": loaded.percentile(50), "p99_ms": p99, "requests": loaded.requests, "offered": loaded.offered,
        "achieved": loaded.achieved, "failed": loaded.failed, "flagged": loaded.flagged, "freshness_ms": seen,
        "flags": dict(loaded.whole.flagged), "doubts": loaded.doubts(),
    }  # fmt: skip
    return {"system": target.name, "requirements": rows, "load": measured}


def _ranked(state: Path) -> list[int]:
    """How many candidates the model ranked in each decision that the stopped server logged."""
    with PredictionLog.open(state / "predictions", readonly=True) as predictions:
        return [len(decision.items) for decision in predictions.read() if decision.columns]


def _items(target: Target, batch: Batch) -> int:
    """How many items there are to rank."""
    items = batch.columns[target.system.ranking.item.name]
    return len(set(items.values[items.valid].tolist()))


@contextmanager
def _server(target: Target, profile: Profile, state: Path) -> Iterator[str]:
    """A server process on a free port, its log and states in ``state``; stopped by SIGTERM at the end."""
    command = [
        sys.executable, "-c", "from heptad.cli.main import main; main()", "serve", target.address,
        "--profile", profile.name, "--config", str(profile.path), "--state", str(state), "--port", "0",
    ]  # fmt: skip
    unkeyed = {name: value for name, value in os.environ.items() if name != VARIABLE}  # it asks without a key
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=unkeyed
    ) as process:
        said = []
        try:
            if process.stdout is None:
                raise StateError("server", "a process with output", "none", "report this")
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready "):
                    yield line.split()[1]
                    break
            else:
                raise StateError(
                    "server", "a line that says it is ready", "".join(said[-5:]).strip(), "mend what it says"
                )
        finally:
            process.terminate()
            process.communicate()


def _kpi(target: Target) -> dict[str, Any]:
    path = Path(".heptad") / target.name / "summary.json"
    name = target.system.requirements.kpi.name
    if not path.is_file():
        said = f"not measured yet: run heptad run {target.name}"
        return _row("kpi", f"{name}: above every baseline", said, False)
    ours, best = kpi_and_best_baseline(json.loads(path.read_text(encoding="utf-8"))["kpi"]["by_model"])
    return _row(
        "kpi", f"{name}: above every baseline ({best:.0f})", f"{ours:.0f} in the last run", ours > best
    )


def _row(name: str, target: str, measured: str, holds: bool) -> dict[str, Any]:
    return {"name": name, "target": target, "measured": measured, "holds": bool(holds)}
