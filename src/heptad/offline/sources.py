"""Histories from outside: Parquet and CSV files, Arrow tables, pandas and Polars frames become batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.offline.conversion import Reading, absent, convert, stated
from heptad.offline.deferred import InArrow, ParquetColumns, deferred
from heptad.plan.batch import TIMELESS, Batch, Column, tie_of
from heptad.plan.nodes import StreamPlan

_CSV_TYPES: dict[Kind, Any] = {
    Kind.FLOAT: pa.float64(), Kind.INT: pa.int64(), Kind.BOOL: pa.bool_(),
    Kind.ID: pa.string(), Kind.TEXT: pa.string(), Kind.TEXTS: pa.string(), Kind.TIME: pa.string(),
    Kind.VECTOR: pa.string(),
}  # fmt: skip
_WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"


def read(
    stream: StreamPlan,
    source: Any,
    *,
    names: Mapping[str, str] | None = None,
    reading: Reading = Reading(),
) -> Batch:
    """The rows of a source as a batch of the stream, in their order; offsets count the rows from 0.

    ``source`` is the path of a Parquet or CSV file, a mapping of columns, or anything that offers Arrow's
    stream interface (an Arrow table, a pandas or Polars frame). ``names`` maps the stream's columns to the
    source's where they differ. Columns that the stream does not declare are left out; looked-up columns
    may be missing and are filled by `enrich`. Raises DataError that names the column and the first bad row.
    """
    called, how = names or {}, spelled(source, reading)
    later = _later(stream, source, called, how)
    left = {called.get(name, name) for name in later}
    table = as_table(stream, source, called, left)
    return from_table(stream, table, called, how, later)


def _later(stream: StreamPlan, source: Any, called: Mapping[str, str], reading: Reading) -> dict[str, Column]:
    """The facts of a table in a Parquet file that can wait there until somebody looks them up."""
    if not stream.is_table or not isinstance(source, (str, Path)) or Path(source).suffix != ".parquet":
        return {}
    texts = [called.get(f.name, f.name) for f in stream.facts if f.kind is Kind.TEXT]
    try:
        file = ParquetColumns(Path(source), texts)
    except (OSError, pa.ArrowInvalid):
        return {}  # `as_table` says what is wrong with it
    spare = stream.deleted is not None
    found = {
        f.name: deferred(
            file.column(name), replace(f, optional=f.optional or spare), f"{stream.name}.{f.name}", reading
        )
        for f in stream.facts
        if not (spare and not f.optional) and (name := called.get(f.name, f.name)) in file.schema.names
    }
    return {name: column for name, column in found.items() if column is not None}


def spelled(source: Any, reading: Reading) -> Reading:
    """The reading, with numbers in texts where the source has nothing but texts: a CSV file."""
    csv_file = isinstance(source, (str, Path)) and any(
        part in (".csv", ".tsv") for part in Path(source).suffixes
    )
    return replace(reading, text_numbers=True) if csv_file else reading


def from_table(
    stream: StreamPlan,
    table: Any,
    called: Mapping[str, str],
    reading: Reading,
    later: Mapping[str, Column] = MappingProxyType({}),
) -> Batch:
    """The rows of an Arrow table as a batch of the stream, with the columns ``later`` besides; see `read`."""
    n = table.num_rows
    columns: dict[str, Column] = {}
    facts = stream.facts if stream.is_table else ()
    spare = facts if stream.deleted is not None else ()  # a row that deletes says nothing else
    for field in stream.fields:
        name = called.get(field.name, field.name)
        if field.name in later:
            columns[field.name] = later[field.name]
        elif name in table.column_names:
            lenient = replace(field, optional=True) if field in spare else field
            values, thing = table.column(name), f"{stream.name}.{field.name}"
            lazy = deferred(InArrow(values), lenient, thing, reading) if field in facts else None
            columns[field.name] = lazy or convert(values.combine_chunks(), lenient, thing, reading)
        elif field.lookup is not None or field.optional:
            columns[field.name] = absent(field, n)
        else:
            raise DataError(
                f"{stream.name}.{field.name}", f"a column {name!r}",
                f"columns {', '.join(table.column_names)}", f"name it: names={{{field.name!r}: 'COLUMN'}}",
            )  # fmt: skip
    if stream.deleted is not None:
        marker = columns[stream.deleted.name]
        stays = ~(marker.valid & (marker.values != 0))
        for field in stream.facts:
            name = called.get(field.name, field.name)
            if not field.optional and name in table.column_names:
                stated(
                    columns[field.name], stays, table.column(name), f"{stream.name}.{field.name}", field.kind
                )
    time = columns[stream.time.name].values if stream.time else np.full(n, TIMELESS, np.int64)
    offset = np.arange(n, dtype=np.int64)
    return with_ties(Batch(stream, time, offset, offset, columns))


def with_ties(batch: Batch) -> Batch:
    """The batch with the tie of every row as the log would have it: `heptad.plan.batch.tie_of`."""
    stream = batch.stream
    if stream.is_table:
        tie = batch.offset
    elif stream.key is not None and batch.columns[stream.key.name].values.dtype == np.int64:
        tie = batch.columns[stream.key.name].values
    else:
        pairs = zip(rows_of(batch), batch.offset.tolist(), strict=True)
        tie = np.fromiter((tie_of(row, stream, offset) for row, offset in pairs), np.int64, len(batch))
    return Batch(stream, batch.time, tie, batch.offset, batch.columns)


def rows_of(batch: Batch) -> Iterator[dict[str, Any]]:
    """The rows as Python values, as `Schema.parse` gives them: what is posted to a log."""
    names = [field.name for field in batch.stream.fields]
    columns = [_python(batch.columns[field.name], field.kind) for field in batch.stream.fields]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _python(column: Column, kind: Kind) -> list[Any]:
    held = column.values
    if kind is Kind.BOOL:
        held = held.astype(np.bool_)
    values: list[Any] = held.tolist()
    if kind is Kind.TEXTS:
        values = [None if value is None else list(value) for value in values]
    return [value if ok else None for value, ok in zip(values, column.valid.tolist(), strict=True)]


def as_table(stream: StreamPlan, source: Any, names: Mapping[str, str], without: Collection[str] = ()) -> Any:
    """A source as an Arrow table with its own types; columns ``without`` are left in their Parquet file."""
    match source:
        case str() | Path():
            return _file(stream, Path(source), names, without)
        case Mapping():
            return pa.table({name: _array(values) for name, values in source.items()})
        case _:
            try:
                return pa.table(source)
            except TypeError as error:
                raise DataError(
                    f"source of {stream.name}", "a path, a mapping of columns, an Arrow table or a frame",
                    type(source).__name__, "convert it with pyarrow, pandas or Polars first",
                ) from error  # fmt: skip


def _array(values: Any) -> Any:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError("column", "values of one type", str(error), "convert them to one type") from error


def _file(stream: StreamPlan, path: Path, names: Mapping[str, str], without: Collection[str]) -> Any:
    if not path.is_file():
        raise DataError(f"source of {stream.name}", "an existing file", path, "mend the path")
    called = {names.get(field.name, field.name): field for field in stream.fields}
    suffix = path.suffixes[0] if path.suffix == ".gz" and path.suffixes else path.suffix
    try:
        if suffix == ".parquet":
            held = parquet.ParquetFile(path, pre_buffer=False)  # nothing to wait for: a local file
            wanted = called.keys() - without
            return held.read(columns=[name for name in held.schema_arrow.names if name in wanted])
        if suffix in (".csv", ".tsv"):
            return _csv(path, suffix, {name: field.kind for name, field in called.items()})
    except pa.ArrowInvalid as error:
        raise DataError(
            f"source of {stream.name}", f"a readable file {path.name}", error, "mend the file"
        ) from error
    raise DataError(
        f"source of {stream.name}", "a .parquet, .csv or .tsv file", path.name, "convert the file"
    )


def _csv(path: Path, suffix: str, kinds: Mapping[str, Kind]) -> Any:
    """A CSV file with a header. An empty cell is null; an id column is of integers if every id is one."""
    options = csv.ConvertOptions(
        column_types={name: _CSV_TYPES[kind] for name, kind in kinds.items()},
        strings_can_be_null=True,
        null_values=[""],
    )
    delimiter = csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ",")
    try:
        table = csv.read_csv(path, convert_options=options, parse_options=delimiter)
    except pa.ArrowInvalid:  # some cell is not of its column's kind: as texts, `convert` says which
        options.column_types = {name: pa.string() for name in kinds}
        table = csv.read_csv(path, convert_options=options, parse_options=delimiter)
    for name, kind in kinds.items():
        if kind is Kind.ID and name in table.column_names:
            texts = table.column(name)
            if pc.all(pc.match_substring_regex(texts, _WHOLE), min_count=0).as_py():
                place = table.column_names.index(name)
                table = table.set_column(place, name, texts.cast(pa.int64()))
    return table
