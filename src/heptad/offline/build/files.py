"""Rows that are read piece by piece: Parquet files (one, a directory, a pattern, a list), or a table in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import parquet

from heptad.errors import DataError


class Rows(Protocol):
    """A table of ``count`` rows that need not be in memory; ``thing`` names it in errors."""

    @property
    def thing(self) -> str: ...
    @property
    def schema(self) -> pa.Schema: ...
    @property
    def count(self) -> int: ...

    def pieces(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        """These columns of all rows in their order, at most ``size`` rows at a time."""
        ...

    def sample(self, columns: Sequence[str], size: int) -> pa.Table:
        """These columns of about ``size`` rows, spread over all."""
        ...


def rows_of(thing: str, source: Any, needed: Sequence[str] = ()) -> Rows:
    """The rows of a source: the path of a Parquet file or of a directory that holds some at any depth, a pattern
    (``data/2024-*.parquet``), a list of paths, or a table in memory (Arrow, pandas, Polars, columns by name).

    Files are read in the order of their names. Raises DataError where there is none, where one cannot be read,
    or where two of them differ in the type of a column that is ``needed``; ``thing`` names the source.
    """
    match source:
        case str() | Path():
            return _files(thing, _found(thing, str(source)), needed)
        case [str() | Path(), *_] as listed:
            return _files(thing, tuple(p for one in listed for p in _found(thing, str(one))), needed)
        case dict():
            return TableRows(thing, pa.table(source))
        case _:
            try:
                return TableRows(thing, pa.table(source))
            except TypeError as error:
                raise DataError(
                    thing, "a path, a directory, a pattern, a list of paths, or a table", type(source).__name__,
                    "name Parquet files, or pass an Arrow table",
                ) from error  # fmt: skip


def all_of(rows: Rows, columns: Sequence[str]) -> pa.Table:
    """These columns of all rows, in memory."""
    empty = pa.schema([rows.schema.field(name) for name in columns]).empty_table()
    return pa.concat_tables([empty, *rows.pieces(columns, 1_000_000)])


def is_parquet(source: Any) -> bool:
    """Whether a source is read as Parquet files: a directory, a pattern, a list of paths, or one such file."""
    match source:
        case str() | Path():
            return has_magic(str(source)) or Path(source).is_dir() or Path(source).suffix == ".parquet"
        case [str() | Path(), *_]:
            return True
        case _:
            return False


@dataclass(frozen=True)
class TableRows:
    """A table in memory."""

    thing: str
    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    def pieces(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        held = self.table.select(list(columns))
        for first in range(0, held.num_rows, size):
            yield held.slice(first, size)

    def sample(self, columns: Sequence[str], size: int) -> pa.Table:
        step = max(1, self.count // max(size, 1))
        return self.table.select(list(columns)).take(pa.array(range(0, self.count, step), pa.int64()))


@dataclass(frozen=True)
class FileRows:
    """Parquet files read one after the other."""

    thing: str
    paths: tuple[Path, ...]
    schema: pa.Schema
    count: int

    def pieces(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        for path in self.paths:
            with _reading(self.thing, path), _opened(path) as file:
                for batch in file.iter_batches(size, columns=list(columns)):
                    yield pa.Table.from_batches([batch])

    def sample(self, columns: Sequence[str], size: int) -> pa.Table:
        """The first rows of row groups spread evenly over all files."""
        groups = []
        for path in self.paths:
            groups += [(path, group) for group in range(parquet.read_metadata(path).num_row_groups)]
        chosen = groups[:: max(1, len(groups) // 16)]
        parts, each = [], max(1, size // max(len(chosen), 1))
        for path, group in chosen:
            with _reading(self.thing, path), _opened(path) as file:
                batches = file.iter_batches(each, row_groups=[group], columns=list(columns))
                parts += [pa.Table.from_batches([batch]) for batch in _first(batches)]
        return pa.concat_tables(parts) if parts else self.schema.empty_table().select(list(columns))


def _opened(path: Path) -> Any:
    """A file to read piece by piece: Arrow's prefetch would keep all that was read until the file is closed."""
    return parquet.ParquetFile(path, pre_buffer=False)


def _first(batches: Iterator[Any]) -> list[Any]:
    found = next(batches, None)
    return [] if found is None else [found]


class _reading:
    """Names the file where Arrow cannot read it."""

    def __init__(self, thing: str, path: Path) -> None:
        self._thing, self._path = thing, path

    def __enter__(self) -> None:
        """Nothing to open."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (pa.ArrowInvalid, pa.ArrowNotImplementedError)) or (
            isinstance(error, OSError) and error.errno is None  # Arrow's way to say that a page is damaged
        ):
            raise DataError(
                self._thing, f"a readable Parquet file {self._path}", error, "write it anew"
            ) from error


def _found(thing: str, name: str) -> tuple[Path, ...]:
    """The Parquet files a path or pattern names, sorted; names that begin with _ or . are not data."""
    path = Path(name)
    if has_magic(name) and not path.exists():
        found = tuple(sorted(Path(one) for one in glob(name, recursive=True)))
    elif path.is_dir():
        inside = (one.relative_to(path) for one in path.rglob("*.parquet"))
        found = tuple(path / one for one in sorted(inside) if not any(p[0] in "._" for p in one.parts))
    else:
        found = (path,) if path.is_file() else ()
    if not found:
        raise DataError(thing, "an existing file, or Parquet files in a directory", name, "mend the path")
    wrong = [one for one in found if one.suffix != ".parquet"]
    if wrong:
        raise DataError(thing, "files that end in .parquet", wrong[0], "convert it to Parquet")
    return found


def _files(thing: str, paths: tuple[Path, ...], needed: Sequence[str]) -> FileRows:
    schema: pa.Schema | None = None
    count = 0
    for path in paths:
        with _reading(thing, path):
            metadata = parquet.read_metadata(path)
            own = metadata.schema.to_arrow_schema()
        count += metadata.num_rows
        if schema is None:
            schema = own
            continue
        for name in needed:
            if name not in schema.names:
                continue  # missing from the first: the reader says so
            got = own.field(name).type if name in own.names else "no such column"
            if got != schema.field(name).type:
                raise DataError(
                    f"{thing}, column {name!r} of {path}", f"{schema.field(name).type}, as in {paths[0]}", got,
                    "write the files with one schema",
                )  # fmt: skip
    return FileRows(thing, paths, schema or pa.schema([]), count)
