"""`heptad check`: every number of step 1, measured on this machine over HTTP in an open loop."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from heptad.declare.framing import Ranking
from heptad.declare.retrieval import Retrieval
from heptad.plan.batch import Batch
from heptad.run.check_load import MOST, freshness_row, load_rows, load_seconds, load_section
from heptad.run.check_search import check_search
from heptad.run.check_server import server
from heptad.run.history import load_history
from heptad.run.load.bodies import new_events, path_of, requests_of
from heptad.run.load.events import Events
from heptad.run.load.measured import Freshness
from heptad.run.load.open_loop import Load, open_loop
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.requirements import candidates_row, kpi_of_last_run, row
from heptad.run.target import Target
from heptad.serving.prediction_log import PredictionLog

FRESH_EVENTS: Final = 20


def check_system(target: Target, profile: Profile, *, progress: Progress) -> dict[str, Any]:
    """Start a server with a state of its own, load it at the declared rate, post events, read the answers.

    The deployment's own log and states are not touched. The KPI is that of the last run.
    """
    if isinstance(target.system.framing, Retrieval):
        return check_search(target, profile, progress=progress)
    needs = target.system.requirements
    with progress.stage("reading the history"):
        event = target.system.label.event.__name__
        history = load_history(target.system.plan, profile).history
    batch = history.batches[event]
    ranks = isinstance(target.system.framing, Ranking)
    seconds = load_seconds(needs.qps)
    load = Load(
        requests_of(target, batch, MOST), needs.qps, seconds, path=path_of(target), window=seconds,
        events=Events(event, new_events(batch, 4 * FRESH_EVENTS), FRESH_EVENTS / seconds),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="heptad-check-") as state:
        progress.line("starting a server with a state of its own")
        with server(target, profile, Path(state)) as url:
            title = f"{seconds:.0f} s at {needs.qps:g} per second"
            with progress.stage(title, round((seconds + load.warm_up) * needs.qps)) as stage:
                loaded = open_loop(url, load, stage)
        ranked = _ranked(Path(state))
    fresh = loaded.freshness or Freshness()
    seen = fresh.visible.percentile(99)
    rows = [
        *load_rows(needs, loaded),
        *([candidates_row(needs.candidates, ranked, _items(target, batch))] if ranks else []),
        row("fallbacks", "none of them", f"{loaded.flagged} of {loaded.requests}", not loaded.flagged),
        freshness_row(needs, seen),
        kpi_of_last_run(target),
    ]
    return {"system": target.name, "requirements": rows, "load": load_section(loaded, seen)}


def _ranked(state: Path) -> list[int]:
    """How many candidates the model ranked in each decision that the stopped server logged."""
    with PredictionLog.open(state / "predictions", readonly=True) as predictions:
        return [len(decision.candidates) for decision in predictions.read() if decision.columns]


def _items(target: Target, batch: Batch) -> int:
    """How many items there are to rank."""
    items = batch.columns[target.system.ranking.item.name]
    return len(set(items.values[items.valid].tolist()))
