"""The vectors of items as of the state that a read sees, for the candidate sources that go by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.online.moment import Moment
from heptad.plan.batch import column_of
from heptad.plan.nodes import FactColumn, Plan, TallyPlan
from heptad.retrieval.blend import Retriever
from heptad.retrieval.gallery import Gallery
from heptad.retrieval.vectors.view import View


class _Followed(NamedTuple):
    """A gallery; the tally of its table's rows, and the name and kind of the table's key."""

    gallery: Gallery
    tally: int
    key: str
    kind: Kind


class Views:
    """What a retriever's sources of vectors go by at a moment. A column that the plan does not follow has no view."""

    def __init__(self, plan: Plan, retriever: Retriever) -> None:
        self._followed = [
            found
            for quota in retriever.sources.values()
            if quota.source.gallery is not None and (found := _followed(plan, quota.source.gallery))
        ]

    def at(self, moment: Moment) -> Mapping[str, View | None]:
        """The vectors of each column, as they are read at the moment; as last known where the store is silent."""
        return {
            one.gallery.column: one.gallery.at(
                moment.counts(one.tally),
                lambda items, one=one: _read(moment, one, items),  # type: ignore[misc]
            )
            for one in self._followed
        }


def _followed(plan: Plan, gallery: Gallery) -> _Followed | None:
    source = next((column.source for column in plan.columns if column.name == gallery.column), None)
    if not isinstance(source, FactColumn):
        return None
    table = plan.groups[source.group].stream
    for place, tally in enumerate(plan.tallies):
        if tally == TallyPlan(table, tally.column):
            kind = plan.stream(table).by_name[tally.column].kind
            return _Followed(gallery, place, tally.column, kind)
    return None


def _read(moment: Moment, one: _Followed, items: list[Any]) -> NDArray[np.float32] | None:
    request = {one.key: column_of(items, one.kind)}
    column = one.gallery.column
    found: NDArray[np.float32] = moment.read(request, len(items), (column,))[column]
    return None if moment.degraded else found
