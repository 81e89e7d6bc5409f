"""What can be seen of the columns of a file: kinds, distinct values, nulls, and how times are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from heptad.errors import DataError
from heptad.times import MILLISECOND, SECOND

#: Cells of a text file that stand for nothing.
NULLS: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
_WHOLE: Final = r"^(0|-?[1-9]\d{0,17})$"
_NUMBER: Final = r"^-?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"  # 007 and very long ones are names
_TRUTH: Final = r"^([Tt]rue|[Ff]alse|TRUE|FALSE)$"
_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800  #: a number between them may be seconds


class Shape(StrEnum):
    """What a column holds."""

    WHOLE = "whole numbers"
    NUMBER = "numbers"
    TRUTH = "true or false"
    TEXT = "text"
    TEXTS = "lists of text"
    MOMENT = "timestamps"  #: typed as such by the file
    OTHER = "something else"


class Written(StrEnum):
    """How a column writes its times."""

    ZONED = "ISO 8601 with a zone"
    NAIVE = "ISO 8601 without a zone"
    MIXED = "ISO 8601, some with a zone"
    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"
    MICROSECONDS = "microseconds since 1970"
    STAMPED = "timestamps with a zone"
    STAMPED_NAIVE = "timestamps without a zone"

    @property
    def needs_zone(self) -> bool:
        """Whether a zone must be assumed for some of them."""
        return self in (Written.NAIVE, Written.MIXED, Written.STAMPED_NAIVE)


@dataclass(frozen=True)
class Facts:
    """One column, profiled over all rows. ``times`` says how it writes times, None where it cannot hold them.

    ``low`` and ``high`` are the least and greatest number, or instant in seconds; ``values`` the distinct
    values where they are at most twenty.
    """

    name: str
    shape: Shape
    rows: int
    nulls: int
    distinct: int
    times: Written | None = None
    low: float = float("nan")
    high: float = float("nan")
    values: tuple[Any, ...] = ()

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.nulls == 0 and self.distinct == self.rows > 1


@dataclass(frozen=True, eq=False)
class File:
    """A file of rows, whole in memory as it was read: text cells of a CSV stay text."""

    path: Path
    table: Any
    columns: dict[str, Facts]

    @property
    def kind(self) -> str:
        """``csv``, ``parquet`` or ``jsonl``."""
        return self.path.suffix[1:]


def profile(path: Path) -> File:
    """Read a file and look at every column. Raises DataError for a file that cannot be read or has no rows."""
    if path.suffix not in (".csv", ".parquet", ".jsonl"):
        raise DataError(
            f"file {path}",
            "a file that ends in .csv, .parquet or .jsonl",
            path.suffix or "no ending",
            "convert it",
        )
    try:
        table = _read(path)
    except (OSError, ValueError) as error:  # what pyarrow and json raise for a damaged file is a ValueError
        raise DataError(
            f"file {path}", f"rows of {path.suffix[1:]}", error, "check the path and the file"
        ) from error
    if table.num_rows < 2 or table.num_columns < 2:
        raise DataError(
            f"file {path}",
            "rows and columns",
            f"{table.num_rows} rows, {table.num_columns} columns",
            "check the file",
        )
    written = path.suffix == ".csv"  # the other kinds of file say which texts are numbers
    return File(path, table, {name: _facts(name, table.column(name), written) for name in table.column_names})


def _read(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if path.suffix == ".parquet":
        return parquet.read_table(path)
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        names = dict.fromkeys(name for row in rows for name in row)
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    with csv.open_csv(path) as reader:
        names = dict.fromkeys(reader.schema.names)
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=list(NULLS)
    )
    return csv.read_csv(path, convert_options=options)


def _facts(name: str, column: Any, written: bool) -> Facts:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    shape = _shape(column, written)
    rows, nulls = len(column), column.null_count
    if shape in (Shape.TEXTS, Shape.OTHER):
        return Facts(name, shape, rows, nulls, len({str(value) for value in column.to_pylist()}))
    distinct = pc.count_distinct(column, mode="only_valid").as_py()
    values = tuple(sorted(pc.unique(column.drop_null()).to_pylist())) if distinct <= 20 else ()
    times, low, high = _times(column, shape)
    return Facts(name, shape, rows, nulls, distinct, times, low, high, values)


def _shape(column: Any, written: bool) -> Shape:
    """The shape of a column; of one whose cells are all ``written`` as text, the narrowest that fits every cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for pattern, shape in ((_TRUTH, Shape.TRUTH), (_WHOLE, Shape.WHOLE), (_NUMBER, Shape.NUMBER)):
            if (
                written
                and column.null_count < len(column)
                and pc.all(pc.match_substring_regex(column, pattern)).as_py()
            ):
                return shape
        return Shape.TEXT
    tests = (
        (pa.types.is_boolean, Shape.TRUTH),
        (pa.types.is_integer, Shape.WHOLE),
        (pa.types.is_floating, Shape.NUMBER),
        (pa.types.is_decimal, Shape.NUMBER),
        (pa.types.is_timestamp, Shape.MOMENT),
        (pa.types.is_date, Shape.MOMENT),
    )
    found = next((shape for test, shape in tests if test(kind)), Shape.OTHER)
    if pa.types.is_list(kind) and (pa.types.is_string(kind.value_type) or pa.types.is_null(kind.value_type)):
        return Shape.TEXTS
    return found


def _times(column: Any, shape: Shape) -> tuple[Written | None, float, float]:
    """How the column writes times, with its least and greatest value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = (None, float("nan"), float("nan"))
    if column.null_count == len(column) or shape is Shape.TRUTH:
        return nothing
    if shape is Shape.TEXT:
        return _texts_as_times(column.drop_null().to_pylist()) or nothing
    if shape is Shape.MOMENT:
        seconds = column.cast(pa.timestamp("us", getattr(column.type, "tz", None))).cast(pa.int64())
        low, high = pc.min(seconds).as_py() / SECOND, pc.max(seconds).as_py() / SECOND
        zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
        return Written.STAMPED if zoned else Written.STAMPED_NAIVE, low, high
    numbers = column.cast(pa.float64())
    low, high = pc.min(numbers).as_py(), pc.max(numbers).as_py()
    scales = ((Written.SECONDS, 1), (Written.MILLISECONDS, MILLISECOND), (Written.MICROSECONDS, SECOND))
    for written, scale in scales:
        if _YEAR_1990 * scale <= low <= high <= _YEAR_2100 * scale:
            return written, low, high
    return None, low, high


def _texts_as_times(texts: list[str]) -> tuple[Written, float, float] | None:
    """ISO 8601 times, or None where one text is none."""
    zoned = 0
    low, high = float("inf"), float("-inf")
    for text in texts:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
        zoned += when.tzinfo is not None
        seconds = when.timestamp() if when.tzinfo else when.replace(tzinfo=UTC).timestamp()
        low, high = min(low, seconds), max(high, seconds)
    written = Written.ZONED if zoned == len(texts) else Written.MIXED if zoned else Written.NAIVE
    return written, low, high
