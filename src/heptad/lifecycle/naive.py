"""The disease: the same model trained on features computed the usual wrong ways, its promise and its delivery.

Offline score: the test set with features computed the same wrong way, as a notebook would report it.
Replayed score: the same model on the features that are known when the request comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.evaluation.bootstrap import mean_interval
from heptad.lifecycle.evaluate import Tested
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs
from heptad.lifecycle.task import task_of
from heptad.lifecycle.training import Rows, Trained


@dataclass(frozen=True)
class Way:
    """A way of computing features: ``moment(t, today)`` is the time each row's aggregates are taken at."""

    name: str
    what: str
    moment: Callable[[NDArray[np.int64], int], NDArray[np.int64]]


WAYS: Final = (
    Way(
        "today's aggregates",
        "every row joined to the aggregates as they stand when the table is built, the future included",
        lambda t, today: np.full_like(t, today),
    ),
    Way(
        "leak at the event's time",
        "aggregates up to and including the event to be predicted (<= instead of <)",
        lambda t, today: t + 1,
    ),
    Way("heptad", "aggregates of what was known before each row's own time", lambda t, today: t),
)


def study(
    history: History, system: Declaration, trained: Trained, tested: Tested, *, most: int, seed: int = 0
) -> dict[str, Any]:
    """The summary's ``disease`` section: offline and replayed metric of every way, with intervals.

    One training set and one test set for all ways, cut to ``most`` requests each; only the time at which
    features are taken differs.
    """
    most *= task_of(system).per_request
    rows = _fewer_rows(trained.rows, most, seed)
    test = _fewer(tested.pairs, most, seed)
    columns = {name: values[test] for name, values in tested.columns.items()}
    kept = Tested(tested.pairs.take(test), columns)
    last = int(max(batch.time.max(initial=0) for batch in history.batches.values()))
    found = [_row(way, history, system, trained.cut, rows, kept, last + 1) for way in WAYS]
    return {"metric": task_of(system).metric, "rows": found}


def _row(
    way: Way, history: History, system: Declaration, cut: int, rows: Rows, test: Tested, end: int
) -> dict[str, Any]:
    task = task_of(system)
    train_t = way.moment(rows.pairs.t, cut)
    right = bool((train_t == rows.pairs.t).all())
    columns = rows.columns if right else task.features(history, system, rows.pairs, train_t)
    predictor = task.fit(history, system, replace(rows, columns=columns), cut)
    test_t = way.moment(test.pairs.t, end)
    wrong = test if right else Tested(test.pairs, task.features(history, system, test.pairs, test_t))
    out: dict[str, Any] = {"name": way.name, "what": way.what}
    for kind, shown in (("offline", wrong), ("replayed", test)):
        comparison = task.evaluate(system, shown, {"model": predictor}, main="model")
        values = comparison.contenders["model"].values[task.metric]
        asked = np.unique(test.pairs.request)
        interval = mean_interval(values[asked], comparison.clusters[asked])
        out[kind] = interval.estimate
        out[f"{kind}_interval"] = [interval.low, interval.high]
    return out


def _fewer(pairs: Pairs, most: int, seed: int) -> NDArray[np.int64]:
    """The rows of at most ``most`` requests, drawn at random."""
    n = len(pairs.requests)
    chosen = np.zeros(n, np.bool_)
    chosen[np.random.default_rng(seed).permutation(n)[:most]] = True
    return np.flatnonzero(chosen[pairs.request])


def _fewer_rows(rows: Rows, most: int, seed: int) -> Rows:
    kept = _fewer(rows.pairs, most, seed)
    columns = {name: values[kept] for name, values in rows.columns.items()}
    return Rows(rows.pairs.take(kept), rows.weight[kept], rows.held_out[kept], columns)
