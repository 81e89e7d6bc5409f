"""A column of an event or table class, and what can be said of it: a condition, a lookup."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from heptad.declare.expectation import Expectation
from heptad.declare.expressions import Arithmetic, Expressible, Expression
from heptad.declare.types import Kind, Role
from heptad.declare.wording import is_number, shown
from heptad.errors import DeclarationError

if TYPE_CHECKING:
    from heptad.declare.schema import Event, Schema


_OPS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}

_NO_CONDITION = {
    Kind.TEXTS: "group by a list column: .per('column')",
    Kind.TIME: "use a window over time",
    Kind.VECTOR: "compare hp.cosine of it in Data.contextual",
    Kind.IMAGE: "embed it: hp.Retrieval",
}


@dataclass(frozen=True)
class Condition(Expressible):
    """A comparison of a column with a constant; features count only the events for which it is true.

    An event whose column is null never passes. As part of a derived feature it is 1 or 0, null for a null.
    """

    field: Field
    op: str
    bound: float | str | bool

    def __str__(self) -> str:
        return f"{self.field.name} {self.op} {self.bound!r}"

    def __repr__(self) -> str:
        return f"the condition {self.field.owner.__name__}.{self}"

    def expression(self) -> Expression:
        return Expression(_OPS[self.op], (self.field.expression(), Expression("constant", (), self.bound)))

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"condition {self}", "a place that takes a condition, such as where=",
            "a truth value asked of it",
            "pass the comparison itself; write one comparison, not a chain",
        )  # fmt: skip


@dataclass(frozen=True)
class Lookup:
    """A table's column joined to an event at append and frozen into the log (DESIGN §3.13)."""

    field: Field
    on: str | None


@dataclass(frozen=True, eq=False)
class Field(Arithmetic):
    """One column of an event or table class; comparing it with a constant gives a `Condition`."""

    owner: type[Schema]
    name: str
    kind: Kind
    role: Role
    optional: bool = False
    lookup: Lookup | None = None
    ref: type[Event] | None = None
    size: int = field(default=0, kw_only=True)  #: of a vector
    expect: Expectation | None = None

    @property
    def is_fact(self) -> bool:
        """Whether it says something, rather than names or dates what is spoken of: of a table, a fact."""
        return self.role is Role.VALUE and self.kind is not Kind.ID

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"

    def __repr__(self) -> str:
        return f"the column {self}"

    def expression(self) -> Expression:
        return Expression("field", (), self)

    def _condition(self, op: str, bound: object) -> Any:
        if isinstance(bound, Expressible):  # two columns: no condition on events, but part of a feature
            return Expression(_OPS[op], (self.expression(), bound.expression()))
        if self.kind in (Kind.TEXTS, Kind.TIME, Kind.VECTOR):
            raise DeclarationError(
                f"condition {self} {op} {shown(bound)}", "a column of numbers, text, true or false, or ids",
                f"{self} of kind {self.kind}",
                _NO_CONDITION[self.kind],
            )  # fmt: skip
        fits = isinstance(bound, bool) or is_number(bound) if self.kind.numeric else isinstance(bound, str)
        if self.kind is Kind.ID:
            fits = isinstance(bound, (int, str))
        if not fits:
            raise DeclarationError(
                f"condition {self} {op} {shown(bound)}", f"a constant that fits a column of {self.kind}",
                shown(bound), f"compare {self} with a value of its own kind",
            )  # fmt: skip
        return Condition(self, op, typing.cast("float | str | bool", bound))

    def __ge__(self, bound: object) -> Any:
        return self._condition(">=", bound)

    def __gt__(self, bound: object) -> Any:
        return self._condition(">", bound)

    def __le__(self, bound: object) -> Any:
        return self._condition("<=", bound)

    def __lt__(self, bound: object) -> Any:
        return self._condition("<", bound)

    def __eq__(self, bound: object) -> Any:
        return self._condition("==", bound)

    def __ne__(self, bound: object) -> Any:
        return self._condition("!=", bound)

    def __hash__(self) -> int:
        return hash((self.owner.__qualname__, self.name))
