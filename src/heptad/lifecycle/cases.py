"""Cases of a classification: a request that has one candidate, the event itself, answered before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.declare.types import Role
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, model_columns
from heptad.lifecycle.requests import Requests, factorize, settled
from heptad.offline.training_set import training_set


def settled_cases(history: History, system: Declaration, now: int) -> Requests:
    """Events whose labels could be known by ``now``, as `every_case` gives them."""
    cases = every_case(history, system, now)
    return cases.select(~np.isnan(cases.label))


def every_case(history: History, system: Declaration, now: int) -> Requests:
    """Every event in time order, each a request of its own; its label is NaN where it is not settled by ``now``.

    ``user`` is the declared entity (else the event's id), ``item`` the event's id and ``context`` all that the event
    brings. A row's worth to the KPI is in ``value``.
    """
    label, kpi = system.label, system.requirements.kpi.total
    batch = history.batches[label.event.__name__]
    labels = settled(history, label, now)
    worth = labels if kpi.where == label else settled(history, kpi.label, now)
    if kpi.column is not None:
        worth = worth * batch.columns[kpi.column.name].values
    usable = np.lexsort((batch.tie, batch.time))
    key, entity = batch.stream.key, system.classification.entity
    name = key.name if key is not None else ""  # a classified event has one: checked where it is declared
    ids = batch.columns[name].values[usable]
    who = ids if entity is None else batch.columns[entity.name].values[usable]
    context = {
        f.name: batch.columns[f.name].take(usable)
        for f in batch.stream.fields
        if f.role in (Role.VALUE, Role.REF) and f.lookup is None
    }
    of = np.arange(len(usable))
    return Requests(who, batch.time[usable], context, of, ids, labels[usable], worth[usable])


def as_pairs(cases: Requests) -> Pairs:
    """Every case with its one candidate."""
    every = np.ones(len(cases), np.bool_)
    return Pairs(cases, np.arange(len(cases)), cases.item, cases.label, {}, every)


def case_features(
    history: History, system: Declaration, pairs: Pairs, t: NDArray[np.int64] | None = None
) -> dict[str, NDArray[Any]]:
    """The model's columns for every case, as of its own moment (or of another ``t`` (p,), to study leaks)."""
    rows = {name: column.take(pairs.request) for name, column in pairs.requests.context.items()}
    at = pairs.t if t is None else t
    plan = history.only(*model_columns(history))
    return training_set(plan, history.batches, rows, at, history.offsets_at(at))


def clusters_of(cases: Requests) -> NDArray[np.int64]:
    """(n,) codes of what is resampled together: the entities."""
    return factorize(cases.user)[0]


def codes_of(cases: Requests, column: str) -> NDArray[np.int64]:
    """(n,) codes of a column of the event; null is a value of its own."""
    held = cases.context[column]
    codes, _ = factorize(held.values)
    return np.asarray(np.where(held.valid, codes, -1), np.int64)


Columns = Mapping[str, NDArray[Any]]
