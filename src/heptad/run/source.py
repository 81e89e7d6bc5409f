"""Where a stream's history is read from: a function, or files of Parquet, CSV or JSON lines, as Arrow tables."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from heptad.declare.types import Kind
from heptad.errors import DataError, DeclarationError, HeptadError

if TYPE_CHECKING:
    import pyarrow as pa

    from heptad.plan.nodes import StreamPlan

_SUFFIXES = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Source:
    """The source of one event or table class, as its profile names it.

    Exactly one of ``function`` ("module:name") and ``files`` is given; ``package`` is what a module that
    begins with a dot is relative to. ``arguments`` are what the function is called with: whole numbers, numbers
    and texts, written ``python:.data:payments?customers=500&days=60``.
    """

    stream: str
    url: str
    function: str = ""
    files: tuple[Path, ...] = ()
    package: str = ""
    arguments: Mapping[str, int | float | str] = field(default_factory=dict)


def source(stream: str, url: object, directory: Path, package: str) -> Source:
    """The source a URL names; paths are relative to ``directory``. DeclarationError where it names none."""
    thing = f"source of {stream}"
    if not isinstance(url, str):
        raise DeclarationError(
            thing,
            "text such as 'python:module:function' or 'data/*.parquet'",
            repr(url),
            "write it in quotes",
        )
    if url.startswith("python:"):
        called, _, query = url.removeprefix("python:").partition("?")
        module, _, function = called.rpartition(":")
        if not module or not function.isidentifier():
            raise DeclarationError(
                thing,
                "python:module:function",
                repr(url),
                f"write for example 'python:.data:{stream.lower()}s'",
            )
        arguments = {name: _argument(value) for name, value in parse_qsl(query)}
        return Source(stream, url, function=called, package=package, arguments=arguments)
    if "://" in url or not url.endswith(_SUFFIXES):
        raise DeclarationError(
            thing, f"python:module:function, or a path or pattern that ends in {', '.join(_SUFFIXES)}", repr(url),
            "put the rows into such a file, or return them from a function",
        )  # fmt: skip
    pattern = str(directory / url)
    found = tuple(Path(name) for name in sorted(glob(pattern, recursive=True))) if has_magic(url) else ()
    if not has_magic(url) and Path(pattern).is_file():
        found = (Path(pattern),)
    if not found:
        raise DeclarationError(
            thing,
            f"files that match {pattern}",
            "none",
            "paths are relative to the file heptad.toml: check it",
        )
    return Source(stream, url, files=found)


def read(origin: Source, stream: StreamPlan) -> pa.Table:
    """All rows of a source, as they come: an Arrow table with at least the columns that must be there.

    A CSV file's columns are read by the kinds of the class; its times stay text unless they are whole
    numbers. Raises DataError where the function fails, a file cannot be read, or a column is missing.
    """
    import pyarrow as pa

    thing = f"source of {origin.stream}, {origin.url}"
    try:
        if origin.function:
            table = _arrow(thing, _function(origin, thing)(**origin.arguments))
        else:
            parts = [_READERS[path.suffix](path, stream) for path in origin.files]
            table = pa.concat_tables(parts, promote_options="permissive")
    except HeptadError:
        raise
    except Exception as error:
        raise DataError(
            thing, "rows", f"{type(error).__name__}: {error}", "mend the function or file"
        ) from error
    needed = [f.name for f in stream.fields if not f.optional and f.lookup is None]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DataError(
            thing, f"the columns of {stream.name}: {', '.join(needed)}",
            f"no {', '.join(missing)} among {', '.join(table.column_names)}",
            "rename the column in the source, or mark it '| None' in the class",
        )  # fmt: skip
    return table.select([f.name for f in stream.fields if f.name in table.column_names])


def _argument(text: str) -> int | float | str:
    """The number that is written, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _function(origin: Source, thing: str) -> Callable[..., Any]:
    module_name, _, name = origin.function.rpartition(":")
    try:
        module = importlib.import_module(module_name, origin.package or None)
    except ModuleNotFoundError as error:
        raise DataError(
            thing,
            f"a module {module_name!r}",
            str(error),
            "check the name; '.data' is data.py beside system.py",
        ) from error
    found = vars(module).get(name)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise DataError(
            thing, f"a function {name!r} in {module.__name__}", f"only {', '.join(names) or 'nothing callable'}",
            "check the name",
        )  # fmt: skip
    return found  # type: ignore[no-any-return]


def _arrow(thing: str, rows: Any) -> pa.Table:
    """Arrow, pandas or Polars as they are, or a list of dicts, as one Arrow table."""
    import pyarrow as pa

    if isinstance(rows, pa.Table):
        return rows
    kind = f"{type(rows).__module__.partition('.')[0]}.{type(rows).__name__}"
    if kind == "pandas.DataFrame":
        return pa.Table.from_pandas(rows, preserve_index=False)
    if kind == "polars.DataFrame":
        return rows.to_arrow()  # type: ignore[no-any-return]
    if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
        return pa.Table.from_pylist([dict(row) for row in rows])
    raise DataError(
        thing,
        "a pyarrow.Table, a pandas or Polars DataFrame, or a list of dicts",
        kind,
        "return one of these",
    )


def _parquet(path: Path, stream: StreamPlan) -> pa.Table:
    from pyarrow import parquet

    names = {f.name for f in stream.fields}
    with parquet.ParquetFile(path) as file:
        return file.read(columns=[name for name in file.schema_arrow.names if name in names])


def _csv(path: Path, stream: StreamPlan) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    types = {Kind.FLOAT: pa.float64(), Kind.INT: pa.int64(), Kind.BOOL: pa.bool_()}
    asked = {f.name: types.get(f.kind, pa.string()) for f in stream.fields}
    options = csv.ConvertOptions(
        column_types=asked, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    try:
        table = csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid:  # some cell is not of its column's kind: as texts, the intake says which
        options.column_types = {name: pa.string() for name in asked}
        table = csv.read_csv(path, convert_options=options)
    for column in stream.fields:
        if column.kind in (Kind.ID, Kind.TIME) and column.name in table.column_names:
            place = table.column_names.index(column.name)
            table = table.set_column(place, column.name, _whole_numbers(table.column(place)))
    return table


def _whole_numbers(texts: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Integers where every text is one as it would be printed ("007" is not), else the texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.match_substring_regex(texts, r"^(0|-?[1-9]\d{0,17})$")
    if len(texts) == texts.null_count or not pc.all(plain, skip_nulls=True).as_py():
        return texts
    return texts.cast(pa.int64())


def _jsonl(path: Path, stream: StreamPlan) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json

    times = [f.name for f in stream.fields if f.kind is Kind.TIME]
    table = json.read_json(path)
    for (
        name
    ) in times:  # a guess by the reader: "2024-01-01T00:00:00Z" becomes a timestamp, mixed ones stay text
        if name in table.column_names and pa.types.is_timestamp(table.schema.field(name).type):
            place = table.column_names.index(name)
            moment = table.column(place).cast(pa.timestamp("us", "UTC"))
            table = table.set_column(place, name, moment)
    return table


_READERS: dict[str, Callable[[Path, StreamPlan], Any]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
