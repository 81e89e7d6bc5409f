"""The champion of an earlier run, scored on the same requests as its challenger."""

from __future__ import annotations

from heptad.declare.system import Declaration
from heptad.errors import HeptadError
from heptad.lifecycle.comparison import Comparison
from heptad.lifecycle.evaluate import MAIN
from heptad.lifecycle.history import History
from heptad.lifecycle.prediction import Predictor
from heptad.lifecycle.retrain import CHAMPION
from heptad.lifecycle.task import task_of
from heptad.registry.registry import Registry
from heptad.serving.scorer import Scorer


def load_champion(registry: Registry, name: str, plan_hash: str) -> Scorer | None:
    """The champion's scorer, checked file by file; None before the first promotion."""
    version = registry.champion(name)
    if version is None:
        return None
    return Scorer.load(version.path, plan_hash, version=version.name, vouched=version.files)


def against_champion(
    registry: Registry, name: str, history: History, system: Declaration, comparison: Comparison
) -> tuple[Comparison, str | None]:
    """The comparison with the champion added under its name, and that name; unchanged where none can compete.

    A champion of another plan reads other features, and one trained on the test period has seen the answers:
    neither is compared.
    """
    try:
        scorer = load_champion(registry, name, history.plan.hash)
    except HeptadError:
        return comparison, None
    requests = comparison.pairs.requests
    if scorer is None or scorer.trained_through > int(requests.t.min()):
        return comparison, None
    task = task_of(system)
    tested = task.tested_on(history, system, scorer.retriever, comparison.pairs)
    predictor = Predictor(scorer.encoder, scorer.classifier, scorer.calibrator)
    theirs = task.evaluate(system, tested, {MAIN: predictor})
    contenders = dict(comparison.contenders) | {CHAMPION: theirs.contenders[MAIN]}
    return Comparison(comparison.pairs, contenders, comparison.clusters), CHAMPION
