"""Values that a client sends with a request, checked against the plan's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.declare.values import coerce
from heptad.declare.vectors import packed
from heptad.declare.wording import named
from heptad.errors import DataError, DeclarationError
from heptad.plan.batch import Column, column_of
from heptad.plan.nodes import FieldPlan

_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.ID: int | str,
    Kind.TEXT: str,
    Kind.FLOAT: float,
    Kind.INT: int,
    Kind.BOOL: bool,
    Kind.TEXTS: list[str],
}
_INT64: Final = 2**63


def checked(thing: str, value: object, kind: Kind, size: int = 0) -> Any:
    """The value as a column of this kind holds it (null stays null). Raises DataError."""
    if value is None:
        return None
    if kind is Kind.VECTOR:
        return _vector(thing, value, size)
    try:
        if kind is Kind.TIME:
            return coerce(kind, value)
        found = msgspec.convert(value, _TYPES[kind])
        if type(found) is int and not -_INT64 < found < _INT64:
            raise ValueError
        return found
    except (msgspec.ValidationError, ValueError, DeclarationError) as error:
        fix = (
            "send an ISO 8601 time with a zone, or microseconds" if kind is Kind.TIME
            else "send the column's own type"
        )  # fmt: skip
        raise DataError(thing, f"a value of kind {kind}", repr(value)[:80], fix) from error


def _vector(thing: str, value: object, size: int) -> bytes:
    try:
        return packed(value, size)
    except ValueError as error:
        raise DataError(thing, f"a list of {size} numbers", error, "send the vector whole") from error


def repeated(value: Any, kind: Kind, n: int) -> Column:
    """A column (n,) of one checked value, which lies in memory once."""
    one = column_of([value], kind)
    return Column(_under_all(one.values, n), _under_all(one.valid, n))


def _under_all(one: NDArray[Any], n: int) -> NDArray[Any]:
    """`np.broadcast_to` n rows, without the layer of Python around it."""
    return np.nditer(one, ["multi_index", "refs_ok", "zerosize_ok"], ["readonly"], itershape=(n,)).itviews[0]


def blank(kind: Kind, n: int) -> Column:
    """A column (n,) of nulls."""
    return repeated(None, kind, n)


def joined(requests: Sequence[Mapping[str, Column]]) -> Mapping[str, Column]:
    """The columns that each of several requests has, one after the other: a column that only some send is read by none.

    Raises DataError where values of one column are of several types.
    """
    if len(requests) == 1:
        return requests[0]
    out = {}
    for name in requests[0] if requests else ():
        if not all(name in request for request in requests):
            continue
        columns = [request[name] for request in requests]
        if len({column.values.dtype for column in columns}) > 1:
            raise DataError(
                f"column {name!r}", "values of one type", "several", "read the requests one by one"
            )
        values, valid = zip(*columns, strict=True)
        out[name] = Column(np.concatenate(values), np.concatenate(valid))
    return out


def context_of(
    given: Mapping[str, Any], fields: Mapping[str, FieldPlan], required: Sequence[str]
) -> dict[str, Any]:
    """The context of a request: known columns only, of their kinds, and all that features are keyed by."""
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise DataError(
            f"context.{named(unknown[0])}", f"one of {', '.join(fields) or 'no columns'}", "an unknown column",
            "remove it, or declare it in the request's event",
        )  # fmt: skip
    missing = [name for name in required if name not in given]
    if missing:
        raise DataError(
            f"context.{missing[0]}", "a value, since features are counted by it", "nothing",
            f"send context={{{missing[0]!r}: ...}}",
        )  # fmt: skip
    return {
        name: checked(f"context.{name}", value, fields[name].kind, fields[name].size)
        for name, value in given.items()
    }


def entity_columns(
    given: Mapping[str, Any], fields: Mapping[str, FieldPlan], limit: int
) -> tuple[dict[str, Column], int]:
    """Columns of a feature read and their length: lists have one value per row, single values stand for all.

    A list column's value is a list already: give a list of lists for several rows. Raises DataError.
    """
    lists: dict[str, list[Any]] = {}
    single: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            raise DataError(
                named(name), f"one of {', '.join(fields)}", "an unknown column",
                "name columns of the request's event, and at",
            )  # fmt: skip
        kind, size = fields[name].kind, fields[name].size
        if isinstance(value, list) and _depth(value) == (2 if kind in (Kind.TEXTS, Kind.VECTOR) else 1):
            lists[name] = [checked(name, one, kind, size) for one in value]
        else:
            single[name] = checked(name, value, kind, size)
    lengths = {len(values) for values in lists.values()} or {1}
    if len(lengths) > 1 or max(lengths) > limit:
        raise DataError(
            "entities", f"lists of one length, at most {limit}",
            ", ".join(f"{name}: {len(values)}" for name, values in lists.items()), "send one value per row",
        )  # fmt: skip
    n = lengths.pop()
    columns = {name: column_of(values, fields[name].kind) for name, values in lists.items()}
    columns |= {name: repeated(value, fields[name].kind, n) for name, value in single.items()}
    return columns, n


def _depth(value: object) -> int:
    """How deep lists are nested, by their first elements."""
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth
