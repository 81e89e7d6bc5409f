"""Step 6 of a search by pictures: how near rows are found, narrowed, and kept from repeating themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.schema import Field
from heptad.declare.types import Kind
from heptad.declare.wording import is_number, is_whole, listed, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class Nearest:
    """The ``n`` rows whose vectors have the greatest cosine with the query's.

    In a search by pictures the query is the picture's: ``hp.Nearest(100)``. In a ranking ``column`` names the static
    column of the items' vectors, and the query is the mean of those (brought to length 1) of the ``recent`` newest
    items of the user's history that have one: ``hp.Nearest(100, "look")``. A user without any gets none.
    """

    n: int = 100
    column: str | None = None
    recent: int = 10
    name: str = "nearest"

    def __post_init__(self) -> None:
        for name, example in (("n", "hp.Nearest(100)"), ("recent", "hp.Nearest(100, 'look', recent=10)")):
            if not is_whole(getattr(self, name)) or getattr(self, name) < 1:
                raise DeclarationError(
                    f"Nearest.{name}", "a whole number from 1", shown(getattr(self, name)), f"write {example}"
                )


@dataclass(frozen=True)
class Distinct:
    """Leaves out near-duplicates: a row whose picture's frozen features have a cosine over ``cosine`` with those of a
    row above it. The trained vectors cannot tell: all of one kind lie close to each other.
    """

    cosine: float = 0.97

    def __post_init__(self) -> None:
        if not is_number(self.cosine) or not 0 < self.cosine < 1:
            raise DeclarationError(
                "Distinct.cosine", "a number between 0 and 1", shown(self.cosine), "write hp.Distinct(0.97)"
            )


@dataclass(frozen=True)
class Search:
    """One source of near rows, columns of the table that a request may filter by, and re-ranking in order."""

    candidates: tuple[Nearest, ...] | list[Nearest] = (Nearest(),)
    filters: tuple[Any, ...] | list[Any] = ()  #: columns, texts to a type checker
    rerank: tuple[Distinct, ...] | list[Distinct] = ()

    def __post_init__(self) -> None:
        self._check("candidates", Nearest)
        self._check("rerank", Distinct)
        if len(self.candidates) != 1:
            raise DeclarationError(
                "Search.candidates",
                "one hp.Nearest",
                f"{len(self.candidates)}",
                "write candidates=[hp.Nearest(100)]",
            )
        if self.nearest != Nearest(self.nearest.n):
            raise DeclarationError(
                "Search.candidates", "hp.Nearest of a number alone: a picture is compared, not a history",
                shown(self.nearest), f"write candidates=[hp.Nearest({self.nearest.n})]",
            )  # fmt: skip
        for field in self.filters if listed(self.filters) else (self.filters,):
            if not listed(self.filters) or not isinstance(field, Field) or field.kind is not Kind.TEXT:
                raise DeclarationError(
                    "Search.filters", "a list of columns of text", shown(field),
                    "write filters=[Product.category, Product.colour]",
                )  # fmt: skip
        object.__setattr__(self, "filters", tuple(self.filters))

    def _check(self, group: str, kind: type) -> None:
        parts = getattr(self, group)
        for part in parts if listed(parts) else (parts,):
            if not listed(parts) or not isinstance(part, kind):
                raise DeclarationError(
                    f"Search.{group}", f"a list of hp.{kind.__name__}", shown(part),
                    f"write {group}=[hp.{kind.__name__}(...)]",
                )  # fmt: skip
        object.__setattr__(self, group, tuple(parts))

    @property
    def nearest(self) -> Nearest:
        """The only source."""
        return self.candidates[0]

    @property
    def distinct(self) -> float | None:
        """The cosine from which a row repeats one above it; None where duplicates may be shown."""
        return min((step.cosine for step in self.rerank), default=None)
