"""Features: rates of events, the time of the request, functions of other columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heptad.declare.expressions import Expression, Operand
from heptad.declare.per import Per
from heptad.declare.schema import Event, Field
from heptad.declare.windowed import Decay, Rate, Windowed, columns_of
from heptad.declare.wording import is_number, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True, eq=False)
class Calendar(Operand):
    """A number read off the time of the request, UTC."""

    part: str  #: 'hour' 0..23 or 'weekday' 0 (Monday)..6

    def expression(self) -> Expression:
        return Expression("calendar", (), self.part)

    def __str__(self) -> str:
        return f"{self.part}()"


@dataclass(frozen=True, eq=False)
class Derived:
    """A user's function: the columns named by its arguments in, one column out, alike offline and online."""

    name: str
    inputs: tuple[str, ...]
    function: Callable[..., Any]


def rate(
    numerator: type[Event] | Per,
    denominator: type[Event] | Per,
    *,
    per: str | tuple[str, ...],
    over: tuple[str, ...] = ("all",),
    prior: float = 0.0,
    strength: float = 1.0,
    delay: str = "0s",
) -> Rate:
    """Smoothed rate of events: clicks per impression, with ``strength`` pseudo-events at the ``prior`` rate.

    A stream with a condition is written ``Rating.per("film").where(Rating.stars >= 4)``.
    """
    keys = (per,) if isinstance(per, str) else tuple(per)
    for side in (numerator, denominator):
        if not isinstance(side, Per) and not (isinstance(side, type) and issubclass(side, Event)):
            raise DeclarationError(
                "rate", "two event classes, or such grouped by .per(...)", shown(side),
                "write for example hp.rate(Click, Impression, per='ad')",
            )  # fmt: skip
    if not is_number(prior) or not is_number(strength) or not 0.0 <= prior <= 1.0 or not strength > 0.0:
        raise DeclarationError(
            "rate",
            "a prior from 0 to 1 and a strength above 0",
            f"prior={prior!r}, strength={strength!r}",
            "use the overall rate as prior and the number of events it is worth as strength",
        )
    windows = (over,) if isinstance(over, str) else tuple(over)
    above, below = (
        side.count(*windows, delay=delay)
        if isinstance(side, Per)
        else Per(side, keys).count(*windows, delay=delay)
        for side in (numerator, denominator)
    )
    if above.keys != keys or below.keys != keys:
        raise DeclarationError(
            "rate",
            f"both streams per {', '.join(keys)}",
            f"{', '.join(above.keys)} and {', '.join(below.keys)}",
            "group both sides by the same keys",
        )
    return Rate(above, below, prior, strength)


def hour() -> Calendar:
    """Hour of the request's time, UTC: 0 to 23."""
    return Calendar("hour")


def weekday() -> Calendar:
    """Day of the week of the request's time, UTC: 0 is Monday."""
    return Calendar("weekday")


def feature(function: Callable[..., Any]) -> Derived:
    """Make a feature of a function whose arguments are names of other columns.

    It gets float64 arrays (n,) (NaN for null), object arrays for text and lists, and returns n numbers.
    The same function runs offline and online, so it must treat each row alone.
    """
    if not inspect.isroutine(function):
        raise DeclarationError("feature", "a function", shown(function), "write @hp.feature above a def")
    names = tuple(inspect.signature(function).parameters)
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    if not names or not kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
        raise DeclarationError(
            f"feature {function.__name__}",
            "plain named arguments, one per input column",
            str(inspect.signature(function)),
            "name the columns it needs: def value_gap(bid, mean_bid_1d)",
        )
    return Derived(function.__name__, names, function)


Feature = Windowed | Rate | Decay | Calendar | Derived | Field

__all__ = [
    "Calendar", "Decay", "Derived", "Feature", "Per", "Rate", "Windowed", "columns_of", "feature", "hour", "rate", "weekday",
]  # fmt: skip
