"""The Parquet file of a training set, a row group per block, whole or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from heptad.offline.build.disk import Disk, Writing

#: The key of the file's metadata that says what it was made by and of.
METADATA = b"heptad"
_GROUP = 250_000  #: rows of a row group at most: readers take one at a time


class Writer:
    """Tables of one schema, one after the other. ``facts`` go into the file's metadata as JSON."""

    def __init__(self, disk: Disk, path: Path, schema: pa.Schema, facts: Mapping[str, Any]) -> None:
        self._file = disk.create(path)
        self._sink = _Sink(self._file)
        metadata = {**(schema.metadata or {}), METADATA: json.dumps(facts).encode()}
        texts: Any = [field.name for field in schema if not pa.types.is_floating(field.type)]
        self.schema = schema.with_metadata(metadata)
        self._writer = parquet.ParquetWriter(
            pa.PythonFile(self._sink, "w"), self.schema, compression="snappy",
            use_dictionary=texts or False, write_statistics=True,
        )  # fmt: skip

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table.cast(self.schema), row_group_size=_GROUP)

    def finish(self) -> int:
        """Write the footer and wait until all of it is on disk; the file's bytes."""
        self._writer.close()
        self._file.sync()
        self._file.close()
        return self._sink.written

    def abandon(self) -> None:
        """Close what is open of an output that nobody will see; of a finished one nothing is."""
        self._sink.abandoned = True  # Arrow writes a footer whatever happens
        self._writer.close()
        self._file.close()


class _Sink(io.RawIOBase):
    """A file as Arrow writes to one."""

    def __init__(self, file: Writing) -> None:
        self._to = file
        self.written = 0
        self.abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if not self.abandoned:
            self._to.write(data)
        self.written += size
        return size

    def tell(self) -> int:
        return self.written


def facts_of(path: Path) -> dict[str, Any]:
    """What a training set's file says of itself: plan hash, heptad's version, rows, events, mode."""
    metadata = parquet.read_metadata(path).metadata or {}
    found: dict[str, Any] = json.loads(metadata.get(METADATA, b"{}"))
    return found
