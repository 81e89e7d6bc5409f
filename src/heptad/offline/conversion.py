"""One Arrow column to the values of its kind: checked whole columns at a time, a bad row is named by number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.declare.vectors import WIDTH
from heptad.errors import DataError, DeclarationError
from heptad.plan.batch import Column
from heptad.plan.nodes import FieldPlan
from heptad.plan.vectors import bytes_of
from heptad.times import instant

_EXACT = 2.0**53
_INTEGER_TEXT = r"^(0|-?[1-9][0-9]{0,18})$"
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass(frozen=True)
class Reading:
    """How a source is to be read.

    ``zone``: the IANA zone of times that state none, such as 'UTC' or 'Europe/Rome'; None refuses them.
    ``unit``: what an integer time counts, 's', 'ms' or 'us'. ``separator``: between the texts of a list
    where the source has no lists (CSV).
    """

    zone: str | None = None
    unit: str = "us"
    separator: str = "|"
    text_numbers: bool = False  #: whether texts are read as numbers and booleans, as a CSV file needs

    def __post_init__(self) -> None:
        if self.unit not in _UNITS:
            raise DataError("unit of times", "'s', 'ms' or 'us'", repr(self.unit), "use one of them")


def convert(values: Any, field: FieldPlan, thing: str, reading: Reading) -> Column:
    """An Arrow array as a column. Raises DataError with the number of the first bad row, counted from 0; where
    only some rows are bad it is a `BadRows` that says which.

    NaN becomes null and -0.0 becomes 0.0. ``thing`` names the column in errors: ``Click.user``.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_null(values.type):
        values = pa.nulls(len(values), _BLANK[field.kind])
    if reading.text_numbers and field.kind in _PARSED and _is_text(values.type):
        values = _parsed(values, field.kind, thing)
    if field.kind is Kind.VECTOR:
        column = _vectors(values, thing, reading, field.size)
    else:
        column = _CONVERT[field.kind](values, thing, reading)
    if not field.optional:
        stated(column, True, values, thing, field.kind)
    return column


def stated(column: Column, where: NDArray[np.bool_] | bool, values: Any, thing: str, kind: Kind) -> None:
    """Raise `BadRows` where a column is null in rows that must have a value; NaN is one for a float."""
    if kind is not Kind.FLOAT and not column.valid.all():
        _refuse(
            ~column.valid & where, values, thing, f"a value of kind {kind}", "fill it, or drop these rows"
        )


def absent(field: FieldPlan, n: int) -> Column:
    """A column of n nulls."""
    if field.kind in (Kind.ID, Kind.TEXT, Kind.TEXTS, Kind.VECTOR):
        return Column(np.full(n, None, object), np.zeros(n, np.bool_))
    return Column(np.zeros(n, np.float64 if field.kind is Kind.FLOAT else np.int64), np.zeros(n, np.bool_))


class BadRows(DataError):
    """Some rows of a column cannot be taken: ``rows`` (n,) says which."""

    def __init__(self, thing: str, expected: str, got: str, fix: str, rows: NDArray[np.bool_]) -> None:
        super().__init__(thing, expected, got, fix)
        self.rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.thing, self.expected, self.got, self.fix, self.rows)


