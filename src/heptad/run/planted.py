"""Faults planted on purpose, made as they happen in life; an audit that misses one is no audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from heptad.monitoring.audit import Served
from heptad.online.reader import Reader
from heptad.plan.nodes import ColumnPlan, WindowColumn
from heptad.run.served import served_of
from heptad.serving.counts import EventCounts
from heptad.serving.decision import Decision
from heptad.serving.pipeline import Pipeline
from heptad.state.store import Store
from heptad.streams.clock import ReplayClock
from heptad.streams.replay import Replay
from heptad.times import HOUR

#: Rows of a planted decision that are audited.
ROWS: Final = 20


def leak(pipeline: Pipeline, reader: Reader, replay: Replay, user: Any, context: dict[str, Any]) -> Served:
    """Features read after the request's own outcome had been counted, logged as if read before it."""
    with reader.open() as session:
        t, o = session.t, session.meta.offsets.get(0, 0)
    replay.advance_to(t + HOUR)
    outcome = pipeline.rank(pipeline.ask(user, None, context, "planted leak"))
    return _cut(served_of(pipeline, outcome.decision))._replace(t=t, o=o)


def skew(
    pipeline: Pipeline, counts: EventCounts, store: Store, clock: ReplayClock, decision: Decision
) -> Served:
    """Features read by a serving side whose windows are half as wide as declared."""
    plan = pipeline.plan
    columns = tuple(_halved(column) for column in plan.columns)
    wrong = Pipeline(
        pipeline.declaration, plan, Reader(replace(plan, columns=columns), store, clock),
        counts, pipeline.scorer,
    )  # fmt: skip
    outcome = wrong.rank(wrong.ask(decision.user, None, decision.context, "planted skew"))
    served = _cut(served_of(pipeline, outcome.decision))
    if columns != plan.columns:
        return served
    name = pipeline.shape.names[0]  # no window to narrow: one value, one bit
    values: Any = np.nextafter(np.asarray(served.values[name], np.float64), np.inf)
    return served._replace(values={**served.values, name: values})


def _halved(column: ColumnPlan) -> ColumnPlan:
    source = column.source
    if not isinstance(source, WindowColumn) or source.window.width is None:
        return column
    return replace(
        column, source=replace(source, window=replace(source.window, width=source.window.width // 2))
    )


def _cut(served: Served) -> Served:
    request = {name: values[:ROWS] for name, values in served.request.items()}
    return served._replace(request=request, values={n: v[:ROWS] for n, v in served.values.items()})
