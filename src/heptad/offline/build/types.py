"""The Arrow type of every feature, known before any row is: a file's first rows may hold nothing but nulls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from heptad.declare.types import Kind
from heptad.offline.build.columns import is_text
from heptad.plan.nodes import ColumnPlan, FactColumn, Plan, RequestColumn, windows_of

NUMBERS = pa.list_(pa.float64())


def feature_types(plan: Plan, sources: Mapping[str, pa.Schema], labels: pa.Schema) -> dict[str, Any]:
    """Numbers are float64, ids int64 or string as their source has them, texts string, lists lists."""
    return {column.name: _type(plan, column, sources, labels) for column in plan.columns}


def _type(plan: Plan, column: ColumnPlan, sources: Mapping[str, pa.Schema], labels: pa.Schema) -> Any:
    match column.holds:
        case "number":
            return pa.float64()
        case "category":
            return _element(plan, column, sources, labels)
        case "list":
            return pa.list_(_element(plan, column, sources, labels))
        case "vector":
            return pa.list_(pa.float32() if column.kind is Kind.VECTOR else pa.float64(), column.size)
        case _:
            return NUMBERS


def _element(plan: Plan, column: ColumnPlan, sources: Mapping[str, pa.Schema], labels: pa.Schema) -> Any:
    if column.kind.numeric:
        return pa.float64()
    if column.kind is not Kind.ID:
        return pa.string()
    schema, name = labels, ""
    match column.source:
        case RequestColumn(requested):
            name = requested
        case FactColumn(group, fact):
            schema, name = sources[plan.groups[group].stream], fact
        case _:
            for part in windows_of(column.source):
                schema = sources[plan.groups[part.group].stream]
                name = plan.slot_of(part).column or ""
    held = schema.field(name).type if name in schema.names else pa.string()
    return pa.string() if is_text(held) or pa.types.is_null(held) else pa.int64()


def cast(values: Any, kind: Any) -> Any:
    """An array as this type; one that holds nothing fits every type."""
    if values.type == kind:
        return values
    if values.null_count == len(values):
        return pa.nulls(len(values), kind)
    return values.cast(kind)
