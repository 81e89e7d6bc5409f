"""Labels of a history: what each event's outcome was, when it could be known, and which are settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.labels import FollowedBy, Label, Outcome
from heptad.errors import DataError
from heptad.offline.engines.keys import codes
from heptad.offline.knowledge import known_from
from heptad.plan.batch import Batch
from heptad.plan.lift import passes
from heptad.plan.nodes import ConditionPlan


class Labels(NamedTuple):
    """The label of each of n events, in the order of their batch.

    ``value``: float64 (n,), 1 or 0. ``known_at``: int64 (n,), from when on it can be known: after the
    event itself, its first outcome, or, without one, the end of its attribution window. ``unknown``,
    ``early`` and ``late`` are the rows of the outcomes that settled nothing: the event they refer to is not
    there, or they came before it, or after its attribution window.
    """

    value: NDArray[np.float64]
    known_at: NDArray[np.int64]
    unknown: NDArray[np.int64]
    early: NDArray[np.int64]
    late: NDArray[np.int64]


_NONE = np.empty(0, np.int64)


def label_values(label: Label, events: Mapping[str, Batch], *, now: int | None = None) -> Labels:
    """The label of every accepted event of ``label.event``, as of ``now``: later outcomes are not known yet.

    An outcome counts where ``event.time <= outcome.time < event.time + within``. The start is closed
    because coarse clocks put both into one instant, and no feature of the event sees that instant; the end
    is open so that a label is settled exactly when all events before ``time + within`` are known.
    """
    match label:
        case Outcome():
            batch = _batch(events, label.event.__name__)
            bound = label.where
            where = None if bound is None else ConditionPlan(bound.field.name, bound.op, bound.bound)
            return Labels(passes(batch, where).astype(np.float64), batch.time + 1, _NONE, _NONE, _NONE)
        case FollowedBy():
            outcomes = events.get(label.outcome.__name__)
            if outcomes is not None and now is not None:
                outcomes = outcomes.take(np.flatnonzero(known_from(outcomes) < now))
            return _followed(label, _batch(events, label.event.__name__), outcomes)


def matured(label: Label, time: NDArray[np.int64], now: int) -> NDArray[np.bool_]:
    """Which events (n,) have a settled label for one who knows all events before ``now``.

    That is ``time + within <= now``, and for an outcome written in the event itself ``time < now``.
    """
    settled: NDArray[np.bool_] = time + max(label.matures_after, 1) <= now
    return settled


def _batch(events: Mapping[str, Batch], name: str) -> Batch:
    if name not in events:
        raise DataError("label", f"events of {name}", f"events of {', '.join(events)}", f"add {name}")
    return events[name]


def _followed(label: FollowedBy, shown: Batch, outcomes: Batch | None) -> Labels:
    value, known_at = np.zeros(len(shown)), shown.time + label.within
    if outcomes is None or len(outcomes) == 0:
        return Labels(value, known_at, _NONE, _NONE, _NONE)
    if shown.stream.key is None:
        raise DataError("label", f"an id column in {shown.stream.name}", "none", "annotate it with hp.Key")
    reference = outcomes.columns[label.reference.name]
    named = np.flatnonzero(reference.valid)
    found = codes([shown.columns[shown.stream.key.name].values], [reference.values[named]])
    event_of = np.empty(found.n, np.int64)
    event_of[found.asked[::-1]] = np.arange(len(shown))[::-1]  # the first event of an id stands
    matched = found.held >= 0
    row, event = named[matched], event_of[found.held[matched]]
    after = outcomes.time[row] - shown.time[event]
    counts = (after >= 0) & (after < label.within)
    value[event[counts]] = 1.0
    told = known_from(outcomes)[row[counts]] + 1
    known_at[event[counts]] = np.iinfo(
        np.int64
    ).max  # the first outcome tells, though it come after the window
    np.minimum.at(known_at, event[counts], told)
    unknown = np.ones(len(outcomes), np.bool_)
    unknown[row] = False
    return Labels(
        value, known_at, np.flatnonzero(unknown), np.sort(row[after < 0]), np.sort(row[after >= label.within])
    )
