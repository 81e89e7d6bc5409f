"""A request on its way through the pipeline: what was asked, what is known of it so far, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from heptad.serving.answer import NO_FEATURES, Answer, Prediction
from heptad.serving.decision import Decision
from heptad.state.store import Meta
from heptad.state.tally import Counts

Timer = Callable[[], int]
#: The stages of a ranking, in order; those of a classification are among them.
STAGES: Final = ("history", "candidates", "features", "model", "rerank")


class Asked(NamedTuple):
    """A checked request: who, how many items, and what else is known about the moment.

    Of a classification ``user`` is the event's own id, where it was sent, and ``context`` the event's columns.
    """

    request_id: str
    user: Any
    n: int
    context: Mapping[str, Any]


class Outcome(NamedTuple):
    """The answer, what is to be logged, and the error behind a fallback (None where there was none)."""

    answer: Answer | Prediction
    decision: Decision
    error: Exception | None


@dataclass
class Run:
    """What is known of a request so far; a fallback uses as much of it as there is."""

    asked: Asked
    timer: Timer
    t: int | None = None
    meta: Meta | None = None
    counts: Counts | None = None
    history: tuple[Any, ...] = ()
    stage: str = NO_FEATURES  #: what is unavailable if it stops now
    flags: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None  #: of a part that others stand in for
    took: dict[str, int] = field(default_factory=dict)
    _began: int = field(init=False)
    _since: int = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._since = self.timer()

    def again(self) -> Run:
        """The same request from its beginning; the time that is lost counts as its first stage's."""
        self.stage, self.flags, self.error, self._since = NO_FEATURES, {}, None, self._began
        self.took.clear()
        return self

    @property
    def doing(self) -> str:
        """The stage it is in."""
        return next((stage for stage in STAGES if stage not in self.took), STAGES[-1])

    def done(self, stage: str) -> None:
        """Note the microseconds since the stage before."""
        now = self.timer()
        self.took[stage] = (now - self._since) // 1_000
        self._since = now
