"""A replay served and audited: history posted in virtual time, requests answered in between, values recomputed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.lifecycle.history import History
from heptad.lifecycle.requests import Requests
from heptad.monitoring.audit import Audit, Served, audit, rows_asked
from heptad.offline.sources import rows_of
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Logged
from heptad.plan.nodes import Plan
from heptad.run.planted import ROWS, leak, skew
from heptad.run.progress import Stage
from heptad.run.served import answering, context_names, served_of
from heptad.run.target import Target
from heptad.serving.decision import Decision
from heptad.serving.desk import Desk
from heptad.serving.pipeline import Pipeline
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.underway import Asked
from heptad.state.open import open_store
from heptad.state.store import Store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.streams.replay import Dated, Replay
from heptad.streams.replay import history as dated
from heptad.times import MINUTE

#: One event in this many comes late, by `LATE_BY`: as in life, and the audit must tell late from wrong.
LATE_SHARE: Final = 100
LATE_BY: Final = 10 * MINUTE


class Deployment(NamedTuple):
    """One process's deployment in virtual time."""

    plan: Plan
    log: Log
    store: Store
    clock: ReplayClock
    reader: Reader
    pipeline: Pipeline | Desk
    predictions: PredictionLog
    replay: Replay


@dataclass(frozen=True)
class ReplayResult:
    """The summary's ``audit`` and ``latency_ms`` sections; freshness is measured while events are posted.

    ``candidates`` is how many the model ranked, for each request that no fallback answered; ``items`` how many
    there are to rank. A classification's request has one candidate.
    """

    audit: dict[str, Any]
    latency: dict[str, Any]
    freshness_ms: list[float]
    candidates: list[int]
    items: int


