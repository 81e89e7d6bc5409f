"""Features over events: what to aggregate, per which keys, over which windows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from heptad.algebra import catalogue
from heptad.algebra.spec import Params
from heptad.algebra.window import Window
from heptad.declare.schema import Condition, Event, Field
from heptad.declare.types import Kind, Role
from heptad.declare.wording import is_number, is_whole, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class Windowed:
    """One aggregation of one stream per some keys, over one or more windows: one column per window."""

    event: type[Event]
    keys: tuple[str, ...]
    aggregation: str
    column: str | None
    windows: tuple[Window, ...]
    params: Params = field(default_factory=Params)
    where: Condition | None = None

    def __str__(self) -> str:
        inner = self.column or ""
        return f"{self.event.__name__}.per({', '.join(map(repr, self.keys))}).{self.aggregation}({inner})"

    __repr__ = __str__


@dataclass(frozen=True)
class Rate:
    """Smoothed rate of one stream's events to another's.

    (numerator + strength * prior) / (denominator + strength), the mean of a beta posterior.
    """

    numerator: Windowed
    denominator: Windowed
    prior: float
    strength: float

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.numerator.windows


@dataclass(frozen=True)
class Calendar:
    """A number read off the time of the request, UTC."""

    part: str  #: 'hour' 0..23 or 'weekday' 0 (Monday)..6


@dataclass(frozen=True, eq=False)
class Derived:
    """A user's function: the columns named by its arguments in, one column out, alike offline and online."""

    name: str
    inputs: tuple[str, ...]
    function: Callable[..., Any]


