"""Step 3: the features, in three groups by how they move."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from heptad.declare.expressions import Expressible
from heptad.declare.features import Calendar, Decay, Derived, Feature, Per, Rate, Windowed, columns_of
from heptad.declare.schema import Field, Table
from heptad.declare.wording import shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class SourceScore:
    """The score a candidate source gives the item (0 where it does not know it): a learned feature."""

    source: str


def source_score(source: str) -> SourceScore:
    """The score of the candidate source of this name, as a feature of the ranker."""
    return SourceScore(source)


@dataclass(frozen=True)
class Data:
    """``static``: facts of a table. ``dynamic``: aggregates of events. ``contextual``: of the request itself.

    Every value is a feature; its name becomes the column's (``ctr`` over two windows: ``ctr_1h``, ``ctr_7d``).
    """

    static: Mapping[str, Any] = field(default_factory=dict)
    dynamic: Mapping[str, Windowed | Rate | Decay] = field(default_factory=dict)
    contextual: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed = {
            "static": (Field,),
            "dynamic": (Windowed, Rate, Decay),
            "contextual": (Calendar, Derived, Field, SourceScore, Expressible),
        }
        hints = {
            "static": "a column of a table or event, such as Film.year",
            "dynamic": "an aggregate, such as Click.per('user').count('1h')",
            "contextual": "hp.hour(), an event's column, an expression, a source score or an @hp.feature",
        }
        for group, types in allowed.items():
            if not isinstance(getattr(self, group), Mapping):
                raise DeclarationError(
                    f"Data.{group}", "a dict of features by name", shown(getattr(self, group)),
                    f"write {group}=dict(name=feature)",
                )  # fmt: skip
            for name, feature in getattr(self, group).items():
                thing = f"Data.{group}[{name!r}]"
                if not isinstance(name, str) or not name.isidentifier():
                    raise DeclarationError(
                        thing, "a Python identifier as name", repr(name), "rename the feature"
                    )
                if not isinstance(feature, types):
                    raise DeclarationError(
                        thing, hints[group], shown(feature), _mending(feature),
                    )  # fmt: skip
        seen: dict[str, str] = {}
        for group, column in self.columns():
            if column in seen:
                raise DeclarationError(
                    f"Data.{group}", "distinct column names", f"{column!r}, also in {seen[column]}",
                    "rename one of the features",
                )  # fmt: skip
            seen[column] = group

    def columns(self) -> Iterator[tuple[str, str]]:
        """(group, column) of every output column, in declared order."""
        for group in ("static", "dynamic", "contextual"):
            for name, feature in getattr(self, group).items():
                if isinstance(feature, (Windowed, Rate, Decay)):
                    for column in columns_of(name, feature):
                        yield group, column
                else:
                    yield group, name

    def tables(self) -> tuple[type[Table], ...]:
        """The tables static features read, each once."""
        owners = [f.owner for f in self.static.values() if issubclass(f.owner, Table)]
        return tuple(dict.fromkeys(owners))


def _mending(feature: object) -> str:
    """What most likely was meant where a value is no feature of its group."""
    if isinstance(feature, Per):
        return "say what is aggregated: .count('1h'), .mean('column', '7d'), .last('column', n=10)"
    if inspect.isfunction(feature):
        return f"write @hp.feature above def {feature.__name__}"
    return "move it to the group that fits, or write the feature so"


__all__ = ["Data", "Feature", "SourceScore", "source_score"]
