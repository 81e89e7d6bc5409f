"""Which of a plan's columns a request reads, and what it must bring for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from heptad.declare.system import Declaration
from heptad.declare.types import Role
from heptad.plan.nodes import (
    ColumnPlan,
    DerivedColumn,
    FieldPlan,
    Plan,
    RateColumn,
    RequestColumn,
    WindowColumn,
)


@dataclass(frozen=True)
class RequestShape:
    """The columns of a ranking request, by where they come from.

    ``read`` are the plan's columns that the model, a rerank step or the score needs, with all they need in
    turn. ``context`` are the columns a client may send; of these ``required`` are keys of features.
    """

    user: FieldPlan
    item: FieldPlan
    read: tuple[ColumnPlan, ...]
    context: dict[str, FieldPlan]
    required: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.read)


def shape_of(declaration: Declaration, plan: Plan, wanted: Collection[str]) -> RequestShape:
    """The shape of ranking requests that read at least the columns ``wanted``."""
    framing = declaration.ranking
    fields = {field.name: field for field in plan.request}
    user, item = fields[framing.user.name], fields[framing.item.name]
    names = set(wanted) | {c.name for c in plan.columns if c.group == "static"}
    for column in reversed(plan.columns):  # inputs come before what is derived from them
        if column.name in names and isinstance(column.source, DerivedColumn):
            names |= set(column.source.inputs)
    read = tuple(column for column in plan.columns if column.name in names)
    history = plan.column(declaration.retrieval.history)
    static = {c.name for c in plan.columns if c.group == "static"}
    keys = dict.fromkeys(key for column in (*read, history) for key in _keys(plan, column))
    given = {user.name, item.name}
    required = tuple(key for key in keys if key not in given and key not in static)
    context = {
        field.name: field
        for field in plan.request
        if field.role is not Role.KEY and field.name not in given and field.lookup is None
    }
    return RequestShape(user, item, read, context, required)


def bare_inputs(plan: Plan, columns: Collection[ColumnPlan]) -> tuple[FieldPlan, ...]:
    """Request columns that derived columns read: they are null where a request does not bring them."""
    fields = {field.name: field for field in plan.request}
    names = {column.name for column in plan.columns}
    inputs: dict[str, None] = {}
    for column in columns:
        match column.source:
            case DerivedColumn():
                inputs |= dict.fromkeys(i for i in column.source.inputs if i not in names)
            case RequestColumn(name) if name in fields:
                inputs[name] = None
            case _:
                pass
    return tuple(fields[name] for name in inputs)


def _keys(plan: Plan, column: ColumnPlan) -> tuple[str, ...]:
    match column.source:
        case WindowColumn(group):
            return plan.groups[group].keys
        case RateColumn(numerator, denominator):
            return plan.groups[numerator.group].keys + plan.groups[denominator.group].keys
        case _:
            return ()
