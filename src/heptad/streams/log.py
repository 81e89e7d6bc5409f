"""The event log: records get an offset and an arrival time, and are acknowledged once they are on disk.

A log is a directory with one directory per partition (``p0``), which holds segments named by their first
offset (`heptad.streams.segment`), and in them frames of records (`heptad.streams.frame`). What it promises:

* An offset that ``append`` or a future of ``submit`` has returned is on disk: the frame is written and
  synced, and so are the names of its segment and of the directories that lead to it.
* Records that are written together are there together or not at all. A batch that was never acknowledged
  may be found after a crash, whole and once; a torn one is cut when the log is opened.
* Bytes that were acknowledged and are damaged later raise StateError; no record is skipped in silence.
  (The one exception: damage in the very last frame cannot be told from a write that was never finished.)
* After a failed write or sync nothing is acknowledged any more until the log is closed and opened again.
* Arrival times never decrease along the offsets.

One appender at a time, enforced by a lock. Readers take no lock. In the appender's process a reader sees
acknowledged records only; in another one (``readonly=True``) it sees whole frames, of which the last may
still await its sync: do not make anything durable that depends on it.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from heptad.errors import StateError
from heptad.streams.commit import Batch, GroupCommit, Part, alone
from heptad.streams.files import FileLayer, Lock, OsFiles, make_directories
from heptad.streams.frame import Frame, Int64s, Run
from heptad.streams.segment import SUFFIX, UNFINISHED, Segment
from heptad.streams.tail import Tail, damaged, whole_end

SEGMENT_BYTES: Final = 64 << 20
NEVER: Final = -(1 << 63)
LOCK_NAME: Final = "lock"


class Record(NamedTuple):
    """One record: its place in the log, when it arrived (int64 microseconds UTC), and its bytes."""

    offset: int
    arrival: int
    payload: bytes


class Columns(NamedTuple):
    """Records side by side: int64 arrays of offsets and arrivals, and a list of payloads, alike in length."""

    offsets: Int64s
    arrivals: Int64s
    payloads: list[bytes]


class Runs(NamedTuple):
    """Records side by side: the offset of the first, int64 arrivals, and the payloads as they lie in the log."""

    first: int
    arrivals: Int64s
    runs: list[Run]

    @property
    def end(self) -> int:
        """The offset after the last."""
        return self.first + len(self.arrivals)


class Log:
    """One partition of an event log. Open it with `Log.open`, close it with ``close`` or a ``with`` block."""

    def __init__(self, path: Path, partition: int, files: FileLayer, segment_bytes: int) -> None:
        """For `Log.open`: a reader of what is at ``path``."""
        self.path, self.partition = path, partition
        self._files, self._segment_bytes = files, segment_bytes
        self._segments: tuple[Segment, ...] = ()  # replaced, never changed, so that readers need no lock
        self._end = 0
        self._tail: Tail | None = None
        self._lock: Lock | None = None
        self._commits = GroupCommit(f"log {path}", self._write)

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        partition: int = 0,
        files: FileLayer | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        readonly: bool = False,
    ) -> Log:
        """The log in ``directory``, which is made where it is missing unless ``readonly``.

        Opening to append cuts a torn frame at the end, and makes all that stays durable. A new segment is
        begun once one has ``segment_bytes``. Raises StateError where another appender has the log open,
        where acknowledged bytes are damaged, or where the disk refuses.
        """
        path = Path(directory) / f"p{partition}"
        log = cls(path, partition, files or OsFiles(), segment_bytes)
        try:
            if readonly:
                log.refresh()
            else:
                log._open_to_append()
        except OSError as error:
            log.close()
            expected = "an existing log" if readonly else "a directory that can be written and synced"
            fix = "check the path, its permissions and the disk, then open the log again"
            raise StateError(f"log {path}", expected, f"{type(error).__name__}: {error}", fix) from error
        except BaseException:
            log.close()
            raise
        return log

    @property
    def first(self) -> int:
        """The oldest offset that is still here."""
        return self._segments[0].first if self._segments else 0

    @property
    def end(self) -> int:
        """The offset the next record gets: readers see ``[first, end)``. See `refresh` for a read-only log."""
        return self._end

    @property
    def offsets(self) -> dict[int, int]:
        """The map partition → end, the form in which a state commits what it covers."""
        return {self.partition: self._end}

    @property
    def pending_bytes(self) -> int:
        """Payload bytes submitted but not yet written: the sign to slow a producer down."""
        return self._commits.pending_bytes

    def append(self, payloads: Sequence[bytes], arrival: int | Sequence[int] | Int64s) -> range:
        """Append records and return their offsets once they are on disk.

        ``arrival`` is int64 microseconds UTC, one for all or one per record; it is raised to the last
        arrival where it lies below. Raises DataError for what is not bytes or not a time, StateError once
        a write has failed or the log is closed.
        """
        return self.append_parts([alone(payloads)], arrival)

    def append_parts(self, parts: Sequence[Part], arrival: int | Sequence[int] | Int64s) -> range:
        """As `append`, for records of which some lie in blocks (`heptad.streams.commit`)."""
        return self._writable().append(Batch.of(parts, arrival))

    def submit(self, payloads: Sequence[bytes], arrival: int | Sequence[int] | Int64s) -> Future[range]:
        """As `append`, but the offsets come in a future, and one sync serves all that wait for it.

        Raises at once where the log has failed already; a later failure is in the future.
        """
        return self.submit_parts([alone(payloads)], arrival)

    def submit_parts(self, parts: Sequence[Part], arrival: int | Sequence[int] | Int64s) -> Future[range]:
        """As `submit`, for records of which some lie in blocks."""
        return self._writable().submit(Batch.of(parts, arrival))

    def read(self, start: int, stop: int | None = None) -> Iterator[Record]:
        """The records ``[start, stop)`` that are there now, oldest first, each checked against its CRC.

        Raises StateError for a start below ``first`` or above ``end``, and for damage where it is met.
        """
        start, stop = self._range(start, stop)
        return self._records(start, stop)

    def read_columns(self, start: int, stop: int | None = None) -> Columns:
        """As `read`, all at once: the caller bounds the memory by ``stop``."""
        start, stop = self._range(start, stop)
        arrivals, payloads = list[bytes](), list[bytes]()
        for frame in self._frames(start, stop):
            low, high = max(start, frame.first), min(stop, frame.end)
            arrivals.append(frame.arrivals(low, high))
            payloads += frame.payloads(low, high)
        times = np.frombuffer(b"".join(arrivals), "<i8").astype(np.int64)
        return Columns(np.arange(start, stop, dtype=np.int64), times, payloads)

    def read_runs(self, start: int, stop: int | None = None, *, most: int | None = None) -> Runs:
        """As `read_columns`, blocks left as they are; no more once ``most`` bytes were read, but one frame at least."""
        start, stop = self._range(start, stop)
        arrivals, runs, size = list[bytes](), list[Run](), 0
        for frame in self._frames(start, stop):
            low, high = max(start, frame.first), min(stop, frame.end)
            arrivals.append(frame.arrivals(low, high))
            runs += frame.runs(low, high)
            size += frame.size
            if most is not None and size >= most:
                break
        return Runs(start, np.frombuffer(b"".join(arrivals), "<i8").astype(np.int64), runs)

    def truncate_before(self, offset: int) -> None:
        """Remove the segments that hold nothing from ``offset`` on; the last segment always stays.

        Only behind a durable snapshot of everything that was derived from them.
        """
        self._range(max(offset, self.first), None)
        self._truncate(lambda second: second.first <= offset)

    def truncate_older(self, arrival: int) -> None:
        """Remove the segments in which every record arrived before ``arrival`` microseconds; the last always stays."""
        if len(self._segments) > 1 and self._segments[1].arrival < arrival:
            self._truncate(lambda second: second.arrival < arrival)

    def _truncate(self, needless: Callable[[Segment], bool]) -> None:
        """Remove the oldest segments while the one after them says that they are needless.

        A file that cannot be removed is no fault of what is appended: it stays, and the OSError is raised.
        """
        refused: OSError | None = None
        with self._writable().exclusive():
            while len(self._segments) > 1 and needless(self._segments[1]):
                oldest, *rest = self._segments
                self._segments = tuple(rest)
                try:
                    self._files.remove(oldest.path)
                except OSError as error:
                    self._segments, refused = (oldest, *rest), error
                    break
                self._files.sync_directory(self.path)  # one at a time: a crash leaves no gap
        if refused is not None:
            raise refused

    def refresh(self) -> int:
        """Look again at what is on disk, for a read-only log; the end it has now."""
        if self._tail is None:
            known = {segment.path: segment for segment in self._segments}
            found = [self.path / name for name in self._files.names(self.path) if name.endswith(SUFFIX)]
            segments: list[Segment] = []
            for path in found:
                with suppress(FileNotFoundError):  # the appender may have removed it since
                    segments.append(known.get(path) or Segment.load(self._files, path, self.partition))
            if segments:
                last = whole_end(self._files, segments[-1])
                self._segments, self._end = tuple(segments), segments[-1].first if last is None else last.end
        return self._end

    @property
    def failed(self) -> bool:
        """Whether a write or sync has failed: nothing more is appended until the log is opened again."""
        return self._commits.failed

    def reopened(self) -> Log:
        """Close this log and open it again to append, once the disk is mended; what was acknowledged is there."""
        self.close()
        return Log.open(
            self.path.parent, partition=self.partition, files=self._files, segment_bytes=self._segment_bytes
        )

    def close(self) -> None:
        """Write what was submitted, then let go of the files and the lock. Closing twice is fine."""
        self._commits.close()
        if self._tail is not None:
            self._tail.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_to_append(self) -> None:
        make_directories(self._files, self.path.parent)
        make_directories(self._files, self.path)
        try:
            self._lock = self._files.lock(self.path / LOCK_NAME)
        except BlockingIOError as error:
            fix = "stop the other one, or open the log with readonly=True"
            raise StateError(f"log {self.path}", "no other appender", error.args[-1], fix) from None
        for name in self._files.names(self.path):
            if name.endswith(UNFINISHED):
                self._files.remove(self.path / name)
        self._files.sync_directory(self.path)  # a name may be visible and not yet durable
        self.refresh()
        if not self._segments:
            self._segments = (Segment.create(self._files, self.path, self.partition, 0, NEVER),)
        self._tail = Tail(self._files, self._segments[-1])
        self._end = self._tail.end

    def _writable(self) -> GroupCommit:
        self._writing_end()
        return self._commits

    def _writing_end(self) -> Tail:
        if self._tail is None:
            raise StateError(
                f"log {self.path}", "a log opened to append", "a read-only one", "open it without readonly"
            )
        return self._tail

    def _write(self, arrivals: Int64s, lengths: npt.NDArray[np.uint32], joined: bytes) -> int:
        """Make records durable; called by the group commit, one call at a time."""
        tail = self._writing_end()
        if tail.position >= self._segment_bytes and tail.end > tail.segment.first:
            segment = Segment.create(self._files, self.path, self.partition, tail.end, tail.arrival)
            self._tail = Tail(self._files, segment)
            tail.close()
            tail = self._tail
            self._segments = (*self._segments, segment)
        first = tail.append(arrivals, lengths, joined)
        self._end = tail.end
        return first

    def _range(self, start: int, stop: int | None) -> tuple[int, int]:
        first, end = self.first, self._end
        if not first <= start <= end:
            fix = "rebuild from a snapshot" if start < first else "check which log this offset came from"
            raise StateError(f"offset {start} of log {self.path}", f"one in [{first}, {end}]", start, fix)
        return start, max(start, end if stop is None else min(stop, end))

    def _records(self, start: int, stop: int) -> Iterator[Record]:
        for frame in self._frames(start, stop):
            low, high = max(start, frame.first), min(stop, frame.end)
            arrivals = struct.unpack(f"<{high - low}q", frame.arrivals(low, high))
            yield from map(Record, range(low, high), arrivals, frame.payloads(low, high))

    def _frames(self, start: int, stop: int) -> Iterator[Frame]:
        """The frames that hold ``[start, stop)``, in order; StateError where one of them is not whole."""
        newest = None if self._tail is None else self._tail.newest
        if newest is not None and newest.first <= start < stop:
            yield newest  # as most reads beside an appender: no file is opened for what is in memory
            start = newest.end
        segments = self._segments
        index = bisect_right(segments, start, key=lambda segment: segment.first) - 1
        while start < stop:
            segment = segments[index]
            boundary = segments[index + 1].first if index + 1 < len(segments) else None
            until = stop if boundary is None else min(stop, boundary)
            _, position = segment.place(start)
            try:
                for frame in segment.frames(self._files, start):
                    segment.remember(frame.first, frame.position)
                    position = frame.position + frame.size
                    if frame.end > start:
                        yield frame
                        start = frame.end
                    if start >= until:
                        break
            except OSError as error:
                expected = f"a file that can be read (the log begins at offset {self.first} now)"
                fix = "read from log.first on, or check the disk"
                raise StateError(f"log segment {segment.path}", expected, error, fix) from error
            if start < until or (boundary is not None and start > boundary):
                raise damaged(segment, start, position)
            index += 1
