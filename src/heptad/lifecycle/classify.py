"""A classification's life: trained on settled cases, compared row by row and at the declared review load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from heptad.declare.evaluation import AtLoad
from heptad.declare.model import AnyModel
from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.evaluation import calibration, classification, influence, load
from heptad.lifecycle.cases import as_pairs, case_features, clusters_of, codes_of, every_case, settled_cases
from heptad.lifecycle.comparison import Comparison, Contender
from heptad.lifecycle.evaluate import MAIN, Tested, slice_section
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, model_columns
from heptad.lifecycle.prediction import Constant, Predictor, Predicts, fit_predictor
from heptad.lifecycle.training import CALIBRATION_SHARE, Effort, Rows, Trained
from heptad.models.encoder import Kind
from heptad.times import duration

#: A classification's request is one row where a ranking's is some hundred candidates: this many rows of a
#: classification cost what one request of a ranking does.
ROWS_PER_REQUEST: Final = 100
METRIC: Final = "average_precision"
_NO_LISTS: Final = np.empty((0, 0), np.int64)


def training_cases(history: History, system: Declaration, cut: int, effort: Effort) -> Pairs:
    """The newest settled cases before ``cut``, within the declared span: what a model may learn from."""
    cases = settled_cases(history, system, cut)
    if not len(cases):
        raise DataError(
            "training", f"cases whose label was settled by {cut}", "none",
            "train on a longer history: it takes the label's delay until a case can be learned from",
        )  # fmt: skip
    span = system.split.train
    chosen = np.ones(len(cases), np.bool_)
    if span is not None:
        # back from when the newest label was settled: the split's own moment, less the label's delay
        chosen &= cases.t >= cut - max(system.label.matures_after, 1) - duration(span)
    chosen[: max(0, len(cases) - effort.requests * ROWS_PER_REQUEST)] = False
    return as_pairs(cases.select(chosen))


def train(
    history: History,
    system: Declaration,
    cut: int,
    *,
    effort: Effort | None = None,
    corrupt: Callable[[Rows], Rows] | None = None,
    all_others: bool = True,
) -> Trained:
    """Train the declared model, and those it is compared with, on what was known before ``cut``.

    ``all_others`` False leaves out compared models that the gate does not name: a retraining has no use for them.
    """
    pairs = training_cases(history, system, cut, effort or Effort())
    held_out = pairs.t >= np.quantile(pairs.t, 1.0 - CALIBRATION_SHARE, method="nearest")
    weight = np.where(pairs.label > 0, system.classification.objective.positive_weight, 1.0)
    rows = Rows(pairs, weight, held_out, case_features(history, system, pairs))
    rows = rows if corrupt is None else corrupt(rows)
    predictor = fit(history, system, rows, cut)
    prior = float(rows.pairs.label.mean())
    named = {check.against for check in system.evaluation.gate}
    others: dict[str, Predicts] = {
        name: fit(history, system, rows, cut, model)
        for name, model in system.compared.items()
        if all_others or name in named
    }
    threshold = threshold_of(system, predictor.predict(rows.reference), rows.pairs.t[rows.held_out])
    return Trained(cut, None, predictor, rows, {"prior": Constant(prior), **others}, threshold, prior)


def threshold_of(system: Declaration, p: NDArray[np.float64], t: NDArray[np.int64]) -> float:
    """The probability that as many of these rows (n,) reach as the declared review takes in their span."""
    review = system.review
    periods = (int(t.max()) - int(t.min()) + 1) / review.period
    place = min(len(p), max(1, round(review.load * periods)))
    return float(np.sort(p)[-place])


def fit(
    history: History, system: Declaration, rows: Rows, cut: int, model: AnyModel | None = None
) -> Predictor:
    """The declared model (or another) fitted to these rows."""
    holds = cast(dict[str, Kind], model_columns(history))
    label = rows.pairs.label
    if not label[~rows.held_out].any():
        raise DataError(
            "training rows", "a true label among the settled cases", "none", "train on a longer history"
        )
    return fit_predictor(
        model or system.events_model, rows.columns, holds, label, rows.weight, rows.held_out, cut
    )


def evaluation_set(history: History, system: Declaration, begin: int, end: int, *, most: int) -> Tested:
    """Settled cases in [begin, end), the first ``most`` times `ROWS_PER_REQUEST` of them, whole.

    Each sees all that was known before it, the test period's own past included (prequential: Dawid 1984).
    Nothing is sampled: a review's load is taken from all cases of a period.
    """
    cases = settled_cases(history, system, end)
    places = np.flatnonzero((cases.t >= begin) & (cases.t < end))[: most * ROWS_PER_REQUEST]
    chosen = np.zeros(len(cases), np.bool_)
    chosen[places] = True
    pairs = as_pairs(cases.select(chosen))
    return Tested(pairs, case_features(history, system, pairs))


def seen_set(history: History, system: Declaration, begin: int, end: int, *, most: int) -> Tested:
    """What was decided in [begin, end), settled or not: what a monitor sees of it needs no label."""
    cases = every_case(history, system, end)
    chosen = np.zeros(len(cases), np.bool_)
    chosen[np.flatnonzero((cases.t >= begin) & (cases.t < end))[: most * ROWS_PER_REQUEST]] = True
    pairs = as_pairs(cases.select(chosen))
    return Tested(pairs, case_features(history, system, pairs))


def evaluate(system: Declaration, tested: Tested, models: Mapping[str, Predicts]) -> Comparison:
    """Every model on the same cases: probabilities, ranks, and what the declared review would have found."""
    contenders = {
        name: _measure(system, name, tested.pairs, model.predict(tested.columns))
        for name, model in models.items()
    }
    return Comparison(tested.pairs, contenders, clusters_of(tested.pairs.requests))


def at_loads(system: Declaration) -> list[AtLoad]:
    """The precisions at a load that the gate names; where it names none, that of the review."""
    named = [found for check in system.evaluation.gate if (found := AtLoad.of(check.metric)) is not None]
    review, entity = system.review, system.classification.entity
    own = AtLoad(review.load, None if entity is None else entity.name, review.every)
    return list(dict.fromkeys(named)) or [own]


def _measure(system: Declaration, name: str, pairs: Pairs, p: NDArray[np.float64]) -> Contender:
    label, review = pairs.label, system.review
    picked = load.reviewed(p, pairs.t, review.load, review.period)
    if _flat(p):
        picked[:] = False
    rows = {
        "auc": influence.auc_rows(p, label),
        METRIC: influence.average_precision_rows(p, label),
        "logloss": classification.logloss_rows(p, label),
        "ne": influence.normalised_entropy_rows(p, label),
        "brier": (p - label) ** 2,
        "caught": influence.share_rows(picked, label),
    }
    for asked in at_loads(system):
        rows[asked.name], _ = precision_by_period(pairs, p, asked)
    metrics = {metric: float(values.mean()) for metric, values in rows.items()}
    metrics["ece"] = calibration.ece(p, label)
    worth = np.zeros(len(pairs.requests))
    np.add.at(worth, pairs.requests.of, pairs.requests.value)
    kpi = 1000.0 * float(np.nan_to_num(worth[pairs.request])[picked].sum()) / max(len(pairs), 1)
    values = {metric: _per_request(pairs, v) for metric, v in rows.items()}
    return Contender(name, p, p, metrics, values, kpi, _NO_LISTS)


def _flat(p: NDArray[np.float64]) -> bool:
    """Whether a model cannot tell any two cases apart: then it names none to review."""
    return bool(len(p)) and float(p.max()) == float(p.min())


def precision_by_period(
    pairs: Pairs, p: NDArray[np.float64], asked: AtLoad
) -> tuple[NDArray[np.float64], list[tuple[int, float]]]:
    """The precision at a load: what each row adds (p,), and (start, precision) of every period."""
    unit = None if asked.per is None else codes_of(pairs.requests, asked.per)[pairs.request]
    return load.precision_rows(p, pairs.label, pairs.t, asked.k, duration(asked.every), unit)


def _per_request(pairs: Pairs, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of rows (p,) by request (n,); NaN where a request has no row."""
    out = np.full(len(pairs.requests), np.nan)
    out[pairs.request] = values
    return out


