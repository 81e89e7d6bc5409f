"""What the system learns: an outcome that follows an event, or one written in the event itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.schema import Condition, Event, Field
from heptad.declare.types import Role
from heptad.declare.wording import shown
from heptad.errors import DeclarationError
from heptad.times import duration


@dataclass(frozen=True)
class FollowedBy:
    """True where ``outcome`` refers to the event and comes within ``within`` microseconds after it."""

    event: type[Event]
    outcome: type[Event]
    reference: Field
    within: int

    def __repr__(self) -> str:
        return f"the label of {self.event.__name__} followed by {self.outcome.__name__}"

    @property
    def matures_after(self) -> int:
        """Microseconds until the label can be known.

        One more where outcomes say when they could be known: one known at the very end is known after it.
        """
        reported = any(field.role is Role.KNOWN_AT for field in self.outcome.fields.values())
        return self.within + reported


@dataclass(frozen=True)
class Outcome:
    """True where the event itself meets ``where`` (every event where it is None)."""

    event: type[Event]
    where: Condition | None

    def __repr__(self) -> str:
        return f"the label of {self.event.__name__}" + (
            f" with {self.where}" if self.where is not None else ""
        )

    @property
    def matures_after(self) -> int:
        return 0


Label = FollowedBy | Outcome


def label(
    event: type[Event],
    *,
    followed_by: type[Event] | None = None,
    within: str | None = None,
    where: Any = None,
) -> Label:
    """The label of an event.

    ``label(Impression, followed_by=Click, within="30m")`` joins by Click's ``hp.Ref[Impression]``.
    ``label(Rating, where=Rating.stars >= 4)`` reads it off the event.
    """
    for role, cls in (("event", event), ("followed_by", followed_by)):
        if not (isinstance(cls, type) and issubclass(cls, Event)) and not (
            role == "followed_by" and cls is None
        ):
            raise DeclarationError(
                "label",
                f"an event class as {role}",
                shown(cls),
                "write hp.label(Impression, followed_by=Click)",
            )
    thing = f"label({event.__name__})"
    if followed_by is None:
        if within is not None:
            raise DeclarationError(
                thing, "within= only with followed_by=", f"within={within!r}", "remove within="
            )
        if where is not None and (not isinstance(where, Condition) or where.field.owner is not event):
            raise DeclarationError(
                thing, f"a condition on {event.__name__}", shown(where),
                f"compare a column of {event.__name__}, such as {event.__name__}.column >= 4",
            )  # fmt: skip
        return Outcome(event, where)
    if where is not None:
        raise DeclarationError(thing, "followed_by= or where=, not both", "both", "keep one of them")
    references = [f for f in followed_by.fields.values() if f.role is Role.REF and f.ref is event]
    if len(references) != 1:
        raise DeclarationError(
            thing,
            f"one column of hp.Ref[{event.__name__}] in {followed_by.__name__}",
            f"{len(references)}",
            f"add a column such as shown: hp.Ref[{event.__name__}] to {followed_by.__name__}",
        )
    if event.key_field() is None:
        raise DeclarationError(
            thing,
            f"a column of hp.Key in {event.__name__}",
            "none",
            "give the event an id that outcomes can name",
        )
    if within is None:
        raise DeclarationError(thing, "within=, the attribution window", "none", "write within='30m'")
    width = duration(within, thing="within")
    if width <= 0:
        raise DeclarationError(thing, "a positive attribution window", within, "write within='30m'")
    return FollowedBy(event, followed_by, references[0], width)
