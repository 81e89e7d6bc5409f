"""Columns between Parquet, the spill and an engine: checked Arrow arrays on the way in, numpy columns on the way out.

On disk a column is int64 (ids, integers, booleans, times), float64, large_string, a list of texts, or the bytes of a
vector; null where it is null. Ids and texts of texts stay Arrow's until the very end, so that nothing is done per row in Python.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.offline.conversion import Reading, convert
from heptad.plan.batch import Column
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import FieldPlan

_READING = Reading()
LISTS = pa.list_(pa.string())


def is_text(kind: Any) -> bool:
    """Whether an Arrow type holds texts, be they dictionary-encoded."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    )


def checked(values: Any, field: FieldPlan, thing: str) -> Any:
    """A chunked Arrow column as one array of the spill's type. Raises DataError as `convert` does."""
    held = one(values)
    if pa.types.is_float64(held.type) and field.kind is Kind.FLOAT and not held.null_count and len(held):
        numbers = held.to_numpy()
        if not np.isnan(numbers.min()):
            return pa.array(numbers + 0.0)  # no -0.0
    if _is_plain(held, field.kind):
        return held
    if field.kind in (Kind.ID, Kind.TEXT) and is_text(held.type):
        texts = held.cast(pa.large_string())
        if texts.null_count and not field.optional:
            convert(held, field, thing, _READING)  # says which row
        return texts
    plain = replace(field, kind=Kind.INT) if field.kind is Kind.ID else field
    column = convert(held, plain, thing, _READING)
    if field.kind is Kind.TEXTS and not is_text(held.type):
        return held.cast(LISTS)
    return arrow(column, field.kind)


def one(column: Any) -> Any:
    """A chunked array as one array, without a copy where it has one chunk."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _is_plain(held: Any, kind: Kind) -> bool:
    """Whether `convert` leaves an array as it is: integers, none of them null or beyond what it takes."""
    if not pa.types.is_int64(held.type) or held.null_count or len(held) == 0:
        return False
    integers = held.to_numpy()
    if kind is Kind.TIME:
        return bool(integers.min() >= -(2**61) and integers.max() <= 2**61)
    return kind in (Kind.INT, Kind.ID) and bool(integers.min() > -(2**63))


def arrow(column: Column, kind: Kind) -> Any:
    """A numpy column as an array of the spill's type."""
    values, valid = column.values, column.valid
    if values.dtype != object:
        held = values if values.dtype == np.float64 else values.astype(np.int64, copy=False)
        return pa.array(held, mask=None if valid.all() else ~valid)
    rows = [value if ok else None for value, ok in zip(values.tolist(), valid.tolist(), strict=True)]
    if kind is Kind.VECTOR:
        return pa.array(rows, pa.binary())
    if kind is Kind.TEXTS:
        return pa.array([None if row is None else list(row) for row in rows], LISTS)
    if kind is Kind.ID and all(row is None or type(row) is int for row in rows):
        return pa.array(rows, pa.int64())
    try:
        return pa.array(rows, pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError("ids", "all integers or all texts", error, "make them of one type") from error


def column(values: Any, field: FieldPlan) -> Column:
    """An array of the spill as an engine takes it; texts become objects that equal texts share."""
    if pa.types.is_int64(values.type) or pa.types.is_float64(values.type):
        return numbers(values)
    if pa.types.is_binary(values.type):
        packed = np.empty(len(values), object)
        packed[:] = values.to_pylist()
        return Column(packed, values.is_valid().to_numpy(zero_copy_only=False))
    return convert(values, replace(field, optional=True), field.name, _READING)


def numbers(values: Any) -> Column:
    """An int64 or float64 array as numpy: 0 where it is null."""
    if values.null_count == 0:
        return Column(values.to_numpy(zero_copy_only=False), np.ones(len(values), np.bool_))
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    return Column(values.fill_null(0).to_numpy(zero_copy_only=False), valid)


class Codes:
    """Integers for texts, alike wherever one of these is asked: texts as keys and as values become numbers.

    Only the different texts of an array pass through Python.
    """

    def __init__(self) -> None:
        self._dictionary = LocalDictionary()

    def of(self, texts: Any) -> Column:
        """The code of each text of a large_string array; 0 where it is null."""
        encoded = texts.dictionary_encode()
        valid = np.ones(len(texts), np.bool_)
        if texts.null_count:
            valid = texts.is_valid().to_numpy(zero_copy_only=False)
        own = np.array([*self._dictionary.codes(encoded.dictionary.to_pylist()), 0], np.int64)
        places = encoded.indices.fill_null(len(own) - 1).to_numpy(zero_copy_only=False)
        return Column(own[places], valid)

    def texts(self) -> Any:
        """The text of every code, in their order."""
        return pa.array(self._dictionary.values(range(len(self._dictionary))), pa.large_string())


def arrow_of(values: NDArray[Any]) -> Any:
    """A numpy array as Arrow's, of the same type."""
    return pa.array(values)
