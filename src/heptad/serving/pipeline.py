"""One ranking request: history, candidates, features, model, rerank; and a fallback where a part fails.

History and features are read at one moment, from one snapshot; popularity is that of the same snapshot. So
a logged decision can be recomputed from the log at its (t, o).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.declare.types import Kind
from heptad.errors import DataError, PlanError
from heptad.models.base import Matrix, Vector
from heptad.online.moment import Moment, Moments
from heptad.plan.batch import Column, Different, column_of
from heptad.plan.nodes import Plan
from heptad.retrieval.candidates import Candidates
from heptad.serving.answer import (
    BLOCKS_STALE,
    NO_CANDIDATES,
    NO_FEATURES,
    NO_MODEL,
    STALE,
    UNKNOWN_USER,
    Answer,
    without,
)
from heptad.serving.columns import bare_inputs, shape_of
from heptad.serving.counts import Counted
from heptad.serving.decision import Decision, encode
from heptad.serving.fallback import Fallback
from heptad.serving.kept import kept
from heptad.serving.rerank.blocked import Blocked, Mask
from heptad.serving.rerank.listed import Ranked
from heptad.serving.rerank.steps import Steps
from heptad.serving.scorer import Scorer
from heptad.serving.sourcing import Sourcing, Under
from heptad.serving.underway import Asked, Outcome, Run, Timer
from heptad.serving.values import blank, checked, context_of, joined, repeated
from heptad.state.breaker import Breaker
from heptad.state.tally import Counts

_NO_ITEMS: Final = np.empty(0)


class _Tried(NamedTuple):
    """A request with its candidates, to be scored; ``request`` is what it brings for each of them."""

    run: Run
    found: Candidates
    request: Mapping[str, Column]

    @property
    def rows(self) -> int:
        return len(self.found.items)


class Pipeline:
    """Ranks for one system with one scorer; any number of threads may use one pipeline.

    ``scorer`` None is a system without a champion: every answer is the flagged fallback. ``timer`` gives
    nanoseconds of a steady clock, for the stages' times alone; ``budget`` is the seconds of the candidate sources.
    """

    def __init__(
        self, declaration: Declaration, plan: Plan, reader: Moments, scorer: Scorer | None, *,
        timer: Timer = time.perf_counter_ns, budget: float = math.inf,
    ) -> None:  # fmt: skip
        if scorer is not None and scorer.plan_hash != plan.hash:
            raise PlanError(
                f"scorer {scorer.version}", f"one trained on the features of plan {plan.hash}",
                f"plan {scorer.plan_hash}", "train again with this declaration",
            )  # fmt: skip
        self.declaration, self.plan, self.scorer = declaration, plan, scorer
        self._reader, self._timer = reader, timer
        serving, weight = declaration.retrieval, declaration.ranking.score.weight
        self._weight = None if weight is None else weight.name
        self._steps = Steps(serving.rerank, plan, declaration.label.event)
        wanted = list(self._steps.columns)
        wanted += [] if self._weight is None else [self._weight]
        wanted += [] if scorer is None else list(scorer.encoder.kinds)
        self.shape = shape_of(declaration, plan, wanted, self._steps.rules)
        item = declaration.ranking.item.name
        self._blocks = Blocked(serving.rerank, plan, declaration.label.event, item)
        self._bare = bare_inputs(plan, self.shape.evaluated)
        self._numbers, self._categories, self._lists = (
            [column.name for column in self.shape.read if column.holds in held]
            for held in (("number",), ("category",), ("list", "vector"))
        )
        self._excludes = self._steps.excludes
        catalogue = _NO_ITEMS if scorer is None else scorer.sources.index.ids[: scorer.sources.known]
        self._fallback = Fallback(serving.fallback, catalogue)
        self._counts = None if scorer is None else Counted(plan, scorer.sources)
        self._sourcing = None if scorer is None else Sourcing(scorer.sources, budget)

    @property
    def breakers(self) -> Mapping[str, Breaker]:
        """That of each candidate source."""
        return {} if self._sourcing is None else self._sourcing.breakers

    def ask(self, user: object, n: int | None, context: Mapping[str, Any] | None, request_id: str) -> Asked:
        """A request from outside, checked. Raises DataError for what a client must mend."""
        needs = self.declaration.requirements
        shown = needs.shown if n is None else n
        if not 1 <= shown <= needs.candidates:
            raise DataError(
                "n", f"a whole number from 1 to {needs.candidates}", shown,
                f"leave it out to get {needs.shown} items",
            )  # fmt: skip
        who = checked("user", user, Kind.ID)
        if who is None:
            raise DataError("user", "an id: a whole number or a text", "nothing", "send the user's id")
        return Asked(
            request_id, who, shown, context_of(context or {}, self.shape.context, self.shape.required)
        )

    def begin(self, asked: Asked) -> Run:
        """A request about to be answered."""
        return Run(asked, self._timer)

    def rank(self, asked: Asked, run: Run | None = None) -> Outcome:
        """The ranked answer; where a part fails or the user has no history, popular items, flagged."""
        return self.rank_all([run or self.begin(asked)])[0]

    def rank_all(self, runs: Sequence[Run]) -> list[Outcome]:
        """The answers of requests that wait at the same time, from one moment, one read and one call of the model.

        To the last bit each is what `rank` answers at this moment: no row of a read or a model depends on another.
        """
        try:
            with self._reader.open() as session:
                counts = session.counts()
                for run in runs:
                    run.t, run.meta, run.counts = session.t, session.meta, counts
                histories = self._histories(session, [run.asked.user for run in runs])
                for run, history in zip(runs, histories, strict=True):
                    run.history = history
                    run.done("history")
                asked = [self._candidates_asked(run, session, counts) for run in runs]
                tried = [
                    self._tried(run, one) if isinstance(one, Under) else one
                    for run, one in zip(runs, asked, strict=True)
                ]
                open_ = [one for one in tried if isinstance(one, _Tried)]
                request = joined([one.request for one in open_])
                columns = (
                    session.read(request, sum(one.rows for one in open_), self.shape.names) if open_ else {}
                )
                for one in open_:
                    one.run.flags |= STALE if session.degraded else {}
                    one.run.done("features")
                    one.run.stage = NO_MODEL
            answered = iter(self._scored(open_, columns))
            return [next(answered) if isinstance(one, _Tried) else one for one in tried]
        except Exception as error:  # the answer goes out; whoever called reports the error
            if len(runs) > 1:  # each alone: only those whose own part fails are stood in for
                return [self.rank(run.asked, run.again()) for run in runs]
            return [self._fall_back(runs[0], runs[0].stage, error)]

    def _candidates_asked(self, run: Run, session: Moment, counts: Counts) -> Under | Outcome:
        """A request whose sources have been asked; or its fallback, where nothing is to be scored."""
        if not run.history:
            return self._fall_back(run, UNKNOWN_USER, None, session)
        if self.scorer is None or self._counts is None or self._sourcing is None:
            return self._fall_back(run, NO_MODEL, None, session)
        run.stage = NO_CANDIDATES
        exclude = run.history if self._excludes else ()
        return self._sourcing.ask(run.history, exclude, *self._counts.at(session, counts))

    def _tried(self, run: Run, under: Under) -> _Tried:
        """The candidates of a request, and what it brings for them."""
        found, left_out, run.error = under.found()
        run.stage, run.flags = NO_FEATURES, run.flags | without(left_out)
        run.done("candidates")
        return _Tried(run, found, self._request(run.asked, found))

    def _scored(self, tried: Sequence[_Tried], columns: Mapping[str, NDArray[Any]]) -> Iterator[Outcome]:
        """The answers of requests whose candidates' columns lie one after the other."""
        scorer, low = self.scorer, 0
        if not tried or scorer is None:
            return
        p = scorer.probability(scorer.encode(columns))
        for one in tried:
            one.run.done("model")
        for one in tried:
            own = slice(low, low := low + one.rows)
            mine = columns if len(tried) == 1 else {name: column[own] for name, column in columns.items()}
            yield self._ranked(one.run, scorer, one.found, one.request, mine, p[own])

    def fall_back(self, asked: Asked, flags: Mapping[str, str]) -> Outcome:
        """Popular items at once, without a look at store or model; flagged with the reason."""
        run = Run(asked, self._timer, flags=dict(flags))
        return self._fall_back(run, flags["fallback"], None)

    def warm(self) -> None:
        """Load what a ranking needs, so that the first request is as fast as the next."""
        self._reader.warm()
        nobody = Asked("", "", 1, dict.fromkeys(self.shape.required))
        with self._reader.open() as session:
            self._history(session, nobody)
            self._fallback.items(1, (), session.counts())
            if self.scorer is not None and self._counts is not None and self._sourcing is not None:
                counts = self._counts.at(session, session.counts())
                found = self._sourcing.ask((), (), *counts).found().candidates
                request = self._request(nobody, found)
                columns = session.read(request, len(found.items), self.shape.names)
                p = self.scorer.probability(self.scorer.encode(columns))
                run = Run(nobody, self._timer, session.t)
                outcome = self._ranked(run, self.scorer, found, request, columns, p)
                encode(kept(outcome.decision))  # as the log will

    def _histories(self, session: Moment, users: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The recent items of each user, newest first."""
        name, user = self.declaration.retrieval.history, self.shape.user
        found = session.read({user.name: column_of(users, user.kind)}, len(users), (name,))[name]
        histories: list[tuple[Any, ...]] = found.tolist()
        return histories

    def _history(self, session: Moment, asked: Asked) -> tuple[Any, ...]:
        """The user's recent items, newest first."""
        return self._histories(session, [asked.user])[0]

    def _request(self, asked: Asked, found: Candidates) -> dict[str, Column]:
        """What the request brings, for every candidate."""
        m, shape, given = len(found.items), self.shape, asked.context
        request = {f.name: blank(f.kind, m) for f in self._bare if f.name not in given}
        request |= {name: repeated(value, shape.context[name].kind, m) for name, value in given.items()}
        known = np.ones(m, np.bool_)
        request |= {name: Column(scores, known) for name, scores in found.columns().items()}
        request[shape.user.name] = repeated(asked.user, shape.user.kind, m)
        request[shape.item.name] = Different(found.items, known)
        return request

    def _ranked(
        self, run: Run, scorer: Scorer, found: Candidates, request: Mapping[str, Column],
        columns: Mapping[str, NDArray[Any]], p: Vector,
    ) -> Outcome:  # fmt: skip
        scores = p if self._weight is None else p * np.nan_to_num(columns[self._weight], nan=0.0)
        order = (-scores).argsort(kind="stable")  # ties in the order of retrieval
        ids: list[Any] = found.items.tolist()
        seen = set(run.history).intersection(ids) if self._excludes else ()
        t = 0 if run.t is None else run.t
        truths = self._steps.truths(columns, request, t, len(ids))
        self._blocks.note(found.items, truths)
        ranked = Ranked(found.items, columns, seen, t, run.asked.n)
        shown, propensities = self._steps.shown(order, scores, ranked, truths, run.asked.request_id)
        run.done("rerank")
        names = self._numbers
        numbers: Matrix = np.array([columns[name] for name in names]).reshape(len(names), len(ids)).T
        return self._outcome(
            run, ids, shown, scores, p, run.flags, scorer.version, run.error,
            propensities=propensities, sources=found.scores, columns=names, numbers=numbers,
            categories={name: columns[name].tolist() for name in self._categories},
            lists={name: columns[name].tolist() for name in self._lists},
        )  # fmt: skip

    def _fall_back(
        self, run: Run, why: str, error: Exception | None, session: Moment | None = None
    ) -> Outcome:
        if session is None and self._blocks and why in (NO_CANDIDATES, NO_MODEL):
            with suppress(Exception), self._reader.open() as again:  # the rules look at a moment of their own
                history, tally = self._history(again, run.asked), again.counts()
                run.t, run.meta, run.counts, run.history = again.t, again.meta, tally, history
                return self._fall_back(run, why, error, again)
        exclude = run.history if self._excludes else ()
        known = self._reader.tallies[0].newest if run.counts is None else run.counts
        blocked = (lambda found: self._blocked(run, found, session)) if self._blocks else None
        items, counts = self._fallback.items(run.asked.n, exclude, known, blocked)
        run.done("fallback")
        version = "none" if self.scorer is None else self.scorer.version
        nothing = np.full(len(items), np.nan)
        return self._outcome(
            run, items.tolist(), np.arange(len(items)), counts, nothing, run.flags | {"fallback": why},
            version, error,
        )  # fmt: skip

    def _blocked(self, run: Run, found: Candidates, session: Moment | None) -> Mask:
        """Which popular items the block rules leave out. Raises what reading their facts raises."""
        if session is None or run.t is None:
            run.flags |= BLOCKS_STALE
            return self._blocks.remembered(found.items)
        unasked = {
            source.name: np.zeros(len(found.items)) for source in self.declaration.retrieval.candidates
        }
        request = self._request(run.asked, replace(found, scores=unasked))
        columns = session.read(request, len(found.items), self._blocks.names)
        run.flags |= BLOCKS_STALE if session.degraded else {}
        return self._blocks.among(found.items, columns, request, run.t)

    def _outcome(
        self, run: Run, items: list[Any], shown: NDArray[np.int64], scores: Vector, p: Vector,
        flags: Mapping[str, str], version: str, error: Exception | None, *, propensities: Vector = _NO_ITEMS,
        **detail: Any,
    ) -> Outcome:  # fmt: skip
        asked, offsets = run.asked, {} if run.meta is None else dict(run.meta.offsets)
        places: list[int] = shown.tolist()
        best: list[float] = scores[shown].tolist()
        answer = Answer(
            asked.request_id, run.t, offsets, [items[place] for place in places], best,
            best if p is scores else p[shown].tolist(), flags, version, self.plan.hash, run.took,
            propensities.tolist(),
        )  # fmt: skip
        decision = Decision(
            asked.request_id, run.t, offsets, asked.user, asked.context, list(run.history), items,
            places, scores, p, flags, version, self.plan.hash, run.took,
            propensities=propensities, n=asked.n, **detail,
        )  # fmt: skip
        return Outcome(answer, decision, error)
