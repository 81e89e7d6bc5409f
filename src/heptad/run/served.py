"""Logged decisions as the audit takes them: the request's columns, and the values that were read."""

from __future__ import annotations

from typing import Any

from heptad.declare.framing import Ranking
from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.monitoring.audit import Served
from heptad.online.moment import Moments
from heptad.plan.nodes import Plan, RequestColumn
from heptad.serving.columns import Shape, bare_inputs
from heptad.serving.decision import Decision
from heptad.serving.desk import Desk
from heptad.serving.pipeline import Pipeline
from heptad.serving.scorer import Scorer


def answering(
    declaration: Declaration, plan: Plan, reader: Moments, scorer: Scorer | None
) -> Pipeline | Desk:
    """What answers the requests of a system: a pipeline ranks, a desk decides."""
    kind = Pipeline if isinstance(declaration.framing, Ranking) else Desk
    return kind(declaration, plan, reader, scorer)


def context_names(plan: Plan, shape: Shape) -> frozenset[str]:
    """The columns a client sends with a request: those of its event that some feature reads or is keyed by."""
    read = {field.name for field in bare_inputs(plan, shape.evaluated)}
    return frozenset(name for name in shape.context if name in read or name in shape.required)


def served_of(pipeline: Pipeline | Desk, decision: Decision) -> Served:
    """One decision; its candidates are the rows, and what was read for them the values.

    Columns that the request itself brought are no values: they would be compared with themselves.
    """
    if decision.t is None or "features" in decision.flags:
        raise DataError(
            "decision",
            "one that read a state",
            "a fallback, or features as last known",
            "leave it out of the audit",
        )
    m = len(decision.items)
    request: dict[str, list[Any]] = {name: [value] * m for name, value in decision.context.items()}
    request |= {f"score:{name}": scores.tolist() for name, scores in decision.sources.items()}
    if isinstance(pipeline, Pipeline):
        request[pipeline.shape.user.name] = [decision.user] * m
        request[pipeline.shape.item.name] = list(decision.items)
    brought = {c.name for c in pipeline.plan.columns if isinstance(c.source, RequestColumn)}
    values = {name: column for name, column in decision.features.items() if name not in brought}
    return Served(decision.request_id, decision.t, decision.offsets.get(0, 0), request, values)
