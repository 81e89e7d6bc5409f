"""All contenders on the same requests with the same information: metrics, intervals, slices, KPI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.evaluation import calibration, classification, ranking
from heptad.evaluation.bootstrap import Interval, mean_interval, paired_difference
from heptad.evaluation.gate import Scores
from heptad.lifecycle.pairs import Pairs
from heptad.lifecycle.requests import factorize

Floats = NDArray[np.float64]

DEPTHS: Final = (10, 100)
PER_PAIR: Final = "logloss of pairs"


@dataclass(frozen=True, eq=False)
class Contender:
    """One model on the test pairs.

    ``score`` (p,) orders the candidates; ``probability`` (p,) is None for a model that gives none.
    ``values[metric]`` is per request (n,), but `PER_PAIR` per pair (p,).
    """

    name: str
    score: Floats
    probability: Floats | None
    metrics: Mapping[str, float]
    values: Mapping[str, Floats]
    kpi: float
    lists: NDArray[np.int64] = field(repr=False)

    @property
    def scores(self) -> Scores:
        """As the gate takes it: only per-request values, which every contender has for the same requests."""
        per_request = {name: values for name, values in self.values.items() if name != PER_PAIR}
        return Scores(self.metrics, per_request)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Contenders by name; ``clusters`` (n,) is the user of each request, resampled together."""

    pairs: Pairs
    contenders: Mapping[str, Contender]
    clusters: NDArray[np.int64]

    def paired(self, model: str, against: str, metric: str) -> Interval:
        """The difference of a per-request metric, with its interval."""
        ours, theirs = (self.contenders[name].values[metric] for name in (model, against))
        return paired_difference(ours, theirs, self.clusters)

    def interval(self, model: str, metric: str, chosen: NDArray[np.bool_] | None = None) -> Interval:
        """A per-request metric's mean over (some of) the requests, with its interval."""
        values = self.contenders[model].values[metric]
        rows = np.ones(len(values), np.bool_) if chosen is None else chosen
        return mean_interval(values[rows], self.clusters[rows])


def compare(
    system: Declaration, pairs: Pairs, scored: Mapping[str, tuple[Floats, Floats | None]]
) -> Comparison:
    """Measure every model: ``scored`` maps its name to (score, probability or None), (p,) each."""
    codes, _ = factorize(np.concatenate([pairs.item, pairs.requests.item]))
    contenders = {
        name: _measure(system, name, pairs, codes[: len(pairs)], codes[len(pairs) :], score, probability)
        for name, (score, probability) in scored.items()
    }
    clusters, _ = factorize(pairs.requests.user)
    return Comparison(pairs, contenders, clusters)


def source_scores(pairs: Pairs) -> dict[str, tuple[Floats, Floats | None]]:
    """Each candidate source by itself; where it knows nothing of a candidate, the most popular comes first.

    The candidates hold the first items of every source, so a source's own top 10 is what it would show alone.
    """
    popular = pairs.scores.get("popular", np.zeros(len(pairs)))
    tie = popular / (1.0 + popular.max(initial=0.0)) * 1e-9
    return {
        name: (values + (0.0 if name == "popular" else tie), None) for name, values in pairs.scores.items()
    }


def _measure(
    system: Declaration,
    name: str,
    pairs: Pairs,
    codes: NDArray[np.int64],
    acted: NDArray[np.int64],
    score: Floats,
    probability: Floats | None,
) -> Contender:
    """``codes`` (p,) of the candidates and ``acted`` (m,) of the outcomes' items: alike for the same item."""
    asked = _asked(system)
    lists = top_lists(pairs, codes, score, max(*DEPTHS, system.requirements.shown, *(k for _, k in asked)))
    positive = pairs.requests.label > 0
    ranked = ranking.ranked_lists(lists, pairs.requests.of[positive], acted[positive])
    values = {
        "ndcg@10": ranking.ndcg(ranked, 10),
        **{f"recall@{k}": ranking.recall(ranked, k) for k in DEPTHS},
        "hit@10": ranking.hit(ranked, 10),
        **{f"{m}@{k}": ranking.per_request(ranked, f"{m}@{k}") for m, k in asked},
    }
    metrics = {metric: ranking.mean(v) for metric, v in values.items()}
    if probability is not None:
        metrics |= {
            "auc": classification.auc(probability, pairs.label),
            "logloss": classification.logloss(probability, pairs.label),
            "ne": classification.ne(probability, pairs.label),
            "ece": calibration.ece(probability, pairs.label),
        }
        values[PER_PAIR] = classification.logloss_rows(probability, pairs.label)
    kpi = kpi_of(pairs, lists[:, : system.requirements.shown], acted)
    return Contender(name, score, probability, metrics, values, kpi, lists)


def _asked(system: Declaration) -> list[tuple[str, int]]:
    """Ranking metrics the gate names, as (metric, depth)."""
    named = [gate.metric.split("@") for gate in system.evaluation.gate if "@" in gate.metric]
    return [(metric, int(depth)) for metric, depth in named]


def kpi_of(pairs: Pairs, shown: NDArray[np.int64], acted: NDArray[np.int64]) -> float:
    """What the KPI adds up over the items shown (n, k), per 1,000 requests; ``acted`` (m,) as in `_measure`.

    Requests with an outcome whose KPI is not settled yet are left out; NaN where none is left.
    """
    requests = pairs.requests
    settled = np.ones(len(requests), np.bool_)
    settled[requests.of[np.isnan(requests.value)]] = False
    width = int(max(shown.max(initial=-1), acted.max(initial=-1))) + 1
    cells = (np.arange(len(requests))[:, None] * width + shown)[(shown >= 0) & settled[:, None]]
    gained = requests.value[np.isin(requests.of * width + acted, cells)]
    return 1000.0 * float(gained.sum()) / int(settled.sum()) if settled.any() else float("nan")


def top_lists(pairs: Pairs, codes: NDArray[Any], score: Floats, depth: int) -> NDArray[np.int64]:
    """(n, depth) item codes of each request's candidates by descending score, -1 where the list has ended.

    A score of minus infinity is an item left out.

    Ties by code: serving leaves them in the order of retrieval, but a model that cannot tell candidates apart
    shall earn nothing by the sources' order.
    """
    order = np.lexsort((codes, -score, pairs.request))
    request = pairs.request[order]
    first = np.searchsorted(request, np.arange(len(pairs.requests)))
    place = np.arange(len(request)) - first[request]
    inside = (place < depth) & (score[order] > -np.inf)
    lists = np.full((len(pairs.requests), depth), -1, np.int64)
    lists[request[inside], place[inside]] = codes[order][inside]
    return lists
