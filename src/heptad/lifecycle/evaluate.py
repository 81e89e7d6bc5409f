"""Evaluation of a trained system on later requests: contenders, gate, slices, and the KPI beside the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.rerank import MMR, Block, Cap, Explore, Unseen
from heptad.declare.serving import Popular
from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.evaluation import calibration
from heptad.evaluation.gate import Verdict, judge
from heptad.evaluation.kpi import LossAndKPI, disagreements
from heptad.lifecycle.comparison import Comparison, compare, source_scores
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, features_of, pairs_of
from heptad.lifecycle.prediction import Predicts
from heptad.lifecycle.training import Trained, settled_requests
from heptad.plan.rules import rule_name
from heptad.retrieval.blend import Retriever
from heptad.serving.rerank.blocked import any_holds
from heptad.serving.rerank.listed import Ranked
from heptad.serving.rerank.steps import arranged

#: The model under test, as reports call it.
MAIN: Final = "heptad"


@dataclass(frozen=True, eq=False)
class Tested:
    """Test pairs with their columns, so that further models are scored on the very same rows."""

    pairs: Pairs
    columns: Mapping[str, NDArray[Any]]


def evaluation_set(
    history: History, system: Declaration, trained: Trained, begin: int, end: int, *, most: int, seed: int = 0
) -> Tested:
    """Requests in [begin, end) with a positive outcome, at most ``most`` of them drawn at random.

    Each sees all that came before it, the test period's own past included (prequential evaluation:
    Dawid 1984); all contenders see the same.
    """
    requests = settled_requests(history, system, end)
    chosen = np.flatnonzero((requests.t >= begin) & (requests.t < end) & (requests.relevant() > 0))
    if len(chosen) > most:
        chosen = np.random.default_rng(seed).choice(chosen, most, replace=False)
    mask = np.zeros(len(requests), np.bool_)
    mask[chosen] = True
    pairs = pairs_of(history, system, known_retriever(trained.retriever), requests.select(mask))
    return Tested(pairs, features_of(history, system, pairs))


def known_retriever(retriever: Retriever | None) -> Retriever:
    """The candidate sources of a ranking system; DataError where there are none."""
    if retriever is None:
        raise DataError("trained system", "a retriever", "none", "train a ranking system")
    return retriever


def evaluate(
    system: Declaration, tested: Tested, models: Mapping[str, Predicts], main: str = MAIN
) -> Comparison:
    """Every model, and every candidate source alone, on the test pairs.

    Models are ordered as serving orders them: by the declared score and re-ranking steps (but without exploration);
    and by popularity, the fallback's, where the user has no history yet.
    """
    scored: dict[str, tuple[Any, Any]] = dict(source_scores(tested.pairs))
    known = tested.pairs.known[tested.pairs.request]
    fallback = _popularity(system, tested)
    for name, predictor in models.items():
        probability = predictor.predict(tested.columns)
        weight = system.ranking.score.weight
        factor = 1.0 if weight is None else np.asarray(tested.columns[weight.name], np.float64)
        ordered = _reranked(system, tested, probability * factor)
        scored[name] = (np.where(known, ordered, fallback), probability)
    return compare(system, tested.pairs, {main: scored.pop(main), **scored})


def _reranked(system: Declaration, tested: Tested, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """What orders the pairs (p,) as serving does; minus infinity where a step leaves an item out.

    It is the score itself, but in requests that a step orders otherwise: there it counts down to 1.
    """
    steps, pairs = system.retrieval.rerank, tested.pairs
    if all(isinstance(step, (Unseen, Explore)) for step in steps):
        return score  # candidates are proposed without what was seen
    columns = {step.column: tested.columns[step.column] for step in steps if isinstance(step, (Cap, MMR))}
    truths = [tested.columns.get(rule_name(place)) for place in range(len(steps))]
    edges = np.searchsorted(pairs.request, np.arange(len(pairs.requests) + 1))
    out = np.full(len(score), -np.inf)
    for request, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        own, rows = score[low:high], slice(low, high)
        of_own = {name: values[rows] for name, values in columns.items()}
        t = int(pairs.requests.t[request])
        ranked = Ranked(pairs.item[rows], of_own, (), t, system.requirements.shown)
        order = np.argsort(-own, kind="stable").astype(np.int64)
        listed, _ = arranged(steps, order, own, ranked, [None if v is None else v[rows] for v in truths])
        by_score = own[listed.order]
        counted = np.arange(len(by_score), 0, -1.0)
        out[low + listed.order] = by_score if (by_score[:-1] >= by_score[1:]).all() else counted
    return out


def _popularity(system: Declaration, tested: Tested) -> NDArray[np.float64]:
    """How popular each candidate was, (p,), minus infinity for a blocked one; nothing but popularity proposes items to
    a user without history.
    """
    pairs, steps = tested.pairs, system.retrieval.rerank
    declared = [source.name for source in system.retrieval.candidates if isinstance(source, Popular)]
    counts = pairs.scores[declared[0]] if declared else np.zeros(len(pairs))
    truths = [tested.columns[rule_name(place)] for place, step in enumerate(steps) if isinstance(step, Block)]
    return np.where(any_holds(truths, len(pairs)), -np.inf, counts)


def decide(
    system: Declaration, comparison: Comparison, champion: str | None = None, main: str = MAIN
) -> Verdict:
    """The declared gate on a comparison; ``champion`` names the contender that serves now."""
    contenders = comparison.contenders
    return judge(
        system.evaluation.gate,
        contenders[main].scores,
        champion=None if champion is None else contenders[champion].scores,
        baselines={name: c.scores for name, c in contenders.items() if name not in (main, champion)},
        clusters=comparison.clusters,
    )


def metrics_section(
    comparison: Comparison,
    main: str = MAIN,
    *,
    sure: Sequence[str] = ("ndcg@10", "recall@10", "recall@100", "hit@10"),
) -> dict[str, Any]:
    """metrics, the intervals of the ``sure`` ones, and paired differences of the first, as the summary holds them."""
    contenders, first = comparison.contenders, sure[0]
    intervals = {name: {m: _ends(comparison.interval(name, m)) for m in sure} for name in contenders}
    paired = []
    for name in contenders:
        if name != main:
            found = comparison.paired(main, name, first)
            row = {"difference": found.estimate, "low": found.low, "high": found.high}
            paired.append({"metric": first, "model": main, "against": name, **row})
    return {
        "metrics": {name: dict(c.metrics) for name, c in contenders.items()},
        "intervals": intervals,
        "paired": paired,
    }


def slice_section(
    comparison: Comparison, chosen: NDArray[np.bool_], metrics_: Sequence[str] = ("ndcg@10", "recall@10")
) -> dict[str, Any]:
    """Per-request metrics over some of the requests, with intervals."""
    metrics: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, list[float]]] = {}
    for name in comparison.contenders:
        for metric in metrics_:
            found = comparison.interval(name, metric, chosen)
            metrics.setdefault(name, {})[metric] = found.estimate
            intervals.setdefault(name, {})[metric] = _ends(found)
    return {"n": int(chosen.sum()), "metrics": metrics, "intervals": intervals}


def calibration_section(comparison: Comparison) -> dict[str, list[dict[str, float]]]:
    """Reliability bins of every model that gives probabilities."""
    label = comparison.pairs.label
    return {
        name: [
            {"predicted": b.predicted, "observed": b.observed, "n": b.n}
            for b in calibration.reliability(c.probability, label)
        ]
        for name, c in comparison.contenders.items()
        if c.probability is not None
    }


def kpi_section(system: Declaration, comparison: Comparison) -> dict[str, Any]:
    """The KPI beside the loss for every model that has both, and where the two disagree."""
    both = {
        name: LossAndKPI(c.metrics["logloss"], c.kpi)
        for name, c in comparison.contenders.items()
        if "logloss" in c.metrics
    }
    rows = {
        name: {"loss": c.metrics.get("logloss"), "kpi": c.kpi} for name, c in comparison.contenders.items()
    }
    kpi = system.requirements.kpi
    return {
        "name": kpi.name,
        "unit": "per 1,000 requests",
        "by_model": rows,
        "disagreements": disagreements(both, loss="log loss", kpi=kpi.name),
    }


def _ends(interval: Any) -> list[float]:
    return [interval.low, interval.high]
