"""Step 2 of a search by pictures: what is embedded, and what makes two pictures belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.schema import Field, Table
from heptad.declare.types import Kind
from heptad.declare.wording import is_number, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class Same:
    """Two rows of a table belong together where they share the value of this column."""

    field: Field

    @property
    def table(self) -> type[Table]:
        owner = self.field.owner
        if not issubclass(owner, Table):
            raise DeclarationError("same", "a column of a table", shown(self.field), "name a table's column")
        return owner

    def __repr__(self) -> str:
        return f"the same {self.field}"


def same(field: Any) -> Same:
    """Rows that share this column's value: ``hp.same(Product.kind)``, a text, id, whole number or bool."""
    kinds = (Kind.TEXT, Kind.ID, Kind.INT, Kind.BOOL)
    if not isinstance(field, Field) or not issubclass(field.owner, Table) or field.kind not in kinds:
        raise DeclarationError(
            "same", "a table's column of text, id, int or bool", shown(field), "write hp.same(Product.kind)"
        )
    if field is field.owner.entity():
        raise DeclarationError(
            "same",
            "a column that rows share",
            f"{field}, the table's key",
            "name what several rows have in common",
        )
    return Same(field)


@dataclass(frozen=True)
class Contrastive:
    """Rows that are alike are drawn together, the others of a batch pushed apart (van den Oord et al. 2018).

    Of several rows alike in a batch each is a positive of each other (Khosla et al. 2020). ``temperature`` divides
    cosines: a small one looks at the nearest only.
    """

    alike: Same
    temperature: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.alike, Same):
            raise DeclarationError(
                "Contrastive",
                "what makes two rows alike",
                shown(self.alike),
                "write hp.Contrastive(hp.same(Product.kind))",
            )
        if not is_number(self.temperature) or not 0 < self.temperature <= 10:
            raise DeclarationError(
                "Contrastive.temperature",
                "a number above 0, at most 10",
                shown(self.temperature),
                "leave it out: 0.1",
            )


@dataclass(frozen=True)
class Retrieval:
    """Which rows of a table look like this picture? ``picture`` is a column of hp.Image; a request brings a picture."""

    picture: Any  #: a column, bytes to a type checker
    objective: Contrastive

    def __post_init__(self) -> None:
        field = self.picture
        if not isinstance(field, Field) or field.kind is not Kind.IMAGE or not issubclass(field.owner, Table):
            raise DeclarationError(
                "Retrieval.picture",
                "a table's column of hp.Image",
                shown(field),
                "write hp.Retrieval(Product.photo, ...)",
            )
        if not isinstance(self.objective, Contrastive):
            raise DeclarationError(
                "Retrieval.objective", "hp.Contrastive", shown(self.objective),
                "write objective=hp.Contrastive(hp.same(Product.kind))",
            )  # fmt: skip
        if self.objective.alike.table is not self.table:
            raise DeclarationError(
                "Retrieval.objective", f"a column of {self.table.__name__}, the picture's table",
                shown(self.objective.alike.field), f"name a column of {self.table.__name__}",
            )  # fmt: skip

    @property
    def table(self) -> type[Table]:
        """Whose rows are searched."""
        found: type[Table] = self.picture.owner
        return found
