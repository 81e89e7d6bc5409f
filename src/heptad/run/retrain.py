"""`heptad retrain`: a challenger from what a deployment has logged, tested beside its champion; the gate decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from heptad.declare.framing import Ranking
from heptad.errors import DataError, StateError
from heptad.evaluation.splits import temporal
from heptad.lifecycle.comparison import Comparison
from heptad.lifecycle.feedback import feedback
from heptad.lifecycle.history import History
from heptad.lifecycle.logged import history_of_log
from heptad.lifecycle.prediction import Predictor
from heptad.lifecycle.retrain import Attempt, challenge
from heptad.lifecycle.task import split_at, task_of
from heptad.lifecycle.training import Effort
from heptad.registry.registry import Registry
from heptad.retrieval.blend import Retriever
from heptad.run.champion import load_champion
from heptad.run.feedback import decisions_of
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.target import Target
from heptad.serving.scorer import Scorer
from heptad.streams.clock import WallClock
from heptad.streams.log import Log
from heptad.times import duration, format_instant


class Learning(StrEnum):
    """What a challenger learns from."""

    EVENTS = "events"  #: every event of the log with candidates of that moment, as `heptad run` learns from the sources
    SHOWN = "shown"  #: what was shown and reported, features recomputed at the request's (t, o)
    LOGGED = "logged"  #: the same, features as they were served


@dataclass(frozen=True)
class _Served:
    """The champion as it serves."""

    retriever: Retriever | None
    predictor: Predictor

    @classmethod
    def of(cls, scorer: Scorer | None) -> _Served | None:
        if scorer is None:
            return None
        return cls(scorer.retriever, Predictor(scorer.encoder, scorer.classifier, scorer.calibrator))


def retrain(
    target: Target, profile: Profile, *, learning: Learning, progress: Progress, test: int | None = None
) -> dict[str, Any]:
    """Train, compare, let the gate promote or refuse; a running server follows its registry. The result as JSON.

    Tested on the newest ``test`` microseconds, by default the declared part: of the history, or of the feedback that is learned
    from; and on nothing that the champion has learned from. Raises DataError where there is nothing to learn from.
    """
    system = target.system
    if learning is not Learning.EVENTS and not isinstance(system.framing, Ranking):
        raise DataError(
            f"--from {learning}", "a ranking: what is shown teaches it", type(system.framing).__name__,
            f"heptad retrain {target.name} --from events: its rows are the events themselves",
        )  # fmt: skip
    registry = Registry(profile.registry)
    with progress.stage("reading the log"):
        history = _history(target, profile)
        now = WallClock().now() if profile.clock == "wall" else history.end
    scorer = load_champion(registry, target.name, system.plan.hash)
    cut = _cut(target, profile, history, learning, now, test)
    if scorer is not None and scorer.trained_through > cut:
        cut = scorer.trained_through
        progress.line(
            f"{scorer.version} has learned from all before {format_instant(cut)}: only what came then can test"
        )
    progress.line(f"learns from {learning} before {format_instant(cut)}, is tested on what came then")
    with progress.stage("training and comparing"):
        attempt = challenge(
            registry, target.name, system, history, _Served.of(scorer), now=now,
            held_back=now - cut - task_of(system).delay(system), effort=Effort(), reason=f"retrain from {learning}",
            decisions=None if learning is Learning.EVENTS else decisions_of(profile),
            logged=learning is Learning.LOGGED,
        )  # fmt: skip
    return {
        "system": target.name,
        "from": str(learning),
        "rows": {"train": len(attempt.trained.rows.pairs), "test": len(attempt.comparison.pairs)},
        "time": format_instant(now),
        "tested_from": format_instant(cut),
        "against": None if scorer is None else scorer.version,
        **_metrics(attempt.comparison),
        "gate": attempt.verdict.as_dict(),
        "challenger": {"name": attempt.version.name, "stage": str(attempt.version.stage)},
        **_feedback(attempt),
    }


def _history(target: Target, profile: Profile) -> History:
    if not profile.log.is_dir():
        raise StateError(
            f"the log of {target.name}", f"a directory {profile.log}", "none",
            f"serve it first (heptad serve {target.name}); heptad run {target.name} trains from the sources",
        )  # fmt: skip
    with Log.open(profile.log, readonly=True) as log:
        return history_of_log(target.system.plan, log)


def _cut(
    target: Target, profile: Profile, history: History, learning: Learning, now: int, test: int | None
) -> int:
    """From when on requests test."""
    system = target.system
    if test is not None:
        return now - task_of(system).delay(system) - test
    if learning is Learning.EVENTS:
        return split_at(history, system)
    found = feedback(history, system, decisions_of(profile), now)
    if not len(found):
        raise DataError(
            "feedback", "impressions that name their request and whose attribution window has passed",
            f"none that taught: {found.report}", "post them, with the request id of the answer that showed the item",
        )  # fmt: skip
    declared = system.split.test
    if isinstance(declared, str):
        return temporal(found.t, test_span=duration(declared)).cut
    return temporal(found.t, test_share=declared).cut


def _metrics(comparison: Comparison) -> Mapping[str, Any]:
    return {"metrics": {name: dict(one.metrics) for name, one in comparison.contenders.items()}}


def _feedback(attempt: Attempt) -> Mapping[str, Any]:
    """What became of the impressions, and how far the logged features are from those recomputed."""
    if attempt.report is None or attempt.difference is None:
        return {}
    said = attempt.difference
    return {
        "feedback": asdict(attempt.report),
        "difference": {
            "compared": said.compared, "differ": dict(said.differ), "degraded": said.degraded,
        },
    }  # fmt: skip
