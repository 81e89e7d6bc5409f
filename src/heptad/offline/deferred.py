"""A table's column that stays as Arrow holds it until it is asked for, and then only where it is.

A lookup join needs a few rows of a table that may have millions. A column is deferred only where its conversion
cannot fail, so that a bad row is refused when its source is read, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.offline.conversion import Reading, convert
from heptad.plan.batch import Column
from heptad.plan.nodes import FieldPlan


class Deferred:
    """What a `Column` is, made when its values are asked for; ``take`` converts the rows taken and no other."""

    def __init__(self, held: Any, field: FieldPlan, thing: str, reading: Reading) -> None:
        self._held, self._field, self._thing, self._reading = held, field, thing, reading

    @cached_property
    def whole(self) -> Column:
        return self._converted(self._held)

    @property
    def values(self) -> NDArray[Any]:
        return self.whole.values

    @property
    def valid(self) -> NDArray[np.bool_]:
        return self.whole.valid

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self.whole)

    def take(self, rows: NDArray[Any]) -> Column:
        """The column at these places, or where a mask is true."""
        if "whole" in self.__dict__:
            return self.whole.take(rows)
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return self._converted(self._held.take(pa.array(places)))

    def _converted(self, values: Any) -> Column:
        return convert(
            values.combine_chunks(), replace(self._field, optional=True), self._thing, self._reading
        )


def deferred(values: Any, field: FieldPlan, thing: str, reading: Reading) -> Column | None:
    """The chunked Arrow array as a column yet to be made; None where making it may find a bad row."""
    if (values.null_count > 0 and not field.optional) or field.expect is not None:
        return None
    return cast("Column", Deferred(values, field, thing, reading)) if _safe(values, field.kind) else None


def _safe(values: Any, kind: Kind) -> bool:
    held = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    match kind:
        case Kind.FLOAT:
            return bool(pa.types.is_floating(held) or pa.types.is_signed_integer(held))
        case Kind.INT:
            least = pc.min(values).as_py() if pa.types.is_signed_integer(held) else None
            return least is not None and least > -(2**63)
        case Kind.BOOL:
            return bool(pa.types.is_boolean(held))
        case Kind.TEXT:
            return bool(pa.types.is_string(held) or pa.types.is_large_string(held))
        case _:
            return False