def slices(
    history: History, system: Declaration, comparison: Comparison, cut: int
) -> dict[str, NDArray[np.bool_]]:
    """Cases by whether each of their ids was seen before ``cut``, and by the size of what the KPI sums."""
    requests, event = comparison.pairs.requests, system.label.event
    batch = history.batches[event.__name__]
    out: dict[str, NDArray[np.bool_]] = {}
    for name in (f.name for f in batch.stream.fields if f.kind.value == "id" and f.name in requests.context):
        held = batch.columns[name]
        known = np.isin(
            requests.context[name].values.astype(str), np.unique(held.values[batch.time < cut].astype(str))
        )
        out[f"{name} with history"], out[f"{name} without"] = known, ~known
    column = system.requirements.kpi.total.column
    if column is not None and column.name in requests.context:
        values = requests.context[column.name].values.astype(np.float64)
        large = values >= np.quantile(values, 0.9)
        out[f"{column.name} among the largest tenth"], out[f"{column.name} below that"] = large, ~large
    return {name: chosen for name, chosen in out.items() if chosen.any() and not chosen.all()}


def slice_of(system: Declaration, comparison: Comparison, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Every model's metrics measured anew on some of the cases, with intervals."""
    pairs = comparison.pairs
    part = as_pairs(pairs.requests.select(chosen))
    rows = chosen[pairs.request]
    contenders = {
        name: _measure(system, name, part, c.score[rows]) for name, c in comparison.contenders.items()
    }
    fewer = Comparison(part, contenders, clusters_of(part.requests))
    every = np.ones(len(part.requests), np.bool_)
    return slice_section(fewer, every, (METRIC, "auc")) | {"positives": int(part.label.sum())}


def detection_section(system: Declaration, comparison: Comparison, threshold: float | None) -> dict[str, Any]:
    """The summary's ``detection`` part: curves, scores by outcome, and precision by period of every model."""
    pairs, contenders, review = comparison.pairs, comparison.contenders, system.review
    main = contenders[MAIN].score
    edges = np.geomspace(max(float(main.min()), 1e-6), max(float(main.max()), 1e-5) * 1.001, 31)
    counted = {
        said: np.histogram(np.maximum(main, edges[0])[pairs.label == value], edges)[0].tolist()
        for said, value in (("true", 1.0), ("false", 0.0))
    }
    asked = at_loads(system)[0]
    by_period = {name: precision_by_period(pairs, c.score, asked)[1] for name, c in contenders.items()}
    periods = (int(pairs.t.max()) - int(pairs.t.min()) + 1) / review.period if len(pairs) else 1.0
    return {
        "cases": len(pairs),
        "positives": int(pairs.label.sum()),
        "curve": {name: influence.curve(c.score, pairs.label) for name, c in contenders.items()},
        "scores": {"edges": edges.tolist(), **counted},
        "precision": {
            "metric": asked.name,
            "start": [start for start, _ in by_period[MAIN]],
            "by_model": {name: [value for _, value in found] for name, found in by_period.items()},
        },
        "review": {
            "load": review.load,
            "every": review.every,
            "threshold": threshold,
            "flagged": None if threshold is None else float((main >= threshold).sum()) / periods,
        },
    }


def shift_amounts(history: History, system: Declaration, at: int) -> History:
    """The history as if, from ``at`` on, every amount the KPI sums (else every number) had trebled.

    What a system is told by its data module (`drifted`) takes the place of this.
    """
    event = system.label.event
    batch = history.batches[event.__name__]
    column = system.requirements.kpi.total.column
    numbers = [column.name] if column is not None else [
        f.name for f in batch.stream.fields if f.kind.numeric and f.lookup is None
    ]  # fmt: skip
    columns = dict(batch.columns)
    for name in numbers:
        held = columns[name]
        values = np.where(batch.time >= at, held.values * 3, held.values)
        columns[name] = held._replace(values=values)
    return History(history.plan, dict(history.batches) | {event.__name__: replace(batch, columns=columns)})
