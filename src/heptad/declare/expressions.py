"""Derived features as expressions: inert data that says what to compute from other columns.

``Impression.bid - hp.col("mean_bid_1d")`` computes nothing; the plan checks it, and one evaluator runs it offline
and online (decision record 18).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from heptad.declare.wording import is_number, is_whole, shown
from heptad.errors import DeclarationError

_SIGN = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "eq": "==", "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip
_PREFIX = {"neg": "-", "not": "~"}


class Expressible(ABC):
    """What may stand in an expression: an expression, a column, a condition, a calendar part."""

    @abstractmethod
    def expression(self) -> Expression:
        """It as an expression."""

    def __and__(self, other: object) -> Expression:
        return _binary("and", self, other)

    def __rand__(self, other: object) -> Expression:
        return _binary("and", other, self)

    def __or__(self, other: object) -> Expression:
        return _binary("or", self, other)

    def __ror__(self, other: object) -> Expression:
        return _binary("or", other, self)

    def __invert__(self) -> Expression:
        return Expression("not", (self.expression(),))


class Overrules:
    """What arithmetic with it means is its own affair: expressions leave ``column * it`` to it."""


class Arithmetic(Expressible):
    """Values that ``+ - * /``, unary ``-`` and ``abs`` make expressions of."""

    def __add__(self, other: object) -> Expression:
        return _binary("add", self, other)

    def __radd__(self, other: object) -> Expression:
        return _binary("add", other, self)

    def __sub__(self, other: object) -> Expression:
        return _binary("sub", self, other)

    def __rsub__(self, other: object) -> Expression:
        return _binary("sub", other, self)

    def __mul__(self, other: object) -> Expression:
        return _binary("mul", self, other)

    def __rmul__(self, other: object) -> Expression:
        return _binary("mul", other, self)

    def __truediv__(self, other: object) -> Expression:
        return _binary("div", self, other)

    def __rtruediv__(self, other: object) -> Expression:
        return _binary("div", other, self)

    def __neg__(self) -> Expression:
        return Expression("neg", (self.expression(),))

    def __abs__(self) -> Expression:
        return Expression("abs", (self.expression(),))


class Operand(Arithmetic):
    """Arithmetic, and comparisons that give 1 or 0."""

    def __lt__(self, other: object) -> Expression:
        return _binary("lt", self, other)

    def __le__(self, other: object) -> Expression:
        return _binary("le", self, other)

    def __gt__(self, other: object) -> Expression:
        return _binary("gt", self, other)

    def __ge__(self, other: object) -> Expression:
        return _binary("ge", self, other)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _binary("eq", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _binary("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"expression {self}", "a place that takes an expression", "a truth value asked of it",
            "write & | ~ and hp.where(...) in place of and, or, not and if; do not chain comparisons",
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Expression(Operand):
    """An operation over other expressions; a leaf is a column, a constant or a calendar part.

    ``value`` is the name of a ``col``, the `Field` of a ``field``, a ``constant``, the ``buckets`` of a ``cross``.
    """

    op: str
    args: tuple[Expression, ...] = ()
    value: Any = None

    def expression(self) -> Expression:
        return self

    def __str__(self) -> str:
        match self.op:
            case "col":
                return f"col({self.value!r})"
            case "field":
                return str(self.value)
            case "constant":
                return repr(self.value)
            case "calendar":
                return f"{self.value}()"
            case op if op in _SIGN:
                return f"({self.args[0]} {_SIGN[op]} {self.args[1]})"
            case op if op in _PREFIX:
                return f"{_PREFIX[op]}{self.args[0]}"
            case "cross" if self.value is not None:
                return f"cross({', '.join(map(str, self.args))}, buckets={self.value})"
            case _:
                return f"{self.op}({', '.join(map(str, self.args))})"

    __repr__ = __str__

    def leaves(self) -> Iterator[Expression]:
        """Every ``col`` and ``field`` it reads, as often as it is written."""
        if self.op in ("col", "field"):
            yield self
        for arg in self.args:
            yield from arg.leaves()


def _operand(thing: str, value: object) -> Expression:
    if isinstance(value, Expressible):
        return value.expression()
    if isinstance(value, bool) or is_number(value):
        return Expression("constant", (), float(value) if isinstance(value, (bool, float)) else value)
    if isinstance(value, str):
        return Expression("constant", (), value)
    raise DeclarationError(
        thing, "a column, a number, a text or another expression", shown(value),
        "declare a feature in Data by a name, and write hp.col('name') for it",
    )  # fmt: skip


def _binary(op: str, left: object, right: object) -> Expression:
    if isinstance(left, Overrules) or isinstance(right, Overrules):
        return NotImplemented  # type: ignore[no-any-return]
    thing = f"{shown(left)} {_SIGN[op]} {shown(right)}"
    return Expression(op, (_operand(thing, left), _operand(thing, right)))


def _call(op: str, *args: object, value: Any = None) -> Expression:
    return Expression(op, tuple(_operand(f"hp.{op}", arg) for arg in args), value)


def col(name: str) -> Expression:
    """Another column of `Data`, or of the request's event, by its name: ``hp.col("mean_bid_1d")``."""
    if not isinstance(name, str):
        raise DeclarationError(
            "hp.col", "the name of a column as text", shown(name), "write hp.col('mean_bid_1d')"
        )
    return Expression("col", (), name)