def _refuse(bad: NDArray[np.bool_], values: Any, thing: str, expected: str, fix: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        value = repr(values[row].as_py())[:80]
        raise BadRows(thing, expected, f"{value} in row {row} ({int(bad.sum())} such rows)", fix, bad)


def _wrong(values: Any, thing: str, expected: str, fix: str) -> NoReturn:
    raise DataError(thing, expected, f"a column of Arrow type {values.type}", fix)


def _valid(values: Any) -> NDArray[np.bool_]:
    if values.null_count == 0:
        return np.ones(len(values), np.bool_)
    found: NDArray[np.bool_] = values.is_valid().to_numpy(zero_copy_only=False)
    return found


def _filled(values: Any, blank: Any) -> NDArray[Any]:
    held = values if values.null_count == 0 else values.fill_null(blank)
    found: NDArray[Any] = held.to_numpy(zero_copy_only=False)
    return found


def _floats(values: Any, thing: str, reading: Reading) -> Column:
    kind = values.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        _wrong(values, thing, "numbers", "convert the column to numbers")
    held = _filled(values.cast(pa.float64(), safe=False), float("nan"))
    valid = ~np.isnan(held)
    return Column(np.where(valid, held, 0.0) + 0.0, valid)


def _integers(values: Any, thing: str, reading: Reading) -> Column:
    """Integers; floats that are whole are taken too, since pandas holds integers with gaps as floats."""
    kind = values.type
    if pa.types.is_floating(kind):
        column = _floats(values, thing, reading)
        bad = column.valid & ~((column.values == np.rint(column.values)) & (np.abs(column.values) <= _EXACT))
        _refuse(bad, values, thing, "a whole number", "round the column, or declare it float")
        return Column(column.values.astype(np.int64), column.valid)
    if not pa.types.is_integer(kind):
        _wrong(values, thing, "whole numbers", "convert the column to integers")
    valid = _valid(values)
    if pa.types.is_uint64(kind):
        large = _filled(pc.greater(values, pa.scalar(2**63 - 1, pa.uint64())), False)
        _refuse(large, values, thing, "an integer below 2**63", "send it as text")
        values = values.cast(pa.int64(), safe=False)
    held = _filled(values.cast(pa.int64()), 0)
    if held.min(initial=0) == -(2**63):
        _refuse(held == -(2**63), values, thing, "an integer above -2**63", "send another value")
    return Column(held, valid)


def _parsed(values: Any, kind: Kind, thing: str) -> Any:
    """Texts as the numbers or booleans they spell."""
    pattern, arrow, expected = _PARSED[kind]
    spelled = _filled(pc.match_substring_regex(values, pattern), True)
    _refuse(~spelled, values, thing, expected, "mend or drop the row")
    return values.cast(arrow)


def _booleans(values: Any, thing: str, reading: Reading) -> Column:
    if not pa.types.is_boolean(values.type):
        _wrong(values, thing, "true or false", "convert the column to booleans")
    return Column(_filled(values, False).astype(np.int64), _valid(values))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(values: Any, thing: str, reading: Reading) -> Column:
    if not _is_text(values.type):
        _wrong(values, thing, "texts", "convert the column to text")
    encoded = values.cast(pa.large_string()).dictionary_encode()
    shared = np.empty(len(encoded.dictionary) + 1, object)  # equal texts are one object; the last is null
    shared[:-1] = encoded.dictionary.to_pylist()
    valid = _valid(values)
    return Column(shared[_filled(encoded.indices, len(shared) - 1)], valid)


def _ids(values: Any, thing: str, reading: Reading) -> Column:
    """Integers or texts; with a gap among them, integers are held as objects."""
    if _is_text(values.type):
        return _texts(values, thing, reading)
    column = _integers(values, thing, reading)
    if column.valid.all():
        return column
    held = column.values.astype(object)
    held[~column.valid] = None
    return Column(held, column.valid)


def _lists(values: Any, thing: str, reading: Reading) -> Column:
    if _is_text(values.type):
        split = [
            None if v is None else tuple(v.split(reading.separator)) if v else () for v in values.to_pylist()
        ]
        return Column(np.fromiter(split, object, len(values)), _valid(values))
    if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)) or not (
        _is_text(values.type.value_type) or pa.types.is_null(values.type.value_type)
    ):
        _wrong(values, thing, "lists of texts", "convert the column to lists of texts")
    rows = [None if v is None else tuple(v) for v in values.to_pylist()]
    bad = np.fromiter((v is not None and None in v for v in rows), np.bool_, len(rows))
    _refuse(bad, values, thing, "a list of texts without nulls", "remove the nulls from the lists")
    return Column(np.fromiter(rows, object, len(rows)), _valid(values))


def _vectors(values: Any, thing: str, reading: Reading, size: int) -> Column:
    """Lists of ``size`` numbers, or texts of them as a CSV file has; rounded to float32."""
    expected = f"a list of {size} numbers"
    if _is_text(values.type):
        try:
            values = pc.split_pattern(values, reading.separator).cast(pa.list_(pa.float64()))
        except pa.ArrowInvalid as error:
            raise DataError(
                thing, f"{expected} between {reading.separator!r}", error, "mend the file"
            ) from error
    kind, valid = values.type, _valid(values)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):  # as a batch holds them
        short = np.fromiter(
            (v is not None and len(v) != WIDTH * size for v in values.to_pylist()), np.bool_, len(values)
        )
        _refuse(short, values, thing, expected, "embed all rows by one model")
        return Column(np.fromiter(values.to_pylist(), object, len(values)), valid)
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    number = lists and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))
    if not number:
        _wrong(values, thing, "lists of numbers", f"convert the column to lists of {size} floats")
    lengths = _filled(pc.list_value_length(values), size)
    _refuse(valid & (lengths != size), values, thing, expected, "embed all rows by one model")
    flat = pc.list_flatten(values.filter(pa.array(valid))).cast(pa.float32(), safe=False)
    held = np.zeros((len(values), size), np.float32)
    held[valid] = _filled(flat, float("nan")).reshape(-1, size)
    _refuse(
        np.asarray(~np.isfinite(held).all(axis=1)),
        values,
        thing,
        f"{expected}, none null, NaN or infinite",
        "mend the row",
    )
    return Column(bytes_of(held, valid), valid)