@contextmanager
def deployment(
    target: Target, plan: Plan, rows: list[Dated], scorer: Scorer, directory: Path
) -> Iterator[Deployment]:
    """A fresh deployment under ``directory``, on the embedded store; whatever was there is removed.

    Decisions are kept whole: the audit draws from the values of all candidates.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with ExitStack() as stack:
        log = stack.enter_context(Log.open(directory / "log"))
        store = open_store(f"embedded:{directory / 'state'}", plan.state_hash)
        stack.callback(store.close)
        predictions = stack.enter_context(PredictionLog.open(directory / "predictions", whole=True))
        clock = ReplayClock(rows[0].at if rows else 0)
        appender = Appender(plan, log, clock)
        applier = Applier(plan, log, store, appender)
        reader = Reader(plan, store, clock)
        pipeline = answering(target.system, plan, reader, scorer)
        replay = Replay(appender, applier, rows, clock)
        yield Deployment(plan, log, store, clock, reader, pipeline, predictions, replay)


def on_time(history: History) -> list[Dated]:
    """Every row of the history as its sender would post it, at its own time; of one time, tables first."""
    rows = {name: _as_posted(batch) for name, batch in history.batches.items()}
    return dated(history.plan, rows)


def with_late_ones(plan: Plan, rows: list[Dated]) -> list[Dated]:
    """The rows with one event in a hundred posted later than it happened, within every stream's lateness."""
    draw = np.random.default_rng(0)
    tables = {stream.name for stream in plan.streams if stream.is_table}
    bounds = [stream.lateness // 2 for stream in plan.streams if stream.lateness is not None]
    delay = min([LATE_BY, *bounds])
    moved = [
        row._replace(at=row.at + delay)
        if row.stream not in tables and draw.integers(LATE_SHARE) == 0
        else row
        for row in rows
    ]
    return sorted(moved, key=lambda row: row.at)


def _as_posted(batch: Batch) -> Iterator[dict[str, Any]]:
    """The rows as their sender would post them: without what the appender looks up."""
    looked_up = {field.name for field in batch.stream.fields if field.lookup is not None}
    for row in rows_of(batch):
        yield {name: None if name in looked_up else value for name, value in row.items()}


def replay_and_audit(
    target: Target,
    history: History,
    scorer: Scorer,
    version: str,
    requests: Requests,
    directory: Path,
    *,
    values: int,
    stage: Stage,
) -> ReplayResult:
    """Serve the requests in virtual time, then recompute served values by the oracle from the log."""
    if not len(requests):
        raise DataError(
            "replay", "requests with a settled label in the test period", "none",
            "test on a longer part of the history",
        )  # fmt: skip
    plan = history.plan
    took: list[float] = []
    fresh: list[float] = []
    stages: dict[str, list[float]] = {}
    with deployment(
        target, plan, with_late_ones(plan, on_time(recent(history, requests))),
        replace(scorer, version=version), directory,
    ) as live:  # fmt: skip
        stage.say("posting the history before the first request")
        live.replay.advance_to(int(requests.t[0]))
        live.pipeline.warm()
        for number, t in enumerate(requests.t.tolist()):
            stage.say("answering requests")
            began = time.perf_counter()
            live.replay.advance_to(t)
            fresh.append(1e3 * (time.perf_counter() - began))
            asked = _asked(live, requests, number)
            began = time.perf_counter()
            outcome = live.pipeline.rank(asked)
            took.append(1e3 * (time.perf_counter() - began))
            if outcome.error is not None:
                raise outcome.error
            for name, microseconds in outcome.answer.took_us.items():
                stages.setdefault(name, []).append(microseconds / 1e3)
            live.predictions.append(outcome.decision, t)
            stage.advance()
        live.predictions.close()
        decisions = list(live.predictions.read())
        served = [served_of(live.pipeline, decision) for decision in decisions if decision.columns]
        planted = _planted(live, [decision for decision in decisions if decision.columns])
        live.replay.finish()
        stage.say("recomputing served values by the oracle")
        codec = Codec(plan)
        records: list[Logged] = codec.logged(live.log.read_columns(0, live.log.end))
    read = [*served, *(wrong for wrong in planted.values() if wrong is not None)]
    oracle = Oracle(plan, records, [row for one in read for row in rows_asked(one)])
    found = audit(oracle, len(records), served, values=values)
    faults = []
    for fault, wrong in planted.items():
        checked = audit(
            oracle, len(records), [] if wrong is None else [wrong], values=ROWS * len(plan.columns)
        )
        faults.append({"fault": fault, "found": checked.mismatches > 0, "detail": _first(checked)})
    section = {
        "compared": found.compared, "equal": found.equal, "mismatches": found.mismatches, "late": found.late,
        "planted": faults,
    }  # fmt: skip
    latency = latency_section(took, stages) | {"fallbacks": len(decisions) - len(served)}
    counts = [len(decision.items) for decision in decisions if decision.columns]
    items = 1 if scorer.retriever is None else len(scorer.retriever.index)
    return ReplayResult(section, latency, fresh, counts, items)


def recent(history: History, requests: Requests) -> History:
    """The history less what is too old for any window of any request, where no window is over all time.

    What is left out could change no value that is served; tables stay whole.
    """
    kept = [ring.retention for group in history.plan.groups for ring in group.rings]
    if None in kept or not kept:
        return history
    lateness = max(stream.lateness or 0 for stream in history.plan.streams)
    begin = int(requests.t[0]) - max(r for r in kept if r is not None) - lateness
    batches = {
        name: batch if batch.stream.is_table else batch.take(np.flatnonzero(batch.time >= begin))
        for name, batch in history.batches.items()
    }
    return History(history.plan, batches)


def _asked(live: Deployment, requests: Requests, number: int) -> Asked:
    context = _context(live, requests, number)
    if isinstance(live.pipeline, Desk):
        return live.pipeline.ask(context, str(_plain(requests.item[number])), str)
    return live.pipeline.ask(_plain(requests.user[number]), None, context, f"r{number}")


def _planted(live: Deployment, decisions: list[Decision]) -> dict[str, Served | None]:
    """The faults, planted into the newest decision that the model made; None where it made none."""
    if not decisions:
        return {"leak": None, "skew": None}
    return {
        "leak": leak(live.pipeline, live.reader, live.replay, decisions[-1]),
        "skew": skew(live.pipeline, live.store, live.clock, decisions[-1]),
    }


def latency_section(took: list[float], stages: Mapping[str, list[float]]) -> dict[str, Any]:
    """Percentiles and a histogram of milliseconds, one request after the other in one process."""
    shown = np.maximum(took, 0.01)
    edges = np.geomspace(shown.min(), shown.max() * 1.001, 25)
    counts, _ = np.histogram(shown, edges)
    return {
        "p50": float(np.percentile(took, 50)),
        "p99": float(np.percentile(took, 99)),
        "max": float(max(took)),
        "requests": len(took),
        "stages": {
            name: {"p50": float(np.percentile(ms, 50)), "p99": float(np.percentile(ms, 99))}
            for name, ms in stages.items()
        },
        "histogram": {"edges_ms": edges.tolist(), "counts": counts.tolist()},
    }


def _context(live: Deployment, requests: Requests, number: int) -> dict[str, Any]:
    """The context a client would send with this request: what its event brings for the features."""
    names = context_names(live.plan, live.pipeline.shape)
    held = {name: column for name, column in requests.context.items() if name in names}
    fields = live.pipeline.shape.context
    return {
        name: _sent(fields[name].kind, column.values[number]) if column.valid[number] else None
        for name, column in held.items()
    }


def _sent(kind: Kind, value: Any) -> Any:
    plain = _plain(value)
    return bool(plain) if kind is Kind.BOOL else plain


def _first(checked: Audit) -> str:
    if not checked.compared:
        return "nothing to plant it in: the model answered no request"
    if not checked.wrong:
        return "not found"
    wrong = checked.wrong[0]
    return f"{wrong.column} served as {wrong.served}, the log says {wrong.recomputed}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
