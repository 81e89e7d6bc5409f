"""Requests rebuilt from what users did: every moment a user acted is a request, its outcomes the actions.

Where impressions are logged, the items of one (user, time) are what was shown; where only interactions are
known (ratings, purchases), the items acted on stand for what the user then wanted (decision record 12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.framing import Ranking
from heptad.declare.labels import Label
from heptad.declare.types import Role
from heptad.lifecycle.history import History
from heptad.offline.labels import label_values, matured
from heptad.plan.batch import Batch, Column


@dataclass(frozen=True, eq=False)
class Requests:
    """n requests in time order and their m outcomes.

    ``user`` and ``t`` (n,); ``context`` holds the other columns of each request's first event (n,).
    ``of`` (m,) is the request of each outcome, ``item`` (m,) and ``label`` (m,) 0.0 or 1.0; an item is named
    once per request, positive if any of its outcomes is; ``value`` (m,) is what it adds to the KPI, NaN where
    that is not settled yet.
    """

    user: NDArray[Any]
    t: NDArray[np.int64]
    context: Mapping[str, Column]
    of: NDArray[np.int64]
    item: NDArray[Any]
    label: NDArray[np.float64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t)

    def select(self, chosen: NDArray[np.bool_]) -> Requests:
        """The requests where ``chosen`` (n,) is true, with their outcomes."""
        place = np.cumsum(chosen) - 1
        kept = chosen[self.of]
        context = {name: column.take(np.flatnonzero(chosen)) for name, column in self.context.items()}
        return Requests(
            self.user[chosen],
            self.t[chosen],
            context,
            place[self.of[kept]],
            self.item[kept],
            self.label[kept],
            self.value[kept],
        )

    def relevant(self) -> NDArray[np.int64]:
        """How many items of each request have a true label, (n,)."""
        return np.bincount(self.of[self.label > 0], minlength=len(self)).astype(np.int64)


def requests_of(
    batch: Batch, labels: NDArray[np.float64], framing: Ranking, worth: NDArray[np.float64]
) -> Requests:
    """The requests of the label's events; ``labels`` (events,) is NaN where it is not settled yet.

    ``worth`` (events,) is what each event adds to the KPI, NaN where that is not settled yet. Events whose
    user or item is null, and those without a settled label, are left out.
    """
    user, item = batch.columns[framing.user.name], batch.columns[framing.item.name]
    usable = np.flatnonzero(user.valid & item.valid & ~np.isnan(labels))
    codes, who = factorize(user.values[usable])
    what, items = factorize(item.values[usable])
    order = np.lexsort((batch.tie[usable], codes, batch.time[usable]))
    usable, codes, what = usable[order], codes[order], what[order]
    time = batch.time[usable]
    fresh = np.ones(len(usable), np.bool_)
    fresh[1:] = (time[1:] != time[:-1]) | (codes[1:] != codes[:-1])
    of = np.cumsum(fresh) - 1
    first = usable[fresh]
    pair = of * max(len(items), 1) + what
    distinct, inverse = np.unique(pair, return_inverse=True)
    label = np.zeros(len(distinct))
    np.maximum.at(label, inverse, labels[usable])
    value = np.zeros(len(distinct))
    np.add.at(value, inverse, worth[usable])
    context = {
        f.name: batch.columns[f.name].take(first)
        for f in batch.stream.fields
        if f.role in (Role.VALUE, Role.REF) and f.name not in (framing.user.name, framing.item.name)
    }
    width = max(len(items), 1)
    return Requests(
        who[codes[fresh]], time[fresh], context, distinct // width, items[distinct % width], label, value
    )


def settled(history: History, label: Label, now: int) -> NDArray[np.float64]:
    """The label of each of its events, 1.0 or 0.0, NaN where it could not be known by ``now``."""
    time = history.batches[label.event.__name__].time
    values = label_values(label, history.batches, now=now).value
    return np.where(matured(label, time, now), values, np.nan)


def factorize(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Dense codes (n,) and the distinct values, in order of first appearance for objects, sorted for ints."""
    if values.dtype != object:
        distinct, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), distinct
    places: dict[Any, int] = {}
    codes = np.fromiter((places.setdefault(v, len(places)) for v in values), np.int64, len(values))
    return codes, np.fromiter(places, object, len(places))


def as_column(values: NDArray[Any]) -> Column:
    """Values that are all present, as a column."""
    return Column(values, np.ones(len(values), np.bool_))
