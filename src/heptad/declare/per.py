"""A stream grouped by keys, and the features it makes: one method per aggregation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from heptad.algebra import catalogue
from heptad.algebra.spec import Aggregation
from heptad.algebra.window import Window
from heptad.declare.options import Asked, parameters
from heptad.declare.schema import Condition, Event, Field
from heptad.declare.types import Kind, Role
from heptad.declare.windowed import Decay, Windowed, grouped
from heptad.declare.wording import shown
from heptad.errors import DeclarationError
from heptad.times import duration, format_duration

_DISCRETE: Final = (Kind.ID, Kind.TEXT, Kind.INT, Kind.BOOL)
_MOST_HOPS: Final = 1000  #: windows of a decay


class Per:
    """A stream grouped by keys (by none: all its events); its methods make features.

    Any aggregation of the table is a method, a user's own too. Windows are texts, one column each: ``"1h"``,
    ``"7d"``, or ``"all"``, the default. ``delay`` ends them before the read, ``hop`` is the grid of their tail
    (docs/reference/meaning.md). docs/reference/features.md shows what each method gives.
    """

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
            if column.kind in (Kind.FLOAT, Kind.TIME, Kind.VECTOR) or column.role is Role.KEY:
                raise DeclarationError(
                    thing,
                    "an id, text, int, bool or list column",
                    f"{key!r} of kind {column.kind}" + (" (the event's own key)" * (column.role is Role.KEY)),
                    "group by an entity; bin a float into an int column first",
                )
        if sum(event.fields[key].kind is Kind.TEXTS for key in keys) > 1:
            raise DeclarationError(thing, "at most one list column", "two", "keep one list column per group")

    def __repr__(self) -> str:
        return f"{grouped(self._event, self._keys)}, which aggregates nothing yet"

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
        **options: Any,
    ) -> Windowed:
        """The aggregation called ``name`` over these windows (``"1h"``, ``"7d"``, ``"all"``, the default)."""
        spec = catalogue.get(name)
        thing = f"{grouped(self._event, self._keys)}.{name.removesuffix('_n')}"
        if spec.takes != "nothing" and column is None:
            raise DeclarationError(thing, "a column to aggregate", "none", f"write .{name}('column', '1d')")
        field = None if column is None else self._column(thing, column, spec)
        params = parameters(spec, Asked(thing, field, options))
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
        return Windowed(self._event, self._keys, name, column, windows, params, self._where)

    def _column(self, thing: str, column: str, spec: Aggregation) -> Field:
        """The column of this name, which the aggregation can take."""
        method, takes = thing.rsplit(".", 1)[1], spec.takes
        if not isinstance(column, str):
            said = repr(column.name) if isinstance(column, Field) else "'column'"
            raise DeclarationError(
                thing, "the name of a column as text", shown(column), f"write .{method}({said})"
            )
        field = self._event.fields.get(column)
        if field is None:
            raise DeclarationError(
                thing,
                f"a column of {self._event.__name__}: {', '.join(self._event.fields)}",
                repr(column),
                f"use one of them (a window goes last: .{method}('column', '7d'))",
            )
        came = f"{column!r} of kind {field.kind}"
        if takes == "number" and not field.kind.numeric:
            raise DeclarationError(thing, "a numeric column", came, "use count, last, or a numeric column")
        if (field.kind is Kind.TEXTS and spec.lists) or (
            field.kind is Kind.VECTOR and spec.returns == "value"
        ):
            return field
        if takes == "discrete" and field.kind not in _DISCRETE:
            raise DeclarationError(
                thing, "an id, text, int, bool or list column", came,
                "use quantile, or bin it into an int column first",
            )  # fmt: skip
        if field.kind in (Kind.TEXTS, Kind.TIME, Kind.VECTOR):
            fix = (
                "use first or last without n"
                if field.kind is Kind.VECTOR
                else "group by a list column instead"
            )
            raise DeclarationError(thing, "a scalar column", came, fix)
        return field

    def count(
        self, *over: str, column: str | None = None, delay: str = "0s", hop: str | None = None
    ) -> Windowed:
        """How many events; with ``column`` those with a value there, or how many elements its lists have.

        ``Click.per("user").count("1h", "7d")``
        """
        return self.aggregate("count", column, *over, delay=delay, hop=hop)

    def sum(
        self,
        column: str | None = None,
        *over: str,
        delay: str = "0s",
        hop: str | None = None,
        decimals: int | None = None,
    ) -> Windowed:
        """Exact fixed-point sum; ``decimals`` places are kept (6 for floats, 0 for ints).

        ``Sale.per("user").sum("amount", "1d", decimals=2)``
        """
        return self.aggregate("sum", column, *over, delay=delay, hop=hop, decimals=decimals)

    def mean(
        self,
        column: str | None = None,
        *over: str,
        delay: str = "0s",
        hop: str | None = None,
        decimals: int | None = None,
    ) -> Windowed:
        """Mean of the exact sum; null without events. ``Sale.per("user").mean("amount", "7d")``"""
        return self.aggregate("mean", column, *over, delay=delay, hop=hop, decimals=decimals)

    def variance(
        self,
        column: str | None = None,
        *over: str,
        delay: str = "0s",
        hop: str | None = None,
        decimals: int | None = None,
    ) -> Windowed:
        """Exact population variance (divided by n); 0 for one event. ``Sale.per("user").variance("amount", "7d")``"""
        return self.aggregate("variance", column, *over, delay=delay, hop=hop, decimals=decimals)

    def std(
        self,
        column: str | None = None,
        *over: str,
        delay: str = "0s",
        hop: str | None = None,
        decimals: int | None = None,
    ) -> Windowed:
        """Population standard deviation: the root of `variance`. ``Sale.per("user").std("amount", "7d")``"""
        return self.aggregate("std", column, *over, delay=delay, hop=hop, decimals=decimals)

    def min(
        self, column: str | None = None, *over: str, delay: str = "0s", hop: str | None = None, **options: Any
    ) -> Windowed:
        """Least value. ``Sale.per("user").min("amount", "7d")``"""
        return self.aggregate("min", column, *over, delay=delay, hop=hop, **options)

    def max(
        self, column: str | None = None, *over: str, delay: str = "0s", hop: str | None = None, **options: Any
    ) -> Windowed:
        """Greatest value. ``Sale.per("user").max("amount", "7d")``"""
        return self.aggregate("max", column, *over, delay=delay, hop=hop, **options)

    def last(
        self,
        column: str | None = None,
        *over: str,
        n: int | None = None,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """The newest value, or with ``n`` the list of the n newest, newest first. ``Click.per("user").last("ad", n=5)``"""
        if n is None:
            return self.aggregate("last", column, *over, delay=delay, hop=hop)
        return self.aggregate("last_n", column, *over, delay=delay, hop=hop, n=n)

    def first(
        self,
        column: str | None = None,
        *over: str,
        n: int | None = None,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """The oldest value of the window, or with ``n`` the n oldest, oldest first. ``Click.per("user").first("ad")``"""
        if n is None:
            return self.aggregate("first", column, *over, delay=delay, hop=hop)
        return self.aggregate("first_n", column, *over, delay=delay, hop=hop, n=n)

    def since_last(
        self, *over: str, column: str | None = None, delay: str = "0s", hop: str | None = None
    ) -> Windowed:
        """Seconds since the newest event; with ``column`` the newest that has a value there."""
        return self.aggregate("since_last", column, *over, delay=delay, hop=hop)

    def distinct(
        self,
        column: str | None = None,
        *over: str,
        precision: int = 8,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """About how many different values, by HyperLogLog of 2**precision bytes.

        The standard error is 1.04 / 2**(precision / 2), 6.5 % at 8. ``Sale.per("card").distinct("shop", "1d")``
        """
        return self.aggregate("distinct", column, *over, delay=delay, hop=hop, precision=precision)

    def quantile(
        self,
        column: str | None = None,
        *over: str,
        q: float = 0.5,
        low: float = 0.0,
        high: float = 1e6,
        unit: float = 0.01,
        error: float = 0.1,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """A quantile of values from ``low`` to ``high``, each known within the relative ``error``.

        Values outside count as the nearer end, and those nearer to zero than ``unit`` as zero. Several q of one
        column share one state. ``Sale.per("user").quantile("amount", "7d", q=0.9, high=10_000, error=0.05)``
        """
        options = {"q": q, "low": low, "high": high, "unit": unit, "error": error}
        return self.aggregate("quantile", column, *over, delay=delay, hop=hop, **options)

    def histogram(
        self,
        column: str | None = None,
        *over: str,
        vocabulary: Sequence[Any] | None = None,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """A list of counts: of each value of the vocabulary, and last of all others.

        ``Click.per("user").histogram("device", "7d", vocabulary=("web", "app"))``
        """
        return self.aggregate("histogram", column, *over, delay=delay, hop=hop, vocabulary=vocabulary)

    def top_k(
        self,
        column: str | None = None,
        *over: str,
        vocabulary: Sequence[Any] | None = None,
        k: int | None = None,
        delay: str = "0s",
        hop: str | None = None,
    ) -> Windowed:
        """The k (3) values of the vocabulary that the most events have, most frequent first.

        ``Click.per("user").top_k("device", "7d", k=1, vocabulary=("web", "app"))``
        """
        wanted = {} if k is None else {"k": k}
        return self.aggregate("top_k", column, *over, delay=delay, hop=hop, vocabulary=vocabulary, **wanted)

    def decay_sum(
        self,
        column: str | None = None,
        *,
        half_life: str,
        cut: str | None = None,
        hop: str | None = None,
        delay: str = "0s",
        decimals: int | None = None,
    ) -> Decay:
        """A sum whose events weigh half after every half-life. ``Sale.per("user").decay_sum("amount", half_life="7d")``

        Ages are counted in hops (a quarter of the half-life) and cut after ten half-lives (a weight of 0.001).
        """
        return self._decay(
            "decay_sum",
            half_life,
            cut,
            hop,
            delay,
            lambda hop: self.sum(column, hop, hop=hop, decimals=decimals),
        )

    def decay_count(
        self, *, half_life: str, cut: str | None = None, hop: str | None = None, delay: str = "0s"
    ) -> Decay:
        """A count whose events weigh half after every half-life. ``Click.per("user").decay_count(half_life="1d")``"""
        return self._decay("decay_count", half_life, cut, hop, delay, lambda hop: self.count(hop, hop=hop))

    def _decay(
        self,
        name: str,
        half_life: str,
        cut: str | None,
        hop: str | None,
        delay: str,
        total: Callable[[str], Windowed],
    ) -> Decay:
        thing = f"{grouped(self._event, self._keys)}.{name}"
        half = duration(half_life, thing="half_life")
        step = max(1, half // 4) if hop is None else duration(hop, thing="hop")
        reach = 10 * half if cut is None else duration(cut, thing="cut")
        if half <= 0 or not 0 < step <= half or step > reach or reach % step or reach // step > _MOST_HOPS:
            raise DeclarationError(
                thing, f"a hop of at most the half-life, and a cut of 1 to {_MOST_HOPS} hops",
                f"half_life={format_duration(half)}, hop={format_duration(step)}, cut={format_duration(reach)}",
                "leave hop and cut out: a quarter of the half-life, and ten of them",
            )  # fmt: skip
        behind = duration(delay, thing="delay")
        newest = total(format_duration(step))
        Window.of(
            format_duration(reach), delay, format_duration(step)
        )  # as a window of its own would be refused
        ages = range(reach // step - 1, -1, -1)
        windows = tuple(Window(step, behind + age * step, step) for age in ages)
        return Decay(replace(newest, windows=windows), half)

    def __getattr__(self, name: str) -> Callable[..., Windowed]:
        if name.startswith("_"):
            raise AttributeError(name)
        spec = catalogue.get(name)

        def make(*args: str, delay: str = "0s", hop: str | None = None, **options: Any) -> Windowed:
            if spec.takes == "nothing":
                return self.aggregate(name, None, *args, delay=delay, hop=hop, **options)
            column, over = (args[0] if args else None), args[1:]
            return self.aggregate(name, column, *over, delay=delay, hop=hop, **options)

        return make
