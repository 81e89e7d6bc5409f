"""Which of a plan's columns a request reads, and what it must bring for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from heptad.declare.system import Declaration
from heptad.declare.types import Role
from heptad.plan.nodes import (
    ColumnPlan,
    DerivedColumn,
    ExpressionColumn,
    FactColumn,
    FieldPlan,
    Plan,
    RequestColumn,
    windows_of,
)


@dataclass(frozen=True)
class Shape:
    """The columns of a request, by where they come from.

    ``read`` are the plan's columns that the model, a rerank step or the score needs, with all they need in
    turn. ``context`` are the columns a client may send; of these ``required`` are keys of features. ``rules``
    are what re-ranking computes itself from both.
    """

    read: tuple[ColumnPlan, ...]
    context: dict[str, FieldPlan]
    required: tuple[str, ...]
    rules: tuple[ColumnPlan, ...] = field(default=(), kw_only=True)

    @property
    def evaluated(self) -> tuple[ColumnPlan, ...]:
        """The columns that are read, and those that are computed besides."""
        return *self.read, *self.rules

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.read)


@dataclass(frozen=True)
class RequestShape(Shape):
    """Those of a ranking request."""

    user: FieldPlan
    item: FieldPlan


def shape_of(
    declaration: Declaration, plan: Plan, wanted: Collection[str], rules: tuple[ColumnPlan, ...] = ()
) -> RequestShape:
    """The shape of ranking requests that read at least the columns ``wanted``, and compute ``rules``."""
    framing = declaration.ranking
    fields = {field.name: field for field in plan.request}
    user, item = fields[framing.user.name], fields[framing.item.name]
    names = plan.needed({*wanted, *(c.name for c in plan.columns if c.group == "static")})
    read = tuple(column for column in plan.columns if column.name in names)
    history = plan.column(declaration.retrieval.history)
    static = {c.name for c in plan.columns if c.group == "static"}
    keys = dict.fromkeys(key for column in (*read, history) for key in _keys(plan, column))
    given = {user.name, item.name}
    required = tuple(key for key in keys if key not in given and key not in static)
    context = {
        field.name: field
        for field in plan.request
        if field.role not in (Role.KEY, Role.REQUEST) and field.name not in given and field.lookup is None
    }
    return RequestShape(read, context, required, user, item, rules=rules)


def case_shape(plan: Plan, wanted: Collection[str]) -> Shape:
    """The shape of a classification's requests that read at least the columns ``wanted``: the event's columns."""
    names = plan.needed({*wanted, *(c.name for c in plan.columns if c.group == "static")})
    read = tuple(column for column in plan.columns if column.name in names)
    static = {c.name for c in plan.columns if c.group == "static"}
    keys = dict.fromkeys(key for column in read for key in _keys(plan, column))
    apart = (Role.KEY, Role.KNOWN_AT, Role.REQUEST)
    context = {f.name: f for f in plan.request if f.role not in apart and f.lookup is None}
    return Shape(read, context, tuple(key for key in keys if key not in static))


def bare_inputs(plan: Plan, columns: Collection[ColumnPlan]) -> tuple[FieldPlan, ...]:
    """Request columns that derived columns read: they are null where a request does not bring them."""
    fields = {field.name: field for field in plan.request}
    names = {column.name for column in plan.columns}
    inputs: dict[str, None] = {}
    for column in columns:
        match column.source:
            case DerivedColumn():
                inputs |= dict.fromkeys(i for i in column.source.inputs if i not in names)
            case ExpressionColumn(brings=brings):
                inputs |= dict.fromkeys(brings)
            case RequestColumn(name) if name in fields:
                inputs[name] = None
            case _:
                pass
    return tuple(fields[name] for name in inputs)


def _keys(plan: Plan, column: ColumnPlan) -> tuple[str, ...]:
    match column.source:
        case FactColumn(group):
            return plan.groups[group].keys
        case _:
            groups = dict.fromkeys(window.group for window in windows_of(column.source))
            return tuple(key for group in groups for key in plan.groups[group].keys)