def clip(x: object, lo: object = None, hi: object = None) -> Expression:
    """``x``, but at least ``lo`` and at most ``hi``; null where one of them is. Where lo > hi, it is lo."""
    if lo is None and hi is None:
        raise DeclarationError("hp.clip", "lo, hi or both", "neither", "write hp.clip(x, 0, 100)")
    if is_number(lo) and is_number(hi) and lo > hi:  # type: ignore[operator]
        raise DeclarationError("hp.clip", "lo at most hi", f"lo={lo!r}, hi={hi!r}", "exchange them")
    return _call("clip", x, -float("inf") if lo is None else lo, float("inf") if hi is None else hi)


def log1p(x: object) -> Expression:
    """log(1 + x), natural; null where x <= -1."""
    return _call("log1p", x)


def sqrt(x: object) -> Expression:
    """The square root; null where x < 0."""
    return _call("sqrt", x)


def where(condition: object, a: object, b: object) -> Expression:
    """``a`` where the condition is true (not 0), else ``b``; null where the condition is null."""
    return _call("where", condition, a, b)


def coalesce(x: object, default: object) -> Expression:
    """``x``, or ``default`` where x is null."""
    return _call("coalesce", x, default)


def is_null(x: object) -> Expression:
    """1 where x is null, else 0."""
    return _call("is_null", x)


def cross(*columns: object, buckets: int | None = None) -> Expression:
    """The combination of several categories as one: the text ``"mobile×news"``, or with ``buckets`` its bucket.

    Numbers are spelled as Python does, whole ones without a point; ``×`` and a backslash inside a text get a
    backslash before them. The bucket is a category 0 .. buckets - 1: the first 8 bytes of BLAKE2b of the text's
    UTF-8, as a little-endian unsigned integer, modulo ``buckets``. Null where one of the columns is.
    """
    if len(columns) < 2:
        raise DeclarationError("hp.cross", "at least two columns", str(len(columns)), "write hp.cross(a, b)")
    if buckets is not None and (not is_whole(buckets) or not 2 <= buckets <= 2**31):
        raise DeclarationError(
            "hp.cross", "buckets, a whole number from 2 to 2**31", shown(buckets), "write buckets=1000"
        )
    return _call("cross", *columns, value=buckets)


def distance(lat1: object, lon1: object, lat2: object, lon2: object) -> Expression:
    """Great-circle distance in km of two points in degrees, on a sphere of radius 6371.0088 km.

    Haversine (R. W. Sinnott, Sky & Telescope 68, 1984, p. 159); the radius is the mean radius R1 of GRS 80
    (H. Moritz, J. Geodesy 74, 2000, p. 128). Null where a latitude is beyond 90 degrees either way.
    """
    return _call("distance", lat1, lon1, lat2, lon2)


def cosine(u: object, v: object) -> Expression:
    """Cosine of the angle of two vectors of one size, -1 to 1; null where one is null or of length 0."""
    return _call("cosine", u, v)


def dot(u: object, v: object) -> Expression:
    """Dot product of two vectors of one size, summed in float64, first place first; null where one is null."""
    return _call("dot", u, v)


def size(values: object) -> Expression:
    """How many values a list has: ``hp.size(hp.col("last_ads"))``; null where the list is null."""
    return _call("size", values)


def contains(values: object, value: object) -> Expression:
    """1 where the list has the value, else 0: has the user clicked this category recently?"""
    return _call("contains", values, value)
