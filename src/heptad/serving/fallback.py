"""What answers when the pipeline cannot: popular items, from memory, so that no store and no model is needed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.serving import Popular
from heptad.models.base import Vector
from heptad.models.items import Ids
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.candidates import Candidates
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.popular import PopularSource
from heptad.serving.counts import CountsFor
from heptad.serving.rerank.blocked import Mask
from heptad.state.tally import Counts


class Fallback:
    """The most popular items of ``catalogue`` and of all that had an event, ties by id."""

    def __init__(self, declared: Popular, catalogue: Ids = ()) -> None:
        index = ItemIndex(catalogue)
        self._retriever = Retriever({"popular": Quota(PopularSource(index), declared.n)}, index, declared.n)
        self._counts = CountsFor(index)

    def items(
        self,
        n: int,
        exclude: Collection[Any],
        counts: Counts,
        blocked: Callable[[Candidates], Mask] | None = None,
    ) -> tuple[NDArray[Any], Vector]:
        """At most ``n`` ids, best first, and their counts; ``blocked`` says which of the declared number are left out."""
        found = self._retriever.retrieve([()], [list(exclude)], self._counts.of(counts))
        items, scores = found.items, np.asarray(found.scores["popular"])
        if blocked is not None and len(items):
            kept = ~blocked(found)
            items, scores = items[kept], scores[kept]
        return items[:n], scores[:n]
