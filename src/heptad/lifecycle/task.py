"""What differs between a ranking and a classification in training, comparing and retraining; all else is shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.declare.framing import Ranking
from heptad.declare.system import Declaration
from heptad.evaluation.splits import temporal
from heptad.lifecycle import classify, evaluate, training
from heptad.lifecycle.cases import as_pairs, case_features, settled_cases
from heptad.lifecycle.comparison import Comparison
from heptad.lifecycle.evaluate import MAIN, Tested, known_retriever, metrics_section, slice_section
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, features_of, pairs_of
from heptad.lifecycle.prediction import Predictor, Predicts
from heptad.lifecycle.requests import Requests
from heptad.lifecycle.shift import renew_items
from heptad.lifecycle.training import Effort, Rows, Trained, settled_requests
from heptad.retrieval.blend import Retriever
from heptad.times import duration

Corrupt = Callable[[Rows], Rows]


class Task(Protocol):
    """One shape of learning problem. ``metric`` is what reports name first; ``shift`` says what a drill injects.

    ``per_request`` is how many requests cost what one of a ranking does; ``replayed`` how many are served in a replay
    where a ranking's one is.
    """

    metric: str
    shift: str
    per_request: int
    replayed: int

    def requests(self, history: History, system: Declaration, now: int) -> Requests:
        """Every request whose label was settled by ``now``."""

    def train(
        self, history: History, system: Declaration, cut: int, *, effort: Effort | None = None,
        corrupt: Corrupt | None = None, all_others: bool = True,
    ) -> Trained:  # fmt: skip
        """Everything trained on what was known before ``cut``."""

    def fit(self, history: History, system: Declaration, rows: Rows, cut: int) -> Predictor:
        """The declared model fitted to rows."""

    def features(
        self, history: History, system: Declaration, pairs: Pairs, t: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[Any]]:
        """The model's columns for pairs, as of their time or another."""

    def evaluation_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        """What a trained system is tested on."""

    def tested_on(
        self, history: History, system: Declaration, retriever: Retriever | None, pairs: Pairs
    ) -> Tested:
        """The requests of ``pairs`` as a system with this retriever would meet them."""

    def evaluate(
        self, system: Declaration, tested: Tested, models: Mapping[str, Predicts], main: str = MAIN
    ) -> Comparison:
        """All models on the same requests; ``main`` names the one under test."""

    def sections(
        self, history: History, system: Declaration, trained: Trained, comparison: Comparison
    ) -> dict[str, Any]:
        """The summary's parts about quality: metrics, intervals, paired, slices, and the shape's own."""

    def shifted(self, history: History, system: Declaration, at: int) -> History:
        """The history with a shift from ``at`` on."""

    def seen_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        """What was asked in [begin, end), as a monitor sees it: it needs no labels."""

    def delay(self, system: Declaration) -> int:
        """Microseconds by which labels lag behind what is learned from."""


class RankingTask:
    """Two stages: candidate sources, then a model that orders what they propose."""

    metric = "ndcg@10"
    shift = "every second item is replaced by a new one"
    per_request = 1
    replayed = 1

    def requests(self, history: History, system: Declaration, now: int) -> Requests:
        return settled_requests(history, system, now)

    def train(
        self, history: History, system: Declaration, cut: int, *, effort: Effort | None = None,
        corrupt: Corrupt | None = None, all_others: bool = True,
    ) -> Trained:  # fmt: skip
        return training.train(history, system, cut, effort=effort, corrupt=corrupt)

    def fit(self, history: History, system: Declaration, rows: Rows, cut: int) -> Predictor:
        return training.fit(history, system, rows, cut)

    def features(
        self, history: History, system: Declaration, pairs: Pairs, t: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[Any]]:
        return features_of(history, system, pairs, t)

    def evaluation_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        return evaluate.evaluation_set(history, system, trained, begin, end, most=most, seed=seed)

    def tested_on(
        self, history: History, system: Declaration, retriever: Retriever | None, pairs: Pairs
    ) -> Tested:
        found = pairs_of(history, system, known_retriever(retriever), pairs.requests)
        return Tested(found, features_of(history, system, found))

    def evaluate(
        self, system: Declaration, tested: Tested, models: Mapping[str, Predicts], main: str = MAIN
    ) -> Comparison:
        return evaluate.evaluate(system, tested, models, main)

    def sections(
        self, history: History, system: Declaration, trained: Trained, comparison: Comparison
    ) -> dict[str, Any]:
        user, label = system.ranking.user, system.label
        batch = history.batches[label.event.__name__]
        before = set(batch.columns[user.name].values[batch.time < trained.cut].tolist())
        users = comparison.pairs.requests.user.tolist()
        known = np.fromiter((one in before for one in users), np.bool_, len(users))
        named = {"with history": known, "cold start": ~known}
        slices = {name: slice_section(comparison, chosen) for name, chosen in named.items() if chosen.any()}
        return {**metrics_section(comparison), "slices": slices}

    def shifted(self, history: History, system: Declaration, at: int) -> History:
        return renew_items(history, system.ranking.item.name, at)

    def seen_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        return evaluate.evaluation_set(history, system, trained, begin, end, most=most, seed=seed)

    def delay(self, system: Declaration) -> int:
        return 0


