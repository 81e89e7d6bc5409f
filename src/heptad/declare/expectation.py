"""What a column's values are expected to be, beyond their type: a range, a set of values, few nulls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from heptad.declare.types import Kind
from heptad.declare.wording import is_number, listed, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class Expectation:
    """``low`` and ``high``, both inclusive; ``values``, the only ones allowed; ``nulls``, their largest share.

    A value out of range or not among the allowed ones makes its row a dead letter: the row does not count, and
    the rest goes on. A share of nulls is a property of a whole source: it is reported, and no row is refused.
    A null is in every range.
    """

    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] | None = None
    nulls: float | None = None

    def __str__(self) -> str:
        return self.wording or f"at most {self.nulls:.4g} of the values null"

    @property
    def wording(self) -> str:
        """What each value is expected to be, in words; empty where only the share of nulls is limited."""
        if self.values is not None:
            names = [repr(value) for value in self.values]
            return "one of " + ", ".join(names[:8]) + (f" or {len(names) - 8} others" if names[8:] else "")
        if self.low is not None and self.high is not None:
            return f"a value from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"a value of at least {self.low:g}"
        return "" if self.high is None else f"a value of at most {self.high:g}"

    def met_by(self, value: Any) -> bool:
        """Whether one value that is not null is as expected."""
        if self.values is not None and value not in self.values:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def expect(
    *,
    between: tuple[float | None, float | None] | None = None,
    one_of: Any = None,
    nulls: float | None = None,
) -> Any:
    """What a column's values must be: ``amount: float = hp.expect(between=(0, 10_000), nulls=0.01)``.

    ``between`` is (least, greatest), both allowed and either None; ``one_of`` lists the allowed values of a
    text, id, int or bool column; ``nulls`` is the largest share of nulls a source may have, 0 to 1.
    """
    example = "write for example hp.expect(between=(0, 10_000)) or hp.expect(one_of=('web', 'app'))"
    if between is None and one_of is None and nulls is None:
        raise DeclarationError("expect", "between=, one_of= or nulls=", "nothing", example)
    if between is not None and one_of is not None:
        raise DeclarationError("expect", "between= or one_of=, not both", "both", "keep one of them")
    low = high = None
    if between is not None:
        if not isinstance(between, (tuple, list)) or len(between) != 2 or not all(map(_is_bound, between)):
            raise DeclarationError("expect(between=...)", "(least, greatest)", shown(between), example)
        low, high = between
        if (low is None and high is None) or (low is not None and high is not None and low > high):
            raise DeclarationError(
                "expect(between=...)", "a least value that is not above the greatest", shown(between), example
            )
    if one_of is not None and (not listed(one_of) or not one_of):
        raise DeclarationError("expect(one_of=...)", "a list of the allowed values", shown(one_of), example)
    if nulls is not None and (not is_number(nulls) or not 0 <= nulls <= 1):
        raise DeclarationError("expect(nulls=...)", "a share from 0 to 1", shown(nulls), "write nulls=0.01")
    return Expectation(low, high, None if one_of is None else tuple(one_of), nulls)


def check(expectation: Expectation, where: str, kind: Kind, optional: bool) -> None:
    """Raise DeclarationError where a column of this kind can never be as expected."""
    if (expectation.low is not None or expectation.high is not None) and kind not in (Kind.FLOAT, Kind.INT):
        raise DeclarationError(
            where,
            "between= on a column of float or int",
            f"a column of {kind}",
            "use one_of=, or leave it out",
        )
    if expectation.values is not None:
        allowed = _PYTHON.get(kind)
        if allowed is None:
            raise DeclarationError(
                where, "one_of= on a column of text, id, int or bool", f"a column of {kind}",
                "use between=" if kind is Kind.FLOAT else "leave it out",
            )  # fmt: skip
        strange = [value for value in expectation.values if type(value) not in allowed]
        if strange:
            raise DeclarationError(
                where,
                f"allowed values that fit a column of {kind}",
                shown(strange[0]),
                "list values of its own kind",
            )
    if expectation.nulls is not None and not optional and kind is not Kind.FLOAT:
        raise DeclarationError(
            where, "nulls= on a column that may be null", "a column without '| None'",
            "add '| None' to its type, or remove nulls=",
        )  # fmt: skip


_PYTHON: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,), Kind.ID: (int, str), Kind.INT: (int,), Kind.BOOL: (bool,),
}  # fmt: skip


def _is_bound(value: object) -> bool:
    return value is None or (is_number(value) and math.isfinite(value))  # type: ignore[arg-type]
