"""Candidate sources as declared, trained on a history: from `Serving.candidates` to a Retriever."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from numpy.typing import ArrayLike

from heptad.declare.search import Nearest
from heptad.declare.serving import EASE, CoVisited, Popular, Trending
from heptad.declare.serving import Source as Declared
from heptad.models.items import Ids
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.gallery import Gallery
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.nearest import NearestSource
from heptad.retrieval.popular import PopularSource
from heptad.retrieval.source import Source
from heptad.retrieval.trending import TrendingSource
from heptad.retrieval.window import Window


def fit_retriever(
    declared: Sequence[Declared],
    users: ArrayLike,
    items: ArrayLike,
    *,
    trained_through: int,
    total: int,
    catalogue: Ids = (),
) -> Retriever:
    """Train every learned source on interactions before ``trained_through``, one per row.

    ``catalogue`` are items that may be proposed before they have had an event. The popular source has
    observed nothing yet: give it the history with ``observe``, or let `Retriever.retrieve_in_time` count.
    """
    index = ItemIndex(catalogue)
    sources: dict[str, Quota] = {}
    for one in declared:
        source = _FIT[type(one)](one, users, items, trained_through, index)
        sources[one.name] = Quota(source, one.n)
    return Retriever(sources, index, total)


def _popular(one: Popular, users: Any, items: Any, through: int, index: ItemIndex) -> Source:
    return PopularSource(index)


def _trending(one: Trending, users: Any, items: Any, through: int, index: ItemIndex) -> Source:
    return TrendingSource(Window(one.width, one.hop))


def _nearest(one: Nearest, users: Any, items: Any, through: int, index: ItemIndex) -> Source:
    return NearestSource(Gallery(one.column or "", index), index, one.recent)


def untrained(one: Declared, index: ItemIndex) -> Source | None:
    """The source as declared, where it learns nothing but knows the states; None for another."""
    return _FIT[type(one)](one, (), (), 0, index) if isinstance(one, (Popular, Trending, Nearest)) else None


def _covisited(one: CoVisited, users: Any, items: Any, through: int, index: ItemIndex) -> Source:
    from heptad.models.item_knn import ItemKNN

    model = ItemKNN.fit(users, items, trained_through=through, neighbours=one.neighbours)
    return LearnedSource(model, index, one.recent)


def _ease(one: EASE, users: Any, items: Any, through: int, index: ItemIndex) -> Source:
    from heptad.models.ease import EASE as Model

    model = Model.fit(users, items, trained_through=through, regularisation=one.penalty)
    return LearnedSource(model, index)


_FIT: Final[Mapping[type, Callable[[Any, Any, Any, int, ItemIndex], Source]]] = {
    Popular: _popular,
    Trending: _trending,
    CoVisited: _covisited,
    EASE: _ease,
    Nearest: _nearest,
}
