"""Step 6 of a classification: which decisions a person looks at, and what answers when a part fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.schema import Condition
from heptad.declare.wording import is_whole, listed, shown
from heptad.errors import DeclarationError
from heptad.times import duration


@dataclass(frozen=True)
class Prior:
    """The share of true labels in training: what is known without a feature and without a model."""


@dataclass(frozen=True)
class Review:
    """A queue of ``load`` decisions per ``every``: the highest probabilities, and all that a rule names.

    The threshold of the queue is learned with the model: what ``load`` per ``every`` of the held-out training
    rows would have passed. ``rules`` are comparisons of the event's own columns, such as
    ``Transaction.amount > 220``; a decision that meets one is reviewed whatever its probability, and also
    when no model answers. Reports compare models at the load itself: the ``load`` highest of each ``every``.
    """

    load: int
    every: str = "1d"
    rules: tuple[Any, ...] | list[Any] = ()  #: conditions, true or false to a type checker
    fallback: Prior = Prior()

    def __post_init__(self) -> None:
        if not is_whole(self.load) or self.load < 1:
            raise DeclarationError(
                "Review.load",
                "a whole number from 1",
                shown(self.load),
                "write hp.Review(load=100, every='1d')",
            )
        if duration(self.every, thing="Review.every") <= 0:
            raise DeclarationError("Review.every", "a positive duration", self.every, "write every='1d'")
        for rule in self.rules if listed(self.rules) else (self.rules,):
            if not listed(self.rules) or not isinstance(rule, Condition):
                raise DeclarationError(
                    "Review.rules", "a list of comparisons of the event's columns", shown(rule),
                    "write rules=[Transaction.amount > 220]",
                )  # fmt: skip
        object.__setattr__(self, "rules", tuple(self.rules))
        if not isinstance(self.fallback, Prior):
            raise DeclarationError("Review.fallback", "hp.Prior", shown(self.fallback), "write hp.Prior()")

    @property
    def period(self) -> int:
        """``every`` in microseconds."""
        return duration(self.every)
