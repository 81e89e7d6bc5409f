"""A logged decision made again: the serving code itself, over what the log says was known then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Self

from numpy.typing import NDArray

from heptad.declare.framing import Ranking
from heptad.declare.system import Declaration
from heptad.errors import StateError
from heptad.models.base import Matrix
from heptad.online.moment import Moment, Moments
from heptad.plan.batch import Column
from heptad.plan.nodes import Plan
from heptad.registry.registry import Registry
from heptad.retrieval.blend import Retriever
from heptad.retrieval.source import Asked as Sources
from heptad.retrieval.source import Source
from heptad.run.served import answering
from heptad.run.why.recall import Recall, Recalled
from heptad.serving.answer import NO_CANDIDATES, NO_FEATURES, NO_MODEL, missing
from heptad.serving.decision import Decision
from heptad.serving.desk import Desk
from heptad.serving.pipeline import Pipeline
from heptad.serving.scorer import Scorer
from heptad.serving.underway import Asked, Outcome


class Models:
    """The models that decisions name, each loaded once, its files checked against the registry's hashes."""

    def __init__(self, registry: Registry, name: str, plan: Plan) -> None:
        self._registry, self._name, self._plan = registry, name, plan
        self._loaded: dict[str, Scorer | None] = {"none": None}

    def get(self, version: str) -> Scorer | None:
        """The scorer of this version; None for "none". Raises StateError for a damaged or unknown one."""
        if version not in self._loaded:
            found = self._registry.get(self._name, version)
            self._loaded[version] = Scorer.load(
                found.path, self._plan.hash, version=found.name, vouched=found.files
            )
        return self._loaded[version]


def request_of(decision: Decision, framing: object) -> Asked:
    """The request that a decision answered; where format 2 does not say how many items, as many as were shown."""
    if isinstance(framing, Ranking):
        return Asked(
            decision.request_id, decision.user, decision.n or max(1, len(decision.shown)), decision.context
        )
    return Asked(decision.request_id, decision.items[0], 1, decision.context)


def rows_of(decision: Decision, declaration: Declaration) -> list[dict[str, Any]]:
    """What was asked of the states for a decision, one row per candidate and one for the user's history."""
    row: dict[str, Any] = dict(decision.context)
    if not isinstance(declaration.framing, Ranking):
        return [row]
    row[declaration.ranking.user.name] = decision.user
    item = declaration.ranking.item.name
    return [row | {item: one} for one in decision.candidates or [None]]


def again(
    declaration: Declaration, recall: Recall, decision: Decision, scorer: Scorer | None
) -> Decision | None:
    """The decision as the same request at the same (t, o) gets it now; None where it read no state.

    Raises what a part raises that did not fail when the decision was made.
    """
    if decision.t is None:
        return None
    asked = request_of(decision, declaration.framing)
    found = None
    item = declaration.ranking.item.name if isinstance(declaration.framing, Ranking) else None
    for moment, model in _ways(recall.at(decision.t, decision.offsets.get(0, 0)), scorer, decision, item):
        outcome = made(declaration, recall.plan, moment, model, asked)
        if outcome.error is not None and not isinstance(outcome.error, Failed):
            raise outcome.error
        found = outcome.decision
        if found.history == decision.history and found.items == decision.candidates:
            break
    return found


def made(
    declaration: Declaration, plan: Plan, moment: Moments, scorer: Scorer | None, asked: Asked
) -> Outcome:
    """The outcome of a request at a moment."""
    return answerer(declaration, plan, moment, scorer).rank(asked)


def answerer(declaration: Declaration, plan: Plan, moment: Moments, scorer: Scorer | None) -> Pipeline | Desk:
    """What answers at a moment; a stage's time is not looked at."""
    return answering(declaration, plan, moment, scorer)


class Failed(StateError):
    """A part fails because it did when the decision was made."""

    @classmethod
    def then(cls) -> Self:
        return cls(
            "a part of the pipeline", "an answer", "none, as when the decision was made", "nothing to mend"
        )


def _ways(
    moment: Recalled, scorer: Scorer | None, decision: Decision, item: str | None
) -> Iterator[tuple[Moments, Scorer | None]]:
    """How it may have come about: with all parts, or with the one failing that its flag names."""
    why = decision.flags.get("fallback")
    gone = missing(decision.flags)
    if scorer is not None and scorer.retriever is not None and (gone or why == NO_CANDIDATES):
        scorer = replace(scorer, retriever=lacking(scorer.retriever, gone or scorer.retriever.names))
    if why == NO_MODEL and scorer is not None:
        yield moment, replace(scorer, classifier=Dead())
    elif why == NO_FEATURES:
        yield Failing(moment, 1, item), scorer
        yield Failing(moment, 0, item), scorer
    else:
        yield moment, scorer


def lacking(retriever: Retriever, names: Collection[str]) -> Retriever:
    """The retriever with sources that fail."""
    sources = {
        name: quota._replace(source=Mute(quota.source)) if name in names else quota
        for name, quota in retriever.sources.items()
    }
    found = Retriever(sources, retriever.index, retriever.total)
    found.known = retriever.known
    return found


class Mute:
    """A candidate source that fails."""

    def __init__(self, source: Source) -> None:
        self.trained_through, self.window = source.trained_through, source.window
        self.gallery = None

    def propose(self, asked: Sources, k: int) -> NoReturn:
        raise Failed.then()

    def save(self, directory: Path) -> dict[str, object]:
        """There is nothing to save."""
        return {}


class Failing:
    """A moment whose states answer ``after`` reads, and then no more; what is known of an ``item`` alone, its vector,
    is no read: candidates need it, and they did not fail.
    """

    degraded: Final = False

    def __init__(self, moment: Recalled, after: int, item: str | None = None) -> None:
        self._moment, self._left, self._item = moment, after, item
        self.t, self.meta, self.tallies = moment.t, moment.meta, moment.tallies

    @contextmanager
    def open(self) -> Iterator[Moment]:
        yield self

    def warm(self) -> None:
        """There is nothing to load."""

    def counts(self, tally: int = 0) -> Any:
        return self._moment.counts(tally)

    def read(
        self, request: Mapping[str, Column], n: int, columns: tuple[str, ...] | None = None
    ) -> dict[str, NDArray[Any]]:
        self._left -= 0 if list(request) == [self._item] else 1
        if self._left < 0:
            raise Failed.then()
        return self._moment.read(request, n, columns)


class Dead:
    """A classifier that fails."""

    family: ClassVar[str] = "dead"

    def fit(self, x: Matrix, y: Any, weight: Any = None) -> Self:
        return self

    def predict_proba(self, x: Matrix) -> NoReturn:
        raise Failed.then()

    def contributions(self, x: Matrix) -> None:
        return None

    def save(self, directory: Path) -> None:
        """There is nothing to save."""

    @classmethod
    def load(cls, directory: Path, vouched: Mapping[str, str] | None = None) -> Self:
        return cls()
