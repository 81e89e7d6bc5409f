"""Step 2: the learning problem: what is ranked or classified, and which loss stands for success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.expressions import Overrules
from heptad.declare.labels import FollowedBy, Label, Outcome
from heptad.declare.retrieval import Retrieval
from heptad.declare.schema import Event, Field
from heptad.declare.types import Kind, Role
from heptad.declare.wording import is_number, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class LogLoss:
    """Binary cross-entropy of the label: the mean of -log p over rows whose label is true, -log(1 - p) else.

    ``positive_weight`` is how many rows of false label one of true label is worth in training; probabilities
    are calibrated afterwards, so they keep their meaning.
    """

    label: Label
    positive_weight: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.label, (FollowedBy, Outcome)):
            raise DeclarationError("LogLoss", "a label", shown(self.label), "write hp.LogLoss(hp.label(...))")
        if not is_number(self.positive_weight) or not self.positive_weight > 0:
            raise DeclarationError(
                "LogLoss.positive_weight",
                "a positive number",
                shown(self.positive_weight),
                "leave it out: 1.0",
            )


@dataclass(frozen=True)
class Score(Overrules):
    """What items are ordered by: the predicted probability, times a column where one is given."""

    weight: Field | None = None

    def __mul__(self, weight: Any) -> Score:
        if not isinstance(weight, Field) or not weight.kind.numeric or self.weight is not None:
            raise DeclarationError(
                "score", "hp.p times one numeric column", f"{self} * {shown(weight)}",
                "write hp.p * Impression.bid",
            )  # fmt: skip
        return Score(weight)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return "hp.p" if self.weight is None else f"hp.p * {self.weight}"


#: The model's probability; ``score=hp.p * Impression.bid`` ranks by expected value.
p = Score()


@dataclass(frozen=True)
class Ranking:
    """Which ``item`` should this ``user`` see now? Both are columns of the label's event."""

    item: Any  #: a column, an int or text to a type checker
    user: Any
    objective: LogLoss
    score: Score = p

    def __post_init__(self) -> None:
        if not isinstance(self.objective, LogLoss):
            raise DeclarationError(
                "Ranking.objective", "a loss", shown(self.objective), "write objective=hp.LogLoss(label)"
            )
        if not isinstance(self.score, Score):
            raise DeclarationError(
                "Ranking.score", "hp.p, or hp.p times a numeric column", shown(self.score),
                "write score=hp.p * Impression.bid",
            )  # fmt: skip
        event = self.objective.label.event
        for name in ("item", "user"):
            field = getattr(self, name)
            ids = [str(f) for f in event.fields.values() if f.kind is Kind.ID and f.role is Role.VALUE]
            if not isinstance(field, Field) or str(field) not in ids or field.owner is not event:
                raise DeclarationError(
                    f"Ranking.{name}", f"an hp.Id column of {event.__name__}, the label's event", shown(field),
                    f"write {name}={' or '.join(ids)}" if ids else f"annotate a column of {event.__name__} with hp.Id",
                )  # fmt: skip
        if self.item is self.user:
            raise DeclarationError("Ranking", "different item and user", str(self.item), "name two columns")


@dataclass(frozen=True)
class Classification:
    """Is the label of this event true? Every event of the class is one decision, made before it counts.

    The request brings the event's columns, its own id and outcome apart. ``entity`` is whom decisions are
    about, a column of hp.Id: intervals resample its rows together, since they are not independent.
    """

    event: type[Event]
    objective: LogLoss
    entity: Any = None  #: a column, an int or text to a type checker

    def __post_init__(self) -> None:
        if not isinstance(self.objective, LogLoss):
            raise DeclarationError(
                "Classification.objective",
                "a loss",
                shown(self.objective),
                "write objective=hp.LogLoss(label)",
            )
        event = self.objective.label.event
        if self.event is not event:
            raise DeclarationError(
                "Classification.event", f"{event.__name__}, the label's event", shown(self.event),
                f"write hp.Classification({event.__name__}, ...)",
            )  # fmt: skip
        if event.key_field() is None:
            raise DeclarationError(
                "Classification.event", "an event with a column of hp.Key", event.__name__,
                "give the event an id, by which its decision is found again",
            )  # fmt: skip
        ids = [str(f) for f in event.fields.values() if f.kind is Kind.ID and f.role is Role.VALUE]
        if self.entity is not None and (not isinstance(self.entity, Field) or str(self.entity) not in ids):
            raise DeclarationError(
                "Classification.entity", f"an hp.Id column of {event.__name__}", shown(self.entity),
                f"write entity={' or '.join(ids)}" if ids else "leave it out",
            )  # fmt: skip


Framing = Ranking | Classification | Retrieval