class Per:
    """A stream grouped by keys; its methods make features. Any aggregation of the table is a method."""

    def __init__(
        self,
        event: type[Event],
        keys: tuple[str, ...],
        where: Condition | None = None,
    ) -> None:
        self._event, self._keys, self._where = event, keys, where
        thing = f"{event.__name__}.per({', '.join(map(shown, keys))})"
        for key in keys:
            if not isinstance(key, str):
                raise DeclarationError(
                    thing, "names of columns as text", shown(key),
                    f"write .per({key.name!r})" if isinstance(key, Field) else "write for example .per('user')",
                )  # fmt: skip
        if not keys:
            raise DeclarationError(thing, "at least one column", "none", "name one: .per('user')")
        if len(set(keys)) != len(keys):
            raise DeclarationError(thing, "distinct columns", ", ".join(keys), "name each column once")
        for key in keys:
            column = event.fields.get(key)
            if column is None:
                raise DeclarationError(
                    thing,
                    f"columns of {event.__name__}: {', '.join(event.fields)}",
                    repr(key),
                    f"use one of them, or add {key!r} to the class",
                )
            if column.kind in (Kind.FLOAT, Kind.TIME) or column.role is Role.KEY:
                raise DeclarationError(
                    thing,
                    "an id, text, int, bool or list column",
                    f"{key!r} of kind {column.kind}" + (" (the event's own key)" * (column.role is Role.KEY)),
                    "group by an entity; bin a float into an int column first",
                )
        if sum(event.fields[key].kind is Kind.TEXTS for key in keys) > 1:
            raise DeclarationError(thing, "at most one list column", "two", "keep one list column per group")

    def __repr__(self) -> str:
        return f"{self._event.__name__}.per({', '.join(map(repr, self._keys))}), which aggregates nothing yet"

    def where(self, condition: Any) -> Per:
        """Only the events for which ``condition`` is true: ``Rating.per("user").where(Rating.stars >= 4)``."""
        if self._where is not None:
            raise DeclarationError(
                f"where of {self._event.__name__}", "one condition", f"{self._where} and {shown(condition)}",
                "keep one; make a column of the other in the data",
            )  # fmt: skip
        if not isinstance(condition, Condition) or condition.field.owner is not self._event:
            raise DeclarationError(
                f"where of {self._event.__name__}",
                f"a comparison of a column of {self._event.__name__}",
                shown(condition),
                f"write for example {self._event.__name__}.column >= 4",
            )
        return Per(self._event, self._keys, condition)

    def aggregate(
        self,
        name: str,
        column: str | None,
        *over: str,
        delay: str = "0s",
        hop: str | None = None,
        **params: int,
    ) -> Windowed:
        """The aggregation called ``name`` over these windows (``"1h"``, ``"7d"``, ``"all"``, the default)."""
        spec = catalogue.get(name)
        thing = f"{self._event.__name__}.per({', '.join(map(repr, self._keys))}).{name.removesuffix('_n')}"
        if spec.takes != "nothing" and column is None:
            raise DeclarationError(thing, "a column to aggregate", "none", f"write .{name}('column', '1d')")
        if column is not None:
            self._check_column(thing, column, spec.takes)
        unknown = sorted(set(params) - {f.name for f in fields(Params)})
        if unknown:
            raise DeclarationError(
                thing, "n=, decimals=, delay= or hop=", f"{unknown[0]}=", f"remove {unknown[0]}="
            )
        if not is_whole(params.get("n", 1)) or not 1 <= params.get("n", 1) <= 10_000:
            raise DeclarationError(
                thing, "n, a whole number from 1 to 10000", shown(params["n"]), "write for example n=50"
            )
        if not is_whole(params.get("decimals", 0)) or not 0 <= params.get("decimals", 0) <= 15:
            raise DeclarationError(
                thing,
                "decimals, a whole number from 0 to 15",
                shown(params["decimals"]),
                "keep the default of 6",
            )
        for width in over:
            if not isinstance(width, str):
                raise DeclarationError(
                    thing,
                    "windows as text, one argument each",
                    shown(width),
                    "write for example '1h', '7d' or 'all'",
                )
        windows = tuple(Window.of(width, delay, hop) for width in (over or ("all",)))
        if len(set(windows)) != len(windows):
            raise DeclarationError(thing, "distinct windows", ", ".join(over), "name each window once")
        return Windowed(self._event, self._keys, name, column, windows, Params(**params), self._where)

    def _check_column(self, thing: str, column: str, takes: str) -> None:
        if not isinstance(column, str):
            said = repr(column.name) if isinstance(column, Field) else "'column'"
            raise DeclarationError(
                thing,
                "the name of a column as text",
                shown(column),
                f"write .{thing.rsplit('.', 1)[1]}({said})",
            )
        column_field = self._event.fields.get(column)
        if column_field is None:
            raise DeclarationError(
                thing,
                f"a column of {self._event.__name__}: {', '.join(self._event.fields)}",
                repr(column),
                f"use one of them (a window goes last: .{thing.rsplit('.', 1)[1]}('column', '7d'))",
            )
        came = f"{column!r} of kind {column_field.kind}"
        if takes == "number" and not column_field.kind.numeric:
            raise DeclarationError(thing, "a numeric column", came, "use count, last, or a numeric column")
        if column_field.kind in (Kind.TEXTS, Kind.TIME):
            raise DeclarationError(thing, "a scalar column", came, "group by a list column instead")

    def _decimals(self, column: str, decimals: int | None) -> int:
        found = self._event.fields.get(column)
        whole = found is not None and found.kind is not Kind.FLOAT
        return decimals if decimals is not None else (0 if whole else 6)

    def count(self, *over: str, delay: str = "0s", hop: str | None = None) -> Windowed:
        """How many events."""
        return self.aggregate("count", None, *over, delay=delay, hop=hop)

    def sum(
        self, column: str, *over: str, delay: str = "0s", hop: str | None = None, decimals: int | None = None
    ) -> Windowed:
        """Exact fixed-point sum; ``decimals`` places are kept (6 for floats, 0 for ints)."""
        places = self._decimals(column, decimals)
        return self.aggregate("sum", column, *over, delay=delay, hop=hop, decimals=places)

    def mean(
        self, column: str, *over: str, delay: str = "0s", hop: str | None = None, decimals: int | None = None
    ) -> Windowed:
        """Mean of the exact sum; null without events."""
        places = self._decimals(column, decimals)
        return self.aggregate("mean", column, *over, delay=delay, hop=hop, decimals=places)

    def last(
        self, column: str, *over: str, n: int | None = None, delay: str = "0s", hop: str | None = None
    ) -> Windowed:
        """The newest value, or with ``n`` the list of the n newest, newest first."""
        if n is None:
            return self.aggregate("last", column, *over, delay=delay, hop=hop)
        return self.aggregate("last_n", column, *over, delay=delay, hop=hop, n=n)

    def since_last(self, *over: str, delay: str = "0s", hop: str | None = None) -> Windowed:
        """Seconds since the newest event."""
        return self.aggregate("since_last", None, *over, delay=delay, hop=hop)

    def __getattr__(self, name: str) -> Callable[..., Windowed]:
        if name.startswith("_"):
            raise AttributeError(name)
        spec = catalogue.get(name)

        def make(*args: str, delay: str = "0s", hop: str | None = None, **params: int) -> Windowed:
            if spec.takes == "nothing":
                return self.aggregate(name, None, *args, delay=delay, hop=hop, **params)
            column, over = (args[0] if args else None), args[1:]
            return self.aggregate(name, column, *over, delay=delay, hop=hop, **params)

        return make


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
        else side.per(*keys).count(*windows, delay=delay)
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


Feature = Windowed | Rate | Calendar | Derived | Field


def columns_of(name: str, feature: Windowed | Rate) -> Mapping[str, Window]:
    """The output columns of a feature: its own name for one window, else name_window for each."""
    if len(feature.windows) == 1:
        return {name: feature.windows[0]}
    return {f"{name}_{window.label}": window for window in feature.windows}
