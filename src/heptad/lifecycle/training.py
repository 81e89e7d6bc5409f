"""Training: retriever, then ranker on requests the retriever has not seen, then calibration on newer ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from heptad.declare.model import GBDT, Logistic, Model
from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, features_of, model_columns, pairs_of, train_retriever
from heptad.lifecycle.prediction import Predictor, Predicts, fit_predictor
from heptad.lifecycle.requests import Requests, requests_of, settled
from heptad.models.encoder import Kind
from heptad.retrieval.blend import Retriever

#: The share of the events before the cut, the newest, whose requests teach the ranker: the candidate sources
#: it learns to weigh are trained on the older rest, as in serving they never know the request's outcome.
RANKER_SHARE: Final = 0.25
#: The newest share of those requests calibrates.
CALIBRATION_SHARE: Final = 0.15


@dataclass(frozen=True)
class Effort:
    """How much of the history a training run looks at, so that it ends in time.

    ``requests`` at most, the newest; ``negatives`` sampled per request of the candidates without outcome.
    """

    requests: int = 4_000
    negatives: int = 40
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from, (p,) each; the ``held_out`` ones, the newest requests whole, calibrate.

    ``weight`` undoes the down-sampling of negatives.
    """

    pairs: Pairs
    weight: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    columns: dict[str, NDArray[Any]]

    @property
    def reference(self) -> dict[str, NDArray[Any]]:
        """The columns of the held-out rows: whole candidate lists, as serving will see them."""
        return {name: values[self.held_out] for name, values in self.columns.items()}


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained system as of ``cut``: serving retriever, predictor, and what it was trained on.

    A classification has no retriever, but ``others``, the models it is compared with, the ``threshold`` of its
    review and the ``prior``, the share of true labels in training.
    """

    cut: int
    retriever: Retriever | None
    predictor: Predictor
    rows: Rows
    others: Mapping[str, Predicts] = field(default_factory=dict)
    threshold: float | None = None
    prior: float | None = None


def settled_requests(history: History, system: Declaration, now: int) -> Requests:
    """Requests whose labels could be known by ``now`` (DESIGN §3.15)."""
    label, kpi = system.label, system.requirements.kpi.total
    batch = history.batches[label.event.__name__]
    worth = settled(history, kpi.label, now)
    if kpi.column is not None:  # a null adds nothing: it is held as 0
        worth = worth * batch.columns[kpi.column.name].values
    return requests_of(batch, settled(history, label, now), system.ranking, worth)


def ranker_pairs(history: History, system: Declaration, cut: int, effort: Effort) -> Pairs:
    """Candidate rows of the newest requests before ``cut``, from sources trained before all of them."""
    requests = settled_requests(history, system, cut)
    past = requests.t < cut
    if not past.any():
        raise DataError("training", f"requests before the cut {cut}", "none", "train on a longer history")
    began = int(np.quantile(requests.t[past], 1.0 - RANKER_SHARE, method="nearest"))
    chosen = past & (requests.t >= began) & (requests.relevant() > 0)
    places = np.flatnonzero(chosen)
    if not len(places):
        raise DataError(
            "training", "requests with a true label among the newest quarter before the cut", "none",
            "train on a longer history, or look at the label's condition",
        )  # fmt: skip
    if len(places) > effort.requests:
        chosen[places[: -effort.requests]] = False
        began = int(requests.t[places[-effort.requests]])
    retriever = train_retriever(history, system, began)
    return pairs_of(history, system, retriever, requests.select(chosen))


def sample(pairs: Pairs, effort: Effort) -> tuple[Pairs, NDArray[np.float64], NDArray[np.bool_]]:
    """Rows to learn from: (pairs, weight (p,), held out for calibration (p,)).

    The held-out requests, the newest, keep all their candidates. Elsewhere every positive stays and
    each negative with a probability that leaves about ``negatives`` per request; its weight is the inverse.
    """
    edge = np.quantile(pairs.requests.t, 1.0 - CALIBRATION_SHARE, method="nearest")
    held_out = pairs.t >= edge
    per_request = np.bincount(pairs.request, minlength=len(pairs.requests))[pairs.request]
    share = np.minimum(1.0, effort.negatives / np.maximum(per_request, 1))
    drawn = np.random.default_rng(effort.seed).random(len(pairs)) < share
    kept = np.flatnonzero(held_out | (pairs.label > 0) | drawn)
    weight = np.where((pairs.label > 0) | held_out, 1.0, 1.0 / share)
    return pairs.take(kept), weight[kept], held_out[kept]


def train(
    history: History,
    system: Declaration,
    cut: int,
    *,
    effort: Effort | None = None,
    model: GBDT | Logistic | Model | None = None,
    corrupt: Callable[[Rows], Rows] | None = None,
) -> Trained:
    """Train everything on what was known before ``cut`` (microseconds).

    ``corrupt`` changes the rows before they are fitted: a drill with bad labels goes through here.
    """
    effort = effort or Effort()
    kept, weight, held_out = sample(ranker_pairs(history, system, cut, effort), effort)
    rows = Rows(kept, weight, held_out, features_of(history, system, kept))
    rows = rows if corrupt is None else corrupt(rows)
    predictor = fit(history, system, rows, cut, model)
    return Trained(cut, train_retriever(history, system, cut), predictor, rows)


def fit(
    history: History,
    system: Declaration,
    rows: Rows,
    cut: int,
    model: GBDT | Logistic | Model | None = None,
) -> Predictor:
    """The declared model (or another) fitted to these rows."""
    holds = cast(dict[str, Kind], model_columns(history))
    declared, pairs = model or system.events_model, rows.pairs
    return fit_predictor(declared, rows.columns, holds, pairs.label, rows.weight, rows.held_out, cut)