def _times(values: Any, thing: str, reading: Reading) -> Column:
    """Instants: timestamps or ISO 8601 texts with a zone, or integers in ``reading.unit`` since 1970."""
    kind = values.type
    if pa.types.is_date(kind):
        kind = pa.timestamp("ms")
        values = values.cast(kind)
    if pa.types.is_timestamp(kind):
        return _timestamps(values, thing, reading)
    if _is_text(kind):
        return _iso_times(values, thing, reading)
    if not pa.types.is_integer(kind):
        _wrong(values, thing, "times", "send timestamps with a zone, ISO 8601 text, or integers since 1970")
    column = _integers(values, thing, reading)
    scale = _UNITS[reading.unit]
    bad = np.abs(column.values) > 2**61 // scale
    _refuse(bad, values, thing, f"{reading.unit} since 1970", "state the right unit=")
    return Column(column.values * scale, column.valid)


def _timestamps(values: Any, thing: str, reading: Reading) -> Column:
    if values.type.tz is None:
        if reading.zone is None:
            raise DataError(
                thing, "times with a zone", "timestamps without one", "say which zone they are in: zone='UTC'"
            )
        values = _in_zone(values, thing, reading.zone)
    ticks = _filled(values.cast(pa.int64()), 0)
    valid = _valid(values)
    if values.type.unit == "ns":
        return Column(ticks // 1_000, valid)  # rounded down, before 1970 too
    scale = _UNITS[values.type.unit]
    return Column(ticks if scale == 1 else ticks * scale, valid)


def _in_zone(values: Any, thing: str, zone: str) -> Any:
    try:
        return pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="earliest")
    except pa.ArrowInvalid as error:
        raise DataError(
            thing, "the name of a time zone", repr(zone), "use an IANA name such as 'UTC' or 'Europe/Rome'"
        ) from error


def _iso_times(values: Any, thing: str, reading: Reading) -> Column:
    if pc.all(pc.match_substring_regex(values, _INTEGER_TEXT)).as_py() and len(values):
        return _times(values.cast(pa.int64()), thing, reading)
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            parsed = values.cast(kind)
        except pa.ArrowInvalid:
            continue  # not all of this form: try the next, and at last one value at a time
        if kind.tz is not None or reading.zone is not None:
            return _timestamps(parsed, thing, reading)
    return _iso_times_one_by_one(values, thing, reading)


def _iso_times_one_by_one(values: Any, thing: str, reading: Reading) -> Column:
    held, bad, bare = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_), False
    whole, scale = re.compile(_INTEGER_TEXT), _UNITS[reading.unit]
    for row, text in enumerate(values.to_pylist()):
        if text is not None:
            try:
                held[row] = int(text) * scale if whole.match(text) else instant(text)
            except (ValueError, OverflowError, DeclarationError) as error:
                bare |= isinstance(error, DeclarationError)
                bad[row] = True
    expected = "an ISO 8601 time with a zone" if bare else "an ISO 8601 time"
    fix = "say which zone they are in: zone='UTC'" if bare else "mend or drop the row"
    _refuse(bad, values, thing, expected, fix)
    return Column(held, _valid(values))


_CONVERT: dict[Kind, Callable[[Any, str, Reading], Column]] = {
    Kind.ID: _ids, Kind.TEXT: _texts, Kind.FLOAT: _floats, Kind.INT: _integers, Kind.BOOL: _booleans,
    Kind.TEXTS: _lists, Kind.TIME: _times,
}  # fmt: skip
#: How a kind is spelled in a text, its Arrow type, and its name.
_PARSED: dict[Kind, tuple[str, Any, str]] = {
    Kind.FLOAT: (r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?(nan|NaN|inf)$", pa.float64(), "a number"),
    Kind.INT: (r"^-?\d{1,18}$", pa.int64(), "a whole number"),
    Kind.BOOL: (r"^(true|false|True|False|0|1)$", pa.bool_(), "true or false"),
}
_BLANK: dict[Kind, Any] = {
    Kind.ID: pa.large_string(), Kind.TEXT: pa.large_string(), Kind.FLOAT: pa.float64(), Kind.INT: pa.int64(),
    Kind.BOOL: pa.bool_(), Kind.TEXTS: pa.list_(pa.string()), Kind.TIME: pa.int64(),
    Kind.VECTOR: pa.list_(pa.float32()),
}  # fmt: skip
