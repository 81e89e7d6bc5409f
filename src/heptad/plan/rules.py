"""What re-ranking steps read of every candidate, compiled over the plan's columns: no columns of the plan themselves."""

from __future__ import annotations

from collections.abc import Sequence

from heptad.declare.rerank import Rerank, condition_of
from heptad.declare.schema import Event
from heptad.errors import PlanError
from heptad.plan.expressions import expression_column
from heptad.plan.nodes import ColumnPlan, ExpressionColumn, Plan


def rule_columns(steps: Sequence[Rerank], plan: Plan, request: type[Event]) -> tuple[ColumnPlan | None, ...]:
    """Each step's expression as a number column; None for a step without one. Raises PlanError.

    The plan and its hash stay as they are: a model is not trained on what re-ranking reads.
    """
    return tuple(_column(place, step, plan, request) for place, step in enumerate(steps))


def rule_inputs(rule: ColumnPlan) -> tuple[str, ...]:
    """The columns of the plan that a step's expression reads."""
    return rule.source.inputs if isinstance(rule.source, ExpressionColumn) else ()


def rule_name(place: int) -> str:
    """What the column of the step at this place is called; no column of a plan is."""
    return f"rerank:{place}"


def _column(place: int, step: Rerank, plan: Plan, request: type[Event]) -> ColumnPlan | None:
    expression = condition_of(step)
    if expression is None:
        return None
    thing = f"Serving.rerank, {type(step).__name__}"
    known = {column.name: column for column in plan.columns}
    column = expression_column(rule_name(place), expression, known, request, thing)
    if column.holds != "number":
        raise PlanError(
            thing, "an expression that gives numbers, or 1 and 0", f"{expression}, a {column.holds}",
            "compare it with == or !=",
        )  # fmt: skip
    return column
