"""One value from the outside (JSON, CSV, Python) as its kind holds it."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

from heptad.declare.field import Field
from heptad.declare.types import Kind
from heptad.declare.vectors import packed
from heptad.errors import DataError, DeclarationError
from heptad.times import EARLIEST, LATEST, instant


def coerce(kind: Kind, value: Any, size: int = 0) -> Any:
    """The value as int64, float, bool, text, list of texts, bytes of a vector or of a picture (which may be base64); null for NaN; 0.0 for -0.0.

    Times may be ISO 8601 with a zone, or microseconds. Raises ValueError or DeclarationError where the value
    is of another kind.
    """
    return packed(value, size) if kind is Kind.VECTOR else _COERCE[kind](value)


def cell(field: Field, value: Any, optional: bool) -> Any:
    """The value of a column, as its schema and its expectations have it. Raises DataError."""
    if value is not None:
        try:
            value = coerce(field.kind, value, field.size)
        except (ValueError, DeclarationError) as error:
            raise DataError(
                str(field), spoken(field.kind, field.size, "a value of kind "), _came(field.kind, value, error),
                "send an ISO 8601 time with a zone, or microseconds" if field.kind is Kind.TIME
                else "send the column's own type",
            ) from error  # fmt: skip
    if value is None and not optional and field.kind is not Kind.FLOAT:
        raise DataError(str(field), f"a value of kind {field.kind}", "nothing", f"send {field.name}")
    if value is not None and field.expect is not None and not field.expect.met_by(value):
        raise DataError(
            str(field), field.expect.wording, repr(value)[:80], "mend the sender, or what the class expects"
        )
    return value


def spoken(kind: Kind, size: int, before: str = "") -> str:
    """A kind in the words of an error."""
    return f"a list of {size} numbers" if kind is Kind.VECTOR else f"{before}{kind}"


def _came(kind: Kind, value: Any, error: Exception) -> str:
    return str(error) if kind is Kind.VECTOR else repr(value)[:80]


def _time_of(value: Any) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        found = instant(value)
        if EARLIEST <= found <= LATEST:
            return found
    raise ValueError


def _float_of(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return None if math.isnan(value) else float(value) + 0.0
        except OverflowError:  # an integer beyond float64
            pass
    raise ValueError


def _exact(*types: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) in types and (type(value) is not int or -(2**63) < value < 2**63):
            return value
        raise ValueError

    return check


def _texts_of(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    raise ValueError


def _picture_of(value: Any) -> bytes:
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)  # its error is a ValueError
    if isinstance(value, bytes):
        return value
    raise ValueError


_COERCE: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: _exact(int, str),
    Kind.TEXT: _exact(str),
    Kind.INT: _exact(int),
    Kind.BOOL: _exact(bool),
    Kind.FLOAT: _float_of,
    Kind.TIME: _time_of,
    Kind.TEXTS: _texts_of,
    Kind.IMAGE: _picture_of,
}
