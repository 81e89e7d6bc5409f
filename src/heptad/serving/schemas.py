"""The event and table classes of a declaration, by the names under which their rows are posted."""

from __future__ import annotations

from heptad.declare.labels import FollowedBy
from heptad.declare.schema import Field, Schema
from heptad.declare.system import Declaration


def schemas(declaration: Declaration) -> dict[str, type[Schema]]:
    """Every class a feature, the label or a request uses."""
    label = declaration.label
    found: list[type[Schema]] = [label.event]
    if isinstance(label, FollowedBy):
        found.append(label.outcome)
    for fact in declaration.data.static.values():
        found.append(fact.owner)
    for feature in declaration.data.dynamic.values():
        found += [side.event for side in feature.sides]
    columns: list[Field] = [column for cls in found for column in cls.fields.values()]
    found += [column.lookup.field.owner for column in columns if column.lookup is not None]
    return {cls.__name__: cls for cls in found}
