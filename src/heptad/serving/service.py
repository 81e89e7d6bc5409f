"""A running system: an intake for events, a store to read; answers, health; and a clean end."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from heptad.declare.framing import Ranking
from heptad.declare.schema import Schema
from heptad.declare.serving import Serving
from heptad.declare.system import Declaration
from heptad.declare.types import Kind, Role
from heptad.errors import DataError, HeptadError, StateError
from heptad.online.reader import Answer as Features
from heptad.online.reader import Reader
from heptad.plan.nodes import FieldPlan, Plan
from heptad.serving.answer import Answer, Prediction
from heptad.serving.columns import Shape
from heptad.serving.desk import Desk
from heptad.serving.intake import Intake
from heptad.serving.pipeline import Pipeline
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.schemas import schemas
from heptad.serving.scorer import Scorer
from heptad.serving.turns import Call, Slowness, Turn
from heptad.serving.underway import Asked, Outcome
from heptad.serving.values import blank, checked, entity_columns
from heptad.serving.writer import Posted
from heptad.state.breaker import Breaker
from heptad.state.remembered import Remembered
from heptad.state.store import Store
from heptad.streams.clock import Clock, Moving
from heptad.times import SECOND, duration, format_instant

#: A fallback answers when a ranking has taken this many times the declared p99.
DEADLINE_P99S: Final = 4
#: The part of the deadline that candidate sources may take: one in so many.
SOURCES_SHARE: Final = 4
#: Rows of one feature read, at most.
FEATURE_ROWS: Final = 10_000


class Refused(DataError):
    """A post with bad rows: ``rows`` holds the error of each bad row by its place. Nothing of it was logged."""

    def __init__(self, stream: str, rows: Mapping[int, HeptadError]) -> None:
        self.stream, self.rows = stream, dict(rows)
        super().__init__(
            f"events of {stream}", "rows that fit the class, all of them",
            f"{len(rows)} bad, the first at place {min(rows)}: {rows[min(rows)]}",
            "mend these rows and post all again: nothing of this request was logged",
        )  # fmt: skip


class Health(msgspec.Struct, frozen=True):
    """How a service is. ``lag`` is records in the log and not in the state; times are microseconds and ISO."""

    status: str
    clock: str
    now: str
    frontier: str | None
    frontier_us: int | None
    pending_from: str | None
    offsets: Mapping[int, int]
    lag: int
    model_version: str
    plan_hash: str
    decisions_logged: int
    problems: list[str]


def deadline_of(declaration: Declaration) -> int:
    """Microseconds after which a fallback answers: `DEADLINE_P99S` times the declared p99."""
    return DEADLINE_P99S * duration(declaration.requirements.p99)


class Service:
    """Serves one declaration; it closes its intake, its store and its prediction log at the end.

    With a clock that can be moved a posted event that is ahead of the clock moves it to its time, so that history
    can be posted in its own order: virtual time goes where the newest event is. (A wrong date far ahead takes
    the clock along for good: start a replay anew after one.) With a wall clock such an event waits for its time.
    """

    def __init__(
        self,
        declaration: Declaration,
        plan: Plan,
        *,
        intake: Intake,
        store: Store,
        clock: Clock,
        predictions: PredictionLog,
        scorer: Scorer | None = None,
        deadline: int | None = None,
    ) -> None:
        """``deadline`` in microseconds; by default `DEADLINE_P99S` times the declared p99."""
        self.declaration, self.plan = declaration, plan
        self._intake, self._store, self._clock, self._predictions = intake, store, clock, predictions
        self.deadline = deadline_of(declaration) if deadline is None else deadline
        self._schemas: dict[str, type[Schema]] = schemas(declaration)
        self._fields = {field.name: field for field in plan.request}
        if isinstance(declaration.serving, Serving):
            for source in declaration.serving.candidates:
                name = f"score:{source.name}"
                self._fields[name] = FieldPlan(name, Kind.FLOAT, Role.VALUE, optional=True)
        self._reader = Reader(plan, store, clock)
        self._pipeline = self._pipeline_of(scorer)
        self._trouble: Exception | None = None
        self._slowness = Slowness()
        self._watching: list[Callable[[Outcome], None]] = []
        #: of this process: the system's own costs .1 ms a number
        self._ids = random.Random(secrets.randbits(256))
        self._open = True
        self._closing = threading.Lock()

    def warm(self) -> None:
        """Load all that an answer and a post need; call it before the first request is let in."""
        self._intake.warm()
        self._pipeline.warm()

    def serve(self, scorer: Scorer | None) -> None:
        """Answer with another scorer from now on: requests under way finish with the one before."""
        pipeline = self._pipeline_of(scorer)
        pipeline.warm()
        self._pipeline = pipeline

    def watch(self, watching: Callable[[Outcome], None]) -> None:
        """Tell of every answer from now on, on the thread that gives it."""
        self._watching.append(watching)

    def ask(self, user: object, n: int | None, context: Mapping[str, Any] | None) -> Asked:
        """A checked request with an id of its own. Raises DataError for what the client must mend."""
        if not isinstance(self._pipeline, Pipeline):
            raise DataError("POST /rank", "a ranking system", "a classification", "ask POST /predict")
        return self._pipeline.ask(user, n, context, self._fresh_id())

    def ask_about(self, row: Mapping[str, Any]) -> Asked:
        """A checked request of a classification: an event's columns. Raises DataError for what must be mended."""
        if not isinstance(self._pipeline, Desk):
            raise DataError("POST /predict", "a classification", "a ranking system", "ask POST /rank")
        return self._pipeline.ask(row, None, self._fresh_id)

    def rank(self, asked: Asked, turn: Turn | None = None) -> Answer | Prediction | None:
        """Answer a request and log the decision.

        Where several may answer one request, the first to take its ``turn`` does; the others get None.
        """
        return self.rank_all([(asked, turn or Turn())])[0]

    def rank_all(self, asked: Sequence[tuple[Asked, Turn]]) -> list[Answer | Prediction | None]:
        """The same for several requests at once; None too for one that it is too late for."""
        pipeline, flags = self._pipeline, self._slowness.left_alone()
        if flags is not None:
            return [self._log_it(pipeline.fall_back(one, flags), turn) for one, turn in asked]
        runs = {place: pipeline.begin(one) for place, (one, turn) in enumerate(asked) if not turn.over}
        call = Call()
        for place, run in runs.items():
            asked[place][1].run, asked[place][1].call = run, call
        out: list[Answer | Prediction | None] = [None] * len(asked)
        for place, outcome in zip(runs, pipeline.rank_all(list(runs.values())), strict=True):
            out[place] = self._log_it(outcome, asked[place][1])
        if any(answer is not None for answer in out):
            self._slowness.in_time()
        return out

    def too_slow(self, asked: Asked, turn: Turn) -> Answer | Prediction | None:
        """The fallback for a ranking that has missed its deadline, unless it has answered meanwhile."""
        return self._log_it(self._pipeline.fall_back(asked, self._slowness.late(turn)), turn)

    def features(self, given: Mapping[str, Any]) -> Features:
        """All of the plan's columns for the rows of ``given``: request columns, scalars or lists, and ``at``."""
        values = {name: value for name, value in given.items() if name != "at"}
        at = checked("at", given.get("at"), Kind.TIME)
        columns, n = entity_columns(values, self._fields, FEATURE_ROWS)
        for name, field in self._fields.items():
            columns.setdefault(name, blank(field.kind, n))
        return self._reader.read(columns, n, at)

    def post(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[Posted]:
        """Log and apply rows of a stream, all or none: the future is done once the next read sees them.

        Raises `Refused` with one error per bad row.
        """
        cls = self._schemas[stream]
        parsed: list[Mapping[str, Any]] = []
        errors: dict[int, HeptadError] = {}
        for place, row in enumerate(rows):
            try:
                parsed.append(cls.parse(row))
            except HeptadError as error:
                errors[place] = error
        if errors:
            raise Refused(stream, errors)
        if not parsed:
            raise DataError(f"events of {stream}", "at least one", "an empty list", "send an event or a list")
        return self._intake.post(stream, parsed)

    @property
    def model_version(self) -> str:
        """The version that answers now; "none" where no model does."""
        scorer = self._pipeline.scorer
        return "none" if scorer is None else scorer.version

    @property
    def breakers(self) -> dict[str, Breaker]:
        """Those of the stages, of the candidate sources, and of a store at a server."""
        found = {f"stage {name}": one for name, one in self._slowness.breakers.items()}
        found |= {f"source {name}": one for name, one in self._pipeline.breakers.items()}
        return found | ({"store": self._store.breaker} if isinstance(self._store, Remembered) else {})

    @property
    def streams(self) -> tuple[str, ...]:
        """The names under which rows can be posted."""
        return tuple(self._schemas)

    @property
    def shape(self) -> Shape:
        """The columns that a request reads, and those it may and must bring."""
        return self._pipeline.shape

    @property
    def feature_fields(self) -> Mapping[str, FieldPlan]:
        """The columns that rows of `features` may have."""
        return self._fields

    def health(self) -> Health:
        """How it is, without touching what may hang."""
        standing, now = self._intake.standing(), self._clock.now()
        failures = {"prediction log": self._predictions.failure, "pipeline": self._trouble}
        problems = [f"{part}: {type(e).__name__}: {e}" for part, e in failures.items() if e is not None]
        if standing.problem is not None:
            problems.append(f"writer: {standing.problem}")
        problems += [f"{stage}: too slow, {state}" for stage, state in self._slowness.states.items()]
        if self._pipeline.scorer is None:
            problems.append("pipeline: no model is served: answers are the fallback's")
        return Health(
            status="draining" if not self._open else "degraded" if problems else "ok",
            clock="replay" if isinstance(self._clock, Moving) else "wall",
            now=format_instant(now),
            frontier=None if standing.frontier is None else format_instant(standing.frontier),
            frontier_us=standing.frontier,
            pending_from=None if standing.pending_from is None else format_instant(standing.pending_from),
            offsets=standing.offsets,
            lag=standing.lag,
            model_version=self.model_version,
            plan_hash=self.plan.hash,
            decisions_logged=self._predictions.logged,
            problems=problems,
        )

    def drain(self) -> None:
        """Accept nothing more, finish what was posted, write the decisions, close. Draining twice is fine."""
        with self._closing:
            if not self._open:
                return
            self._open = False
        self._intake.close()
        self._predictions.close()
        self._store.close()

    def _fresh_id(self) -> str:
        return f"{self._ids.getrandbits(64):016x}"

    def _pipeline_of(self, scorer: Scorer | None) -> Pipeline | Desk:
        if not isinstance(self.declaration.framing, Ranking):
            return Desk(self.declaration, self.plan, self._reader, scorer)
        budget = self.deadline / SECOND / SOURCES_SHARE
        return Pipeline(self.declaration, self.plan, self._reader, scorer, budget=budget)

    def _log_it(self, outcome: Outcome, turn: Turn) -> Answer | Prediction | None:
        if not turn.take():
            return None
        self._trouble = outcome.error
        for watching in self._watching:
            watching(outcome)
        if isinstance(outcome.error, StateError) or "features" in outcome.answer.flags:
            self._intake.doubt()
        self._predictions.append(outcome.decision, self._clock.now())
        return outcome.answer
