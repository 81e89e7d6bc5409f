"""Faults planted on purpose, made as they happen in life; an audit that misses one is no audit.

A fault that changes no value is none: each is made where the values it serves differ from the right ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.monitoring.audit import Served, same_bits
from heptad.online.reader import Reader
from heptad.plan.nodes import (
    ColumnPlan,
    DecayColumn,
    FactColumn,
    RateColumn,
    RequestColumn,
    WindowColumn,
    windows_of,
)
from heptad.run.served import answering, served_of
from heptad.serving.decision import Decision
from heptad.serving.desk import Desk
from heptad.serving.pipeline import Pipeline
from heptad.state.store import Store
from heptad.streams.clock import ReplayClock
from heptad.streams.replay import Replay
from heptad.times import DAY, HOUR

#: Rows of a planted decision that are audited.
ROWS: Final = 20
#: How long after its moment a leaking read is made: until something has changed by then.
LATER: Final = (HOUR, DAY, 7 * DAY, 30 * DAY)


def leak(pipeline: Pipeline | Desk, reader: Reader, replay: Replay, decision: Decision) -> Served:
    """Aggregates read after the request's own outcome had been counted, logged as if read before it."""
    right = _aggregates(pipeline, _again(pipeline, pipeline, decision))
    with reader.open() as session:
        t, o = session.t, session.meta.offsets.get(0, 0)
    for later in LATER:
        replay.advance_to(t + later)
        wrong = _aggregates(pipeline, _again(pipeline, pipeline, decision))
        if len(_differing(right, wrong)):
            break
    return _rows(wrong, _differing(right, wrong))._replace(name="planted leak", t=t, o=o)


def skew(pipeline: Pipeline | Desk, store: Store, clock: ReplayClock, decision: Decision) -> Served:
    """Features read by a serving side whose windows are half as wide; where that changes nothing, one bit."""
    plan = pipeline.plan
    narrow = replace(plan, columns=tuple(_halved(column) for column in plan.columns))
    reading = answering(pipeline.declaration, plan, Reader(narrow, store, clock), pipeline.scorer)
    right, wrong = (_again(pipeline, served_by, decision) for served_by in (pipeline, reading))
    differing = _differing(right, wrong)
    found = _rows(wrong, differing) if len(differing) else _one_bit(pipeline, right)
    return found._replace(name="planted skew")


def _again(pipeline: Pipeline | Desk, served_by: Pipeline | Desk, decision: Decision) -> Served:
    """The decision's request, asked once more."""
    if isinstance(served_by, Desk):
        asked = served_by.ask(decision.context, decision.request_id, str)
    else:
        asked = served_by.ask(decision.user, None, decision.context, decision.request_id)
    outcome = served_by.rank(asked)
    return served_of(pipeline, outcome.decision)


def _aggregates(pipeline: Pipeline | Desk, served: Served) -> Served:
    """Only what states hold: the hour of a later read differs by itself, and would be found without a leak."""
    stored = [c.name for c in pipeline.shape.read if isinstance(c.source, FactColumn) or windows_of(c.source)]
    return served._replace(values={name: served.values[name] for name in stored if name in served.values})


def _halved(column: ColumnPlan) -> ColumnPlan:
    match column.source:
        case WindowColumn() as window:
            return replace(column, source=_half(window))
        case RateColumn(numerator, denominator) as rate:
            halves = replace(rate, numerator=_half(numerator), denominator=_half(denominator))
            return replace(column, source=halves)
        case DecayColumn(parts) as decay:
            return replace(column, source=replace(decay, parts=tuple(map(_half, parts))))
        case _:
            return column


def _half(column: WindowColumn) -> WindowColumn:
    width = column.window.width
    return column if width is None else replace(column, window=replace(column.window, width=width // 2))


def _differing(right: Served, wrong: Served) -> NDArray[np.int64]:
    """The rows of ``wrong`` that differ from those of the same item in ``right``."""
    if not right.values or not wrong.values:
        return np.empty(0, np.int64)
    first = {_of(right, row)[0]: _of(right, row)[1] for row in range(_length(right))}
    rows = ((row, *_of(wrong, row)) for row in range(_length(wrong)))
    return np.array(
        [row for row, key, values in rows if not same_bits(first.get(key, values), values)], np.int64
    )


def _of(served: Served, row: int) -> tuple[Any, tuple[Any, ...]]:
    """What a row was asked with, and its values."""
    request = tuple(column[row] for name, column in served.request.items() if not name.startswith("score:"))
    values = tuple(_plain(served.values[name][row]) for name in served.values)
    return repr(request), values


def _one_bit(pipeline: Pipeline | Desk, served: Served) -> Served:
    """The same values with the last bit of one number changed that was computed, not sent with the request."""
    for column in pipeline.shape.read:
        if column.holds != "number" or isinstance(column.source, RequestColumn):
            continue
        values = np.array(served.values[column.name], np.float64)
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            values[known[0]] = np.nextafter(values[known[0]], np.inf)
            return _rows(served._replace(values={**served.values, column.name: values}), known[:1])
    return _rows(served, np.empty(0, np.int64))


def _rows(served: Served, first: NDArray[np.int64]) -> Served:
    """At most `ROWS` rows, these ones first."""
    rest = np.setdiff1d(np.arange(_length(served)), first)
    rows = np.concatenate([first, rest])[:ROWS].tolist()
    return served._replace(
        request={name: [column[row] for row in rows] for name, column in served.request.items()},
        values={name: [column[row] for row in rows] for name, column in served.values.items()},
    )


def _length(served: Served) -> int:
    return min((len(column) for column in served.values.values()), default=0)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
