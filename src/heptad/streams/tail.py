"""The tail: the last segment open for writing; what recovery does to it, and how a frame becomes durable."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from heptad.errors import StateError
from heptad.streams.files import FileLayer
from heptad.streams.frame import Frame, Int64s, encode, find_later
from heptad.streams.segment import HEADER_BYTES, Segment, scan

#: The largest frame that is kept in memory for those who read what was just appended.
NEWEST_BYTES: Final = 1 << 20


class Tail:
    """The writing end of a log: offsets below ``end`` are durable, and the next frame goes to ``position``."""

    def __init__(self, files: FileLayer, segment: Segment) -> None:
        """Cut what is unfinished and make the rest durable; StateError where acknowledged bytes are damaged."""
        last = whole_end(files, segment)
        self.segment = segment
        self.end, self.position, self.arrival = segment.first, HEADER_BYTES, segment.arrival
        self.newest: Frame | None = None  #: what was appended last, from memory, where it is small
        self._file = files.open(segment.path)
        try:
            if last is not None:
                # Written again, because after a failed sync the cache may show bytes the disk never got, and
                # no later sync would write them. Frames before the last were durable before it was written.
                self._file.write(last.position, files.read(segment.path, last.position, last.size))
                self.end, self.position = last.end, last.position + last.size
                self.arrival = int.from_bytes(last.arrivals(last.end - 1, last.end), "little", signed=True)
            self._file.truncate(self.position)
            self._file.sync()
        except BaseException:
            self._file.close()
            raise

    def append(self, arrivals: Int64s, lengths: npt.NDArray[np.uint32], joined: bytes) -> int:
        """Write records as one frame; the first one's offset, once they are durable."""
        if len(arrivals) == 0:
            return self.end
        arrivals = np.maximum.accumulate(np.maximum(arrivals, self.arrival))
        data = encode(self.end, arrivals, lengths, joined)
        self._file.write(self.position, data)
        self._file.sync()
        first, self.end = self.end, self.end + len(arrivals)
        self.segment.remember(first, self.position)
        whole = Frame(first, self.end, self.position, len(data), data, 0)
        self.newest = whole if len(data) <= NEWEST_BYTES else None
        self.position += len(data)
        self.arrival = int(arrivals[-1])
        return first

    def close(self) -> None:
        self._file.close()


def whole_end(files: FileLayer, segment: Segment) -> Frame | None:
    """The last whole frame of a segment; StateError where a frame behind the whole ones shows damage.

    Reads from the last remembered place. A writer may be at work in another process: what seems damaged is
    looked at a second time, since a frame can be completed while a later one is being read.
    """
    last: Frame | None = None
    offset, position = segment.place(1 << 62)
    for _ in range(2):
        for frame in scan(files, segment.path, offset, position):
            segment.remember(frame.first, frame.position)
            last, offset, position = frame, frame.end, frame.position + frame.size
        later = find_later(files.read(segment.path, position, 1 << 40), offset)
        if later is None:
            return last
    raise damaged(segment, offset, position)


def damaged(segment: Segment, offset: int, position: int) -> StateError:
    return StateError(
        f"log segment {segment.path}",
        f"a whole record at offset {offset} (byte {position})",
        "damaged bytes that were acknowledged once",
        "restore the file from a copy; heptad does not skip records",
    )
