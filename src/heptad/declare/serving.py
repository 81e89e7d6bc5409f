"""Step 6: where candidates come from, how the ranked list is finished, and what answers when a part fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from heptad.algebra.window import Window
from heptad.declare.rerank import STEPS, Rerank, check_order
from heptad.declare.schema import Field, Table
from heptad.declare.search import Nearest
from heptad.declare.types import Kind
from heptad.declare.wording import is_number, is_whole, listed, shown
from heptad.errors import DeclarationError
from heptad.times import default_hop, duration


def _check_n(thing: str, n: int) -> None:
    if not is_whole(n) or n < 1:
        raise DeclarationError(f"{thing}.n", "a whole number from 1", shown(n), f"write hp.{thing}(100)")


@dataclass(frozen=True)
class Popular:
    """The items with the most events before the request."""

    n: int = 100
    name: str = "popular"

    def __post_init__(self) -> None:
        _check_n("Popular", self.n)


@dataclass(frozen=True)
class Trending:
    """The items with the most events in the last ``over`` before the request; none without an event in it.

    The window is that of every feature: hop-aligned at its tail, exact at its head.
    """

    n: int = 100
    over: str = "7d"
    name: str = "trending"

    def __post_init__(self) -> None:
        _check_n("Trending", self.n)
        if not isinstance(self.over, str) or self.over == "all":
            raise DeclarationError(
                "Trending.over",
                "a width such as '1h' or '7d'",
                shown(self.over),
                "use hp.Popular for all time",
            )
        Window.of(self.over)

    @property
    def width(self) -> int:
        """Microseconds."""
        return duration(self.over)

    @property
    def hop(self) -> int:
        """Microseconds."""
        return default_hop(self.width)


@dataclass(frozen=True)
class CoVisited:
    """Items that users of the ``recent`` newest items also used: cosine neighbours (Sarwar et al. 2001)."""

    n: int = 100
    neighbours: int = 100
    recent: int = 10
    name: str = "covisited"

    def __post_init__(self) -> None:
        _check_n("CoVisited", self.n)
        for name in ("neighbours", "recent"):
            if not is_whole(getattr(self, name)) or getattr(self, name) < 1:
                raise DeclarationError(
                    f"CoVisited.{name}", "a whole number from 1", shown(getattr(self, name)),
                    f"write for example {name}={getattr(type(self), name)}",
                )  # fmt: skip


@dataclass(frozen=True)
class EASE:
    """Items by the linear autoencoder in closed form (Steck 2019), from the user's history."""

    n: int = 100
    penalty: float = 200.0
    name: str = "ease"

    def __post_init__(self) -> None:
        _check_n("EASE", self.n)
        if not is_number(self.penalty) or not self.penalty > 0:
            raise DeclarationError(
                "EASE.penalty", "a positive number", shown(self.penalty), "use penalty=200.0"
            )


Source = Popular | Trending | CoVisited | EASE | Nearest
_SOURCES: Final = (Popular, Trending, CoVisited, EASE, Nearest)


@dataclass(frozen=True)
class Serving:
    """Candidate sources, re-ranking steps in order, and the fallback for an unknown user or a failed part.

    ``history`` names the dynamic column, a `last` with ``n``, that holds the user's recent items.
    """

    candidates: tuple[Source, ...] | list[Source]
    history: str
    rerank: tuple[Rerank, ...] | list[Rerank] = ()
    fallback: Popular = Popular()

    def __post_init__(self) -> None:
        for group, types in (("candidates", _SOURCES), ("rerank", STEPS)):
            allowed = ", ".join(f"hp.{kind.__name__}" for kind in types)
            if not listed(getattr(self, group)):
                raise DeclarationError(
                    f"Serving.{group}",
                    f"a list of {allowed}",
                    shown(getattr(self, group)),
                    f"write {group}=[...]",
                )
            for part in getattr(self, group):
                if not isinstance(part, types):
                    fix = f"write hp.{part.__name__}(...)" if isinstance(part, type) else "use one of these"
                    raise DeclarationError(f"Serving.{group}", f"some of {allowed}", shown(part), fix)
            object.__setattr__(self, group, tuple(getattr(self, group)))
        if not self.candidates:
            raise DeclarationError("Serving.candidates", "at least one source", "none", "add hp.Popular(100)")
        names = [source.name for source in self.candidates]
        if len(set(names)) != len(names):
            raise DeclarationError(
                "Serving.candidates", "distinct names", ", ".join(names), "give one of them name='...'"
            )
        check_order(tuple(self.rerank))
        if not isinstance(self.fallback, Popular):
            raise DeclarationError(
                "Serving.fallback", "hp.Popular", shown(self.fallback), "write hp.Popular()"
            )


def check_vectors(sources: Iterable[Source], static: Mapping[str, Field], item: str) -> None:
    """`Nearest` names a static column of vectors, of the table of the items, which shows its newest rows at once."""
    for source in sources:
        if not isinstance(source, Nearest):
            continue
        vectors = [
            name
            for name, fact in static.items()
            if fact.kind is Kind.VECTOR and issubclass(fact.owner, Table) and fact.owner.entity().name == item
        ]
        if source.column not in vectors:
            raise DeclarationError(
                "Nearest.column", f"a static column of vectors, of a table of hp.Id {item!r}: "
                f"{', '.join(vectors) or 'none declared'}", shown(source.column),
                "declare static=dict(look=Item.look), an hp.Vector[64], and write hp.Nearest(100, 'look')",
            )  # fmt: skip
        table = static[source.column].owner
        if issubclass(table, Table) and (table.lag or table.ttl is not None):
            raise DeclarationError(
                "Nearest.column", "vectors of a table without lag or ttl, which change with its rows alone",
                f"{table.__name__} has them", "keep the vectors in a table of their own",
            )  # fmt: skip
