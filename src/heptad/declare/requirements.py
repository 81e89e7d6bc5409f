"""Step 1: what the system must achieve, in numbers that `heptad check` measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.labels import FollowedBy, Label, Outcome
from heptad.declare.retrieval import Same
from heptad.declare.schema import Field
from heptad.declare.wording import is_number, is_whole, shown
from heptad.errors import DeclarationError
from heptad.times import duration


@dataclass(frozen=True)
class Total:
    """What a KPI adds up over what is shown or reviewed: 1, or a column, for each whose label is true.

    In a retrieval, 1 for each row shown that is alike the query's.
    """

    column: Field | None
    where: Label | Same

    @property
    def label(self) -> Label:
        """The label; DeclarationError where rows are counted that are alike."""
        if isinstance(self.where, Same):
            raise DeclarationError("KPI", "a label", shown(self.where), "write hp.count(where=hp.label(...))")
        return self.where


def sum(column: Any, *, where: Label) -> Total:
    """The total of a numeric column over shown items whose label is true."""
    if not isinstance(column, Field) or not column.kind.numeric:
        raise DeclarationError(
            "KPI sum", "a numeric column", shown(column), "write hp.sum(Impression.bid, where=...)"
        )
    if column.owner is not _label(where).event:
        raise DeclarationError(
            "KPI sum", f"a column of {where.event.__name__}, the label's event", shown(column),
            f"sum what {where.event.__name__} says of the item shown",
        )  # fmt: skip
    return Total(column, where)


def count(*, where: Label | Same) -> Total:
    """The number of shown items whose label is true, or of shown rows that are alike the query's: `same`."""
    return Total(None, where if isinstance(where, Same) else _label(where))


def _label(where: object) -> Label:
    if not isinstance(where, (FollowedBy, Outcome)):
        raise DeclarationError("KPI", "where= a label", shown(where), "write where=hp.label(...)")
    return where


@dataclass(frozen=True)
class KPI:
    """The number the business counts, reported per 1,000 requests beside the loss."""

    name: str
    total: Total

    def __post_init__(self) -> None:
        if not isinstance(self.total, Total):
            raise DeclarationError(
                f"KPI {self.name!r}", "hp.count(where=label) or hp.sum(column, where=label)", shown(self.total),
                "say what is added up, and for which outcome",
            )  # fmt: skip


@dataclass(frozen=True)
class Requirements:
    """Latency at the 99th percentile, candidates per request, requests per second, freshness, and the KPI.

    ``candidates`` is how many items a request of a ranking system ranks and ``shown`` how many it shows; the KPI
    counts over them. A classification has one row per request, and its KPI counts over the rows reviewed.
    """

    p99: str
    qps: float
    freshness: str
    kpi: KPI
    candidates: int = 1
    shown: int = 10

    def __post_init__(self) -> None:
        for name in ("p99", "freshness"):
            if duration(getattr(self, name), thing=f"Requirements.{name}") <= 0:
                raise DeclarationError(
                    f"Requirements.{name}",
                    "a positive duration",
                    getattr(self, name),
                    "write for example '20ms'",
                )
        for name in ("candidates", "qps", "shown"):
            value = getattr(self, name)
            if not (is_number(value) if name == "qps" else is_whole(value)) or not value > 0:
                raise DeclarationError(
                    f"Requirements.{name}", "a positive number" if name == "qps" else "a whole number from 1",
                    shown(value), f"write for example {name}=20",
                )  # fmt: skip
        if not isinstance(self.kpi, KPI):
            raise DeclarationError(
                "Requirements.kpi",
                "an hp.KPI",
                shown(self.kpi),
                "write kpi=hp.KPI('name', hp.count(where=...))",
            )
