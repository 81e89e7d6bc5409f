"""A frame: the records written together, under one CRC. The unit that is whole on disk or not there.

Byte layout, little-endian, format 1::

    at  bytes      what
     0  4          mark 0x4D524648 ("HFRM")
     4  4          CRC-32 (zlib) of everything after it
     8  8          offset of the first record
    16  4          n, the number of records, at least 1
    20  4          bytes of the body that follows
    24  8 n        arrival of each record, int64 microseconds UTC, never decreasing
        4 n        length of each payload, uint32; the highest bit is set for records of a block
        the rest   the payloads, end to end

Records of a block (`heptad.streams.block`) lie in it together: the first has the block's length, the others 0.
"""

from __future__ import annotations

import struct
import zlib
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from heptad.streams import block

MARK: Final = b"HFRM"
HEADER: Final = struct.Struct("<4sIQII")
CHECKED_FROM: Final = 8
#: Bytes a body may have: a reader holds a whole frame in memory.
BODY_LIMIT: Final = 256 << 20
PER_RECORD: Final = 12

#: The bit of a length that says: of a block.
IN_BLOCK: Final = 1 << 31

Int64s = npt.NDArray[np.int64]


class Run(NamedTuple):
    """Records ``[first, end)`` of the log that lie together: each alone in ``alone``, or all in a ``block``,
    whose row ``row`` is the first of them.
    """

    first: int
    end: int
    alone: list[bytes]
    block: bytes = b""
    row: int = 0

    def payloads(self) -> list[bytes]:
        """The records' payloads; of a block as if each was logged alone."""
        return (
            block.payloads(self.block, self.row, self.row + self.end - self.first)
            if self.block
            else self.alone
        )


class Frame(NamedTuple):
    """A whole, checked frame: records ``[first, end)`` in ``size`` bytes of a file, from ``position``."""

    first: int
    end: int
    position: int
    size: int
    data: bytes
    at: int

    def arrivals(self, start: int, stop: int) -> bytes:
        """Arrivals of the records ``[start, stop)`` of the log, as little-endian int64."""
        begin = self.at + HEADER.size - 8 * self.first
        return self.data[begin + 8 * start : begin + 8 * stop]

    def payloads(self, start: int, stop: int) -> list[bytes]:
        """The payloads of the records ``[start, stop)`` of the log."""
        return [payload for run in self.runs(start, stop) for payload in run.payloads()]

    def runs(self, start: int, stop: int) -> list[Run]:
        """The records ``[start, stop)`` of the log, which lie in here."""
        count = self.end - self.first
        lengths_at = self.at + HEADER.size + 8 * count
        lengths = np.frombuffer(self.data, "<u4", count, lengths_at)
        begin, end, data_at = start - self.first, stop - self.first, lengths_at + 4 * count
        if count and lengths.max() < IN_BLOCK:
            return [Run(start, stop, self._alone(lengths, data_at, begin, end))]
        sizes = lengths & np.uint32(IN_BLOCK - 1)
        edges = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]) + data_at
        inside = lengths >= IN_BLOCK
        starts = np.flatnonzero(
            np.concatenate([[True], (inside & (sizes > 0))[1:] | (inside[1:] != inside[:-1])])
        )
        runs = []
        for low, high in pairwise([*starts.tolist(), count]):
            a, b = max(low, begin), min(high, end)
            if a >= b:
                continue
            if inside[low]:
                block_bytes = self.data[edges[low] : edges[low + 1]]
                runs.append(Run(self.first + a, self.first + b, [], block_bytes, a - low))
            else:
                alone = self._alone(lengths[low:high], int(edges[low]), a - low, b - low)
                runs.append(Run(self.first + a, self.first + b, alone))
        return runs

    def _alone(self, lengths: npt.NDArray[np.uint32], at: int, start: int, stop: int) -> list[bytes]:
        """Payloads ``[start, stop)`` of those that lie end to end from ``at``."""
        edges = list(accumulate(lengths[:stop].tolist(), initial=at))
        return [self.data[low:high] for low, high in pairwise(edges[start:])]


def encode(first: int, arrivals: Int64s, lengths: npt.NDArray[np.uint32], joined: bytes) -> bytes:
    """The bytes of one frame. ``lengths`` are those of the payloads that ``joined`` holds end to end."""
    count = len(arrivals)
    fields = HEADER.pack(MARK, 0, first, count, PER_RECORD * count + len(joined))[CHECKED_FROM:]
    checked = (
        fields,
        arrivals.astype("<i8", copy=False).tobytes(),
        lengths.astype("<u4", copy=False).tobytes(),
        joined,
    )
    crc = 0
    for part in checked:
        crc = zlib.crc32(part, crc)
    return b"".join((MARK, crc.to_bytes(4, "little"), *checked))


def announced_size(data: bytes, at: int) -> int:
    """Bytes the frame at ``at`` says it has; those of a header where there is no whole, plausible one."""
    if len(data) - at < HEADER.size:
        return HEADER.size
    mark, _, _, _, body = HEADER.unpack_from(data, at)
    return HEADER.size + int(body) if mark == MARK and body <= BODY_LIMIT else HEADER.size


def decode(data: bytes, at: int, position: int) -> Frame | None:
    """The frame at ``data[at:]``, which lies at ``position`` of its file; None unless it is whole and right."""
    if len(data) - at < HEADER.size:
        return None
    mark, crc, first, count, body = HEADER.unpack_from(data, at)
    end = at + HEADER.size + body
    if mark != MARK or end > len(data) or not 0 < count <= body // PER_RECORD:
        return None
    if zlib.crc32(data[at + CHECKED_FROM : end]) != crc:
        return None
    return Frame(first, first + count, position, end - at, data, at)


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
