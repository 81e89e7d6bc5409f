"""A frame: the records written together, under one CRC. The unit that is whole on disk or not there.

Byte layout, little-endian, format 1::

    at  bytes      what
     0  4          mark 0x4D524648 ("HFRM")
     4  4          CRC-32 (zlib) of everything after it
     8  8          offset of the first record
    16  4          n, the number of records, at least 1
    20  4          bytes of the body that follows
    24  8 n        arrival of each record, int64 microseconds UTC, never decreasing
        4 n        length of each payload, uint32
        the rest   the payloads, end to end
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

MARK: Final = b"HFRM"
HEADER: Final = struct.Struct("<4sIQII")
CHECKED_FROM: Final = 8
#: Bytes a body may have: a reader holds a whole frame in memory.
BODY_LIMIT: Final = 256 << 20
PER_RECORD: Final = 12

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole, checked frame: records ``[first, end)`` in ``size`` bytes of a file, from ``position``."""

    first: int
    count: int
    position: int
    size: int
    _data: bytes
    _at: int

    @property
    def end(self) -> int:
        return self.first + self.count

    def arrivals(self) -> Int64s:
        """Arrival per record, int64 microseconds."""
        return np.frombuffer(self._data, "<i8", self.count, self._at + HEADER.size).astype(
            np.int64, copy=False
        )

    def payloads(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The payloads of the records number ``start`` to ``stop`` of this frame."""
        lengths_at = self._at + HEADER.size + 8 * self.count
        lengths = struct.unpack_from(f"<{self.count}I", self._data, lengths_at)
        ends = list(accumulate(lengths, initial=lengths_at + 4 * self.count))[start:][: _span(start, stop)]
        return [self._data[low:high] for low, high in pairwise(ends)]


def _span(start: int, stop: int | None) -> int | None:
    """How many edges bound the records ``[start, stop)``."""
    return None if stop is None else stop - start + 1


def encode(first: int, arrivals: Int64s, lengths: npt.NDArray[np.uint32], joined: bytes) -> bytes:
    """The bytes of one frame. ``lengths`` are those of the payloads that ``joined`` holds end to end."""
    count = len(arrivals)
    rest = b"".join(
        (
            HEADER.pack(MARK, 0, first, count, PER_RECORD * count + len(joined))[CHECKED_FROM:],
            arrivals.astype("<i8", copy=False).tobytes(),
            lengths.astype("<u4", copy=False).tobytes(),
            joined,
        )
    )
    return MARK + zlib.crc32(rest).to_bytes(4, "little") + rest


def announced_size(data: bytes, at: int) -> int:
    """Bytes the frame at ``at`` says it has; those of a header where there is no whole, plausible one."""
    if len(data) - at < HEADER.size:
        return HEADER.size
    mark, _, _, _, body = HEADER.unpack_from(data, at)
    return HEADER.size + int(body) if mark == MARK and body <= BODY_LIMIT else HEADER.size


def decode(data: bytes, at: int, position: int) -> Frame | None:
    """The frame at ``data[at:]``, which lies at ``position`` of its file; None unless it is whole and right."""
    size = announced_size(data, at)
    if size == HEADER.size or len(data) - at < size:
        return None
    _, crc, first, count, body = HEADER.unpack_from(data, at)
    if zlib.crc32(memoryview(data)[at + CHECKED_FROM : at + size]) != crc:
        return None
    return Frame(first, count, position, size, data, at) if 0 < count <= body // PER_RECORD else None


def find_later(data: bytes, after: int) -> Frame | None:
    """A whole frame anywhere in ``data`` whose first offset is above ``after``; None where there is none.

    A frame is written only once all before it is durable. So such a frame proves that what lies before it
    was acknowledged once, and that the bytes there are damaged, not merely unfinished.
    """
    at = data.find(MARK)
    while at >= 0:
        frame = decode(data, at, at)
        if frame is not None and frame.first > after:
            return frame
        at = data.find(MARK, at + 1)
    return None
