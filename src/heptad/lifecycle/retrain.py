"""Retraining: train a challenger, test it beside the champion, let the gate decide, record why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.evaluation.gate import Verdict
from heptad.lifecycle.comparison import Comparison
from heptad.lifecycle.evaluate import MAIN, decide
from heptad.lifecycle.feedback import Difference, Report, difference, feedback, learned_from, recomputed
from heptad.lifecycle.history import History
from heptad.lifecycle.prediction import Predictor
from heptad.lifecycle.task import task_of
from heptad.lifecycle.training import Effort, Rows, Trained
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage, Version
from heptad.retrieval.blend import Retriever
from heptad.serving.decision import Decision
from heptad.serving.scorer import Scorer
from heptad.times import format_instant

CHAMPION: Final = "champion"


class Champion(Protocol):
    """What a challenger is compared with: a system that was trained, or one that was loaded to serve."""

    @property
    def retriever(self) -> Retriever | None: ...

    @property
    def predictor(self) -> Predictor: ...


@dataclass(frozen=True, eq=False)
class Attempt:
    """One challenger: what it is, how it compared, what the gate said, and where it is registered.

    Of one that learned from feedback also what became of the impressions, and how far the logged features are
    from those recomputed.
    """

    trained: Trained
    comparison: Comparison
    verdict: Verdict
    version: Version
    report: Report | None = None
    difference: Difference | None = None


def scorer_of(history: History, trained: Trained) -> Scorer:
    """What serving loads: every learned part, tied to the plan it was trained on."""
    predictor = trained.predictor
    return Scorer(
        predictor.encoder, predictor.classifier, trained.retriever, history.plan.hash, predictor.calibrator,
        threshold=trained.threshold, prior=trained.prior,
    )  # fmt: skip


def lineage_of(history: History, cut: int) -> Lineage:
    """Hashes of the data before the cut, of the plan, and of heptad's own code."""
    return Lineage(history.before(cut).hash, history.plan.hash, code_hash(), cut)


def code_hash() -> str:
    """SHA-256 over the source files of the package, 16 hex digits."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def register(
    registry: Registry,
    name: str,
    system: Declaration,
    history: History,
    trained: Trained,
    comparison: Comparison,
    champion: str | None,
    *,
    time: int,
    reason: str,
) -> tuple[Version, Verdict]:
    """Register a trained system, let the gate decide, and promote or refuse it with the gate's reasons."""
    verdict = decide(system, comparison, champion)
    metrics = comparison.contenders[MAIN].metrics
    version = registry.register(
        name,
        scorer_of(history, trained).save,
        metrics=metrics,
        lineage=lineage_of(history, trained.cut),
        time=time,
        reason=reason,
    )
    failed = [f"{check.check}: {check.why}" for check in verdict.checks if not check.passed]
    if verdict.passed:
        return registry.promote(name, version.name, time=time, reason="the gate passed"), verdict
    return registry.refuse(name, version.name, time=time, reason="; ".join(failed)), verdict


def challenge(
    registry: Registry,
    name: str,
    system: Declaration,
    history: History,
    champion: Champion | None,
    *,
    now: int,
    held_back: int,
    effort: Effort,
    reason: str,
    corrupt: Callable[[Rows], Rows] | None = None,
    decisions: Iterable[Decision] | None = None,
    logged: bool = False,
) -> Attempt:
    """Train on what came before ``now - held_back``, test on the rest beside the champion, if there is one, and decide.

    Where labels lag, all of it is earlier by the lag: what is tested on must be settled by ``now``.

    With ``decisions`` of a deployment, whose log the history is, it learns from the impressions that name their
    request: features recomputed at the request's (t, o), or as they were ``logged``.

    ``corrupt``, for drills, is called with the trained rows and returns the rows to fit instead.
    """
    task = task_of(system)
    cut = now - held_back - task.delay(system)
    known = history.before(now)
    report, differing = None, None
    if decisions is None:
        trained = task.train(known, system, cut, effort=effort, corrupt=corrupt, all_others=False)
    else:
        found = feedback(known, system, decisions, cut)
        if not len(found):
            raise DataError(
                "feedback", f"impressions that name their request, settled by {format_instant(cut)}",
                f"none that taught: {found.report}", "wait for more of them, or test on a shorter time",
            )  # fmt: skip
        report, differing = found.report, difference(found, recomputed(known, system, found))
        trained = learned_from(known, system, found, cut, logged=logged)
    tested = task.evaluation_set(known, system, trained, cut, now, most=effort.requests)
    if not len(tested.pairs):
        raise DataError(
            "retraining", f"requests with a true label from {format_instant(cut)} on", "none", "test on a longer time"
        )  # fmt: skip
    comparison = task.evaluate(system, tested, {MAIN: trained.predictor, **trained.others})
    if champion is not None:
        theirs = task.tested_on(known, system, champion.retriever, tested.pairs)
        old = task.evaluate(system, theirs, {MAIN: champion.predictor})
        contenders = dict(comparison.contenders) | {CHAMPION: old.contenders[MAIN]}
        comparison = Comparison(comparison.pairs, contenders, comparison.clusters)
    against = None if champion is None else CHAMPION
    version, verdict = register(
        registry, name, system, known, trained, comparison, against, time=now, reason=reason
    )
    return Attempt(trained, comparison, verdict, version, report, differing)
