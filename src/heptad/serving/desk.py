"""One classification request: features of the event at this moment, its probability, and whether it is reviewed.

The features are read from one snapshot before the event itself counts, so a logged decision can be recomputed
from the log at its (t, o).
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.schema import Condition
from heptad.declare.system import Declaration
from heptad.declare.types import Role
from heptad.declare.wording import named
from heptad.errors import DataError, PlanError
from heptad.models.base import Matrix
from heptad.online.moment import Moment, Moments
from heptad.plan.nodes import Plan
from heptad.serving.answer import NO_MODEL, PASS, REVIEW, STALE, Prediction
from heptad.serving.columns import bare_inputs, case_shape
from heptad.serving.decision import Decision, encode
from heptad.serving.scorer import Scorer
from heptad.serving.underway import Asked, Outcome, Run, Timer
from heptad.serving.values import blank, checked, repeated
from heptad.state.breaker import Breaker

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class Desk:
    """Decides cases for one system with one scorer; any number of threads may use one desk.

    ``scorer`` None is a system without a champion: rules alone decide, flagged. ``timer`` gives nanoseconds of a
    steady clock, for the stages' times alone.
    """

    def __init__(
        self, declaration: Declaration, plan: Plan, reader: Moments, scorer: Scorer | None,
        *, timer: Timer = time.perf_counter_ns,
    ) -> None:  # fmt: skip
        if scorer is not None and scorer.plan_hash != plan.hash:
            raise PlanError(
                f"scorer {scorer.version}", f"one trained on the features of plan {plan.hash}",
                f"plan {scorer.plan_hash}", "train again with this declaration",
            )  # fmt: skip
        self.declaration, self.plan, self.scorer = declaration, plan, scorer
        self._reader, self._timer = reader, timer
        self.shape = case_shape(plan, () if scorer is None else list(scorer.encoder.kinds))
        self._bare = bare_inputs(plan, self.shape.read)
        event = declaration.classification.event
        key, when = event.key_field(), event.time_field()
        self._key = "" if key is None else key.name
        self._apart = {f.name: f.kind for f in (key, when) if f is not None}
        self._apart |= {f.name: f.kind for f in event.fields.values() if f.role is Role.KNOWN_AT}

    @property
    def breakers(self) -> Mapping[str, Breaker]:
        """There are no candidate sources to leave alone."""
        return {}

    def ask(self, row: Mapping[str, Any], request_id: str | None, fresh: Callable[[], str]) -> Asked:
        """The event's columns from outside, checked; its own id, where it is sent, names the request.

        Its time may be sent and is not used: a decision is made now. Raises DataError for what a client must
        mend.
        """
        fields = self.shape.context
        unknown = sorted(set(row) - set(fields) - set(self._apart))
        if unknown:
            raise DataError(
                named(unknown[0]),
                f"one of {', '.join(fields)}",
                "an unknown column",
                "remove it, or declare it in the event",
            )
        missing = [name for name in self.shape.required if row.get(name) is None]
        if missing:
            raise DataError(
                missing[0], "a value, since features are counted by it", "nothing", f"send {missing[0]}"
            )
        context = {
            name: checked(name, value, fields[name].kind, fields[name].size)
            for name, value in row.items()
            if name in fields
        }
        apart = {name: checked(name, row.get(name), kind) for name, kind in self._apart.items()}
        own = apart.get(self._key)
        return Asked(request_id or (fresh() if own is None else str(own)), own, 1, context)

    def begin(self, asked: Asked) -> Run:
        """A request about to be answered."""
        return Run(asked, self._timer)

    def rank(self, asked: Asked, run: Run | None = None) -> Outcome:
        """The decision; where a part fails, the prior and the rules, flagged."""
        run = run or self.begin(asked)
        try:
            if self.scorer is None:
                return self._fall_back(run, NO_MODEL, None)
            with self._reader.open() as session:
                run.t, run.meta = session.t, session.meta
                columns = self._features(session, asked)
                run.flags |= STALE if session.degraded else {}
                run.done("features")
            run.stage = NO_MODEL
            p = float(self.scorer.probability(self.scorer.encode(columns))[0])
            run.done("model")
            return self._decided(run, self.scorer, columns, p)
        except Exception as error:  # the answer goes out; whoever called reports the error
            return self._fall_back(run, run.stage, error)

    def rank_all(self, runs: Sequence[Run]) -> list[Outcome]:
        """The decisions of requests that wait at the same time."""
        return [self.rank(run.asked, run) for run in runs]

    def fall_back(self, asked: Asked, flags: Mapping[str, str]) -> Outcome:
        """The prior and the rules at once, without a look at store or model; flagged with the reason."""
        run = Run(asked, self._timer, flags=dict(flags))
        return self._fall_back(run, flags["fallback"], None)

    def warm(self) -> None:
        """Load what a decision needs, so that the first request is as fast as the next."""
        self._reader.warm()
        if self.scorer is None:
            return
        with self._reader.open() as session:
            nobody = Asked("", None, 1, {})
            columns = self._features(session, nobody)
            p = float(self.scorer.probability(self.scorer.encode(columns))[0])
            encode(self._decided(self.begin(nobody), self.scorer, columns, p).decision)  # as the log will

    def _features(self, session: Moment, asked: Asked) -> dict[str, NDArray[Any]]:
        fields = self.shape.context
        names = {f.name: f for f in self._bare} | {name: fields[name] for name in self.shape.required}
        request = {name: blank(field.kind, 1) for name, field in names.items()}
        request |= {name: repeated(value, fields[name].kind, 1) for name, value in asked.context.items()}
        return session.read(request, 1, self.shape.names)

    def _decided(self, run: Run, scorer: Scorer, columns: Mapping[str, NDArray[Any]], p: float) -> Outcome:
        held = {c.name: c.holds for c in self.shape.read}
        names = [name for name, holds in held.items() if holds == "number"]
        numbers: Matrix = np.array([[columns[name][0] for name in names]], np.float64)
        return self._outcome(
            run, p, scorer.threshold, run.flags, scorer.version, None, columns=names, numbers=numbers,
            categories={name: columns[name].tolist() for name, holds in held.items() if holds == "category"},
            lists={name: columns[name].tolist() for name, holds in held.items() if holds not in ("number", "category")},
        )  # fmt: skip

    def _fall_back(self, run: Run, why: str, error: Exception | None) -> Outcome:
        scorer = self.scorer
        prior = float("nan") if scorer is None or scorer.prior is None else scorer.prior
        version = "none" if scorer is None else scorer.version
        run.done("fallback")
        return self._outcome(run, prior, None, run.flags | {"fallback": why}, version, error)

    def _outcome(
        self, run: Run, p: float, threshold: float | None, flags: Mapping[str, str], version: str,
        error: Exception | None, **detail: Any,
    ) -> Outcome:  # fmt: skip
        asked, offsets = run.asked, {} if run.meta is None else dict(run.meta.offsets)
        rules = [str(rule) for rule in self.declaration.review.rules if meets(rule, asked.context)]
        picked = bool(rules) or (threshold is not None and p >= threshold)
        answer = Prediction(
            asked.request_id, run.t, offsets, p, REVIEW if picked else PASS, rules, threshold, flags, version,
            self.plan.hash, run.took,
        )  # fmt: skip
        one = np.array([p])
        decision = Decision(
            asked.request_id, run.t, offsets, None, asked.context, [], [asked.user], [0] if picked else [],
            one, one, flags, version, self.plan.hash, run.took, **detail,
        )  # fmt: skip
        return Outcome(answer, decision, error)


def meets(rule: Condition, row: Mapping[str, Any]) -> bool:
    """Whether a request's columns meet a rule; a null, or a value that is not sent, meets none.

    As where= of a feature counts events: a text and a number are never alike.
    """
    value = row.get(rule.field.name)
    if value is None or value != value:
        return False
    if isinstance(value, str) != isinstance(rule.bound, str):
        return rule.op == "!="
    return _COMPARE[rule.op](value, rule.bound)