class ClassificationTask:
    """One row in, one probability out."""

    metric = classify.METRIC
    shift = "amounts are three times as high"
    per_request = classify.ROWS_PER_REQUEST
    replayed = 2

    def requests(self, history: History, system: Declaration, now: int) -> Requests:
        return settled_cases(history, system, now)

    def train(
        self, history: History, system: Declaration, cut: int, *, effort: Effort | None = None,
        corrupt: Corrupt | None = None, all_others: bool = True,
    ) -> Trained:  # fmt: skip
        return classify.train(history, system, cut, effort=effort, corrupt=corrupt, all_others=all_others)

    def fit(self, history: History, system: Declaration, rows: Rows, cut: int) -> Predictor:
        return classify.fit(history, system, rows, cut)

    def features(
        self, history: History, system: Declaration, pairs: Pairs, t: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[Any]]:
        return case_features(history, system, pairs, t)

    def evaluation_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        return classify.evaluation_set(history, system, begin, end, most=most)

    def tested_on(
        self, history: History, system: Declaration, retriever: Retriever | None, pairs: Pairs
    ) -> Tested:
        found = as_pairs(pairs.requests)
        return Tested(found, case_features(history, system, found))

    def evaluate(
        self, system: Declaration, tested: Tested, models: Mapping[str, Predicts], main: str = MAIN
    ) -> Comparison:
        return classify.evaluate(system, tested, models)

    def sections(
        self, history: History, system: Declaration, trained: Trained, comparison: Comparison
    ) -> dict[str, Any]:
        sure = (
            self.metric,
            "auc",
            "logloss",
            "ne",
            "brier",
            "caught",
            *(a.name for a in classify.at_loads(system)),
        )
        found = classify.slices(history, system, comparison, trained.cut)
        return {
            **metrics_section(comparison, sure=sure),
            "slices": {name: classify.slice_of(system, comparison, chosen) for name, chosen in found.items()},
            "detection": classify.detection_section(system, comparison, trained.threshold),
        }

    def shifted(self, history: History, system: Declaration, at: int) -> History:
        return classify.shift_amounts(history, system, at)

    def seen_set(
        self, history: History, system: Declaration, trained: Trained, begin: int, end: int, *,
        most: int, seed: int = 0,
    ) -> Tested:  # fmt: skip
        return classify.seen_set(history, system, begin, end, most=most)

    def delay(self, system: Declaration) -> int:
        return system.label.matures_after


def task_of(system: Declaration) -> Task:
    """The shape of a system's learning problem."""
    return RankingTask() if isinstance(system.framing, Ranking) else ClassificationTask()


def split_at(history: History, system: Declaration) -> int:
    """Where the declared split cuts: of a ranking the label's events, of a classification its settled cases."""
    test = system.split.test
    if isinstance(system.framing, Ranking):
        time = history.batches[system.label.event.__name__].time
    else:
        time = settled_cases(history, system, history.end).t
    if isinstance(test, str):
        return temporal(time, test_span=duration(test)).cut
    return temporal(time, test_share=test).cut
