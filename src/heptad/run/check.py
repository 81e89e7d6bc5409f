"""`heptad check`: every number of step 1, measured on this machine over HTTP in an open loop."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from heptad.declare.framing import Ranking
from heptad.declare.types import Role
from heptad.errors import StateError
from heptad.offline.sources import rows_of
from heptad.plan.batch import Batch
from heptad.run.history import load_history
from heptad.run.load import freshness, open_loop
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.requirements import candidates_row, kpi_and_best_baseline
from heptad.run.served import context_names
from heptad.run.target import Target
from heptad.serving.columns import shape_of
from heptad.serving.prediction_log import PredictionLog
from heptad.times import MILLISECOND, SECOND, duration

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
        history = load_history(target.system.plan, profile).history
    event = target.system.framing.objective.label.event.__name__
    batch = history.batches[event]
    ranks = isinstance(target.system.framing, Ranking)
    path, make = ("/rank", _bodies) if ranks else ("/predict", _cases)
    bodies = make(target, batch, int(min(max(LOAD_SECONDS * needs.qps, FEWEST), MOST)))
    with tempfile.TemporaryDirectory(prefix="heptad-check-") as state:
        progress.line("starting a server with a state of its own")
        with _server(target, profile, Path(state)) as url:
            with progress.stage(f"{len(bodies)} requests at {needs.qps:g} per second"):
                open_loop(url, bodies[:20], needs.qps, path=path)  # connections and caches
                loaded = open_loop(url, bodies, needs.qps, path=path)
            with progress.stage(f"posting {FRESH_EVENTS} events"):
                fresh = freshness(url, event, _new_rows(batch, profile), bodies[0], path=path)
        ranked = _ranked(Path(state))
    p99, seen = loaded.percentile(99), float(np.percentile(fresh, 99))
    kept_up = loaded.achieved >= 0.95 * loaded.offered and not loaded.failed
    rows = [
        _row("p99", needs.p99, f"{p99:.1f}ms", p99 * MILLISECOND <= duration(needs.p99)),
        _row("qps", f"{needs.qps:g} per second", f"{loaded.achieved:.1f} per second", kept_up),
        *([candidates_row(needs.candidates, ranked, _items(target, batch))] if ranks else []),
        _row("fallbacks", "none of them", f"{loaded.flagged} of {len(bodies)}", not loaded.flagged),
        _row("freshness", needs.freshness, f"{seen:.1f}ms", seen * MILLISECOND <= duration(needs.freshness)),
        _kpi(target),
    ]
    measured = {
        "p50_ms": loaded.percentile(50), "p99_ms": p99, "requests": len(bodies), "offered": loaded.offered,
        "achieved": loaded.achieved, "failed": loaded.failed, "flagged": loaded.flagged, "freshness_ms": seen,
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
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
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


def _bodies(target: Target, batch: Batch, n: int) -> list[dict[str, Any]]:
    """Requests of users with history, the newest first, repeated to n, with what their newest event brings."""
    system = target.system
    user, item = system.ranking.user.name, system.ranking.item.name
    shape = shape_of(system, system.plan, [column.name for column in system.plan.columns])
    names = context_names(system.plan, shape)
    bodies: dict[Any, dict[str, Any]] = {}
    newest_first = np.argsort(batch.time, kind="stable")[::-1]
    for row in rows_of(batch.take(newest_first)):
        if row[user] is not None and row[item] is not None and row[user] not in bodies:
            bodies[row[user]] = {"user": row[user], "context": {name: row[name] for name in names}}
    known = list(bodies.values())
    return [known[i % len(known)] for i in range(n)]


def _cases(target: Target, batch: Batch, n: int) -> list[dict[str, Any]]:
    """The newest events as requests, repeated to n: all that an event brings, but its id and its times."""
    apart = (Role.KEY, Role.TIME, Role.KNOWN_AT)
    names = [f.name for f in batch.stream.fields if f.role not in apart and f.lookup is None]
    newest_first = np.argsort(batch.time, kind="stable")[::-1][:n]
    known = [{name: row[name] for name in names} for row in rows_of(batch.take(newest_first))]
    return [known[i % len(known)] for i in range(n)]


def _new_rows(batch: Batch, profile: Profile) -> list[dict[str, Any]]:
    """The newest event posted again as new ones: other ids, later times."""
    stream = batch.stream
    newest = int(np.argmax(batch.time))
    row = next(iter(rows_of(batch.take(np.array([newest])))))
    row = {f.name: row[f.name] for f in stream.fields if f.lookup is None}
    rows = []
    for number in range(1, FRESH_EVENTS + 1):
        new = dict(row)
        if stream.key is not None:
            old = row[stream.key.name]
            new[stream.key.name] = f"{old}-check-{number}" if isinstance(old, str) else 2**62 + number
        if stream.time is not None:
            new[stream.time.name] = int(batch.time[newest]) + number * SECOND
        rows.append(new)
    return rows


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
