"""A segment: one file of the log, a header and then frames; its name is the offset of its first record.

Byte layout of the header, little-endian, format 1::

    at  bytes      what
     0  8          magic "HEPTLOG" and a zero byte
     8  4          format version, 1
    12  4          partition
    16  8          offset of the first record
    24  8          the arrival no record here may be below, int64 microseconds
    32  4          zero
    36  4          CRC-32 (zlib) of the 36 bytes before
    40             frames (`heptad.streams.frame`) to the end of the file

A segment gets its name only when its header is on disk, so a file with a segment's name and a wrong header
is damaged, never unfinished.
"""

from __future__ import annotations

import struct
import threading
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from heptad.errors import StateError
from heptad.streams.files import FileLayer
from heptad.streams.frame import Frame, announced_size, decode

MAGIC: Final = b"HEPTLOG\0"
VERSION: Final = 1
HEADER: Final = struct.Struct("<8sIIQqI")
HEADER_BYTES: Final = HEADER.size + 4
SUFFIX: Final = ".log"
UNFINISHED: Final = ".new"
#: Bytes read at a time, and bytes between two remembered places of a segment.
CHUNK: Final = 1 << 20
STRIDE: Final = 64 << 10


def segment_name(first: int) -> str:
    """The file name, so that names sort as offsets do.

    >>> segment_name(1200)
    '00000000000000001200.log'
    """
    return f"{first:020d}{SUFFIX}"


def encode_header(partition: int, first: int, arrival: int) -> bytes:
    fields = HEADER.pack(MAGIC, VERSION, partition, first, arrival, 0)
    return fields + zlib.crc32(fields).to_bytes(4, "little")


class Segment:
    """One segment's file for reading, with a few remembered places (offset, position) to start from."""

    def __init__(self, path: Path, first: int, arrival: int) -> None:
        self.path, self.first, self.arrival = path, first, arrival
        self._places = [(first, HEADER_BYTES)]
        self._remembering = threading.Lock()

    @classmethod
    def create(cls, files: FileLayer, directory: Path, partition: int, first: int, arrival: int) -> Segment:
        """A new, empty segment; its header and its name are durable on return."""
        path = directory / segment_name(first)
        unfinished = path.with_suffix(UNFINISHED)
        file = files.create(unfinished)
        try:
            file.write(0, encode_header(partition, first, arrival))
            file.sync()
        finally:
            file.close()
        files.rename(unfinished, path)
        files.sync_directory(directory)
        return cls(path, first, arrival)

    @classmethod
    def load(cls, files: FileLayer, path: Path, partition: int) -> Segment:
        """A segment on disk, its header checked."""
        data = files.read(path, 0, HEADER_BYTES)
        if len(data) == HEADER_BYTES and data[:8] == MAGIC and data[8:12] != struct.pack("<I", VERSION):
            version = int.from_bytes(data[8:12], "little")
            raise StateError(
                f"log segment {path}",
                f"format {VERSION}",
                f"format {version}",
                "read it with the heptad that wrote it",
            )
        fields = HEADER.unpack(data[: HEADER.size]) if len(data) == HEADER_BYTES else None
        if fields is None or data != encode_header(partition, int(path.stem), fields[4]):
            raise StateError(
                f"log segment {path}",
                f"the header of partition {partition}, first offset {int(path.stem)}",
                f"{data.hex() or 'an empty file'}",
                "restore the file from a copy",
            )
        return cls(path, fields[3], fields[4])

    def remember(self, first: int, position: int) -> None:
        """Note where a frame begins, if the last remembered place is far enough behind."""
        if position >= self._places[-1][1] + STRIDE:
            with self._remembering:
                if position >= self._places[-1][1] + STRIDE:  # a concurrent reader may have been faster
                    self._places.append((first, position))

    def frames(self, files: FileLayer, offset: int) -> Iterator[Frame]:
        """The whole frames from the one that holds ``offset``, or an earlier one, up to the first that is not."""
        return scan(files, self.path, *self.place(offset))

    def place(self, offset: int) -> tuple[int, int]:
        """The last remembered (offset, position) at or before ``offset``."""
        return self._places[max(0, bisect_right(self._places, (offset, 1 << 63)) - 1)]


def scan(files: FileLayer, path: Path, offset: int, position: int) -> Iterator[Frame]:
    """The whole frames of a file from ``position``, where the one that begins with ``offset`` must lie."""
    data, base, at = b"", position, 0
    while True:
        size = announced_size(data, at)
        if len(data) - at < size:
            base, at = base + at, 0
            data = files.read(path, base, max(CHUNK, size))
            if len(data) < size:
                return
            continue
        frame = decode(data, at, base + at)
        if frame is None or frame.first != offset:
            return
        yield frame
        offset, at = frame.end, at + size
