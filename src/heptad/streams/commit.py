"""Group commit: callers queue batches of records, and one write and one sync make many of them durable."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from heptad.errors import DataError, StateError
from heptad.streams.frame import BODY_LIMIT, IN_BLOCK, PER_RECORD, Int64s

#: Bytes of payload after which a group is closed (one batch may be larger).
GROUP_BYTES: Final = 4 << 20


class Part(NamedTuple):
    """Records that follow each other in a batch, as the frame wants them: see `alone` and `in_block`."""

    lengths: npt.NDArray[np.uint32]
    joined: bytes


def alone(payloads: Sequence[bytes]) -> Part:
    """Records with a payload each. Raises DataError for what is not bytes."""
    try:
        joined, count = b"".join(payloads), len(payloads)
    except TypeError as error:
        raise DataError("payload for the log", "bytes", error, "encode each record to bytes") from None
    if sum(map(len, payloads)) != len(joined):
        raise DataError("payload for the log", "bytes", "a memoryview of wider items", "pass bytes(it)")
    return Part(np.fromiter(map(len, payloads), np.uint32, count), joined)


def in_block(block: bytes, count: int) -> Part:
    """The ``count`` rows of a block (`heptad.streams.block`), each a record."""
    lengths = np.full(count, IN_BLOCK, np.uint32)
    lengths[0] |= np.uint32(len(block) & (IN_BLOCK - 1))
    return Part(lengths, block)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records waiting to be written, in the form the frame wants them."""

    arrivals: Int64s
    lengths: npt.NDArray[np.uint32]
    joined: bytes
    done: Future[range] = field(default_factory=Future)

    @classmethod
    def of(cls, parts: Sequence[Part], arrival: int | Sequence[int] | Int64s) -> Batch:
        """Records one part after the other."""
        lengths = np.concatenate([np.empty(0, np.uint32), *(part.lengths for part in parts)])
        joined = b"".join([part.joined for part in parts])
        body = PER_RECORD * len(lengths) + len(joined)
        if body > BODY_LIMIT:
            raise DataError(
                "batch for the log", f"at most {BODY_LIMIT} bytes", body, "append it in several batches"
            )
        return cls(_arrivals(arrival, len(lengths)), lengths, joined)


def _arrivals(arrival: int | Sequence[int] | Int64s, count: int) -> Int64s:
    given = np.asarray(arrival)
    if given.dtype.kind != "i" or given.shape not in ((), (count,)):
        raise DataError(
            "arrival time of a batch for the log",
            f"int64 microseconds, one for all or one for each of the {count} records",
            f"{given.dtype} of shape {given.shape}",
            "pass clock.now()",
        )
    return given.astype(np.int64, copy=False) if given.shape else np.full(count, given, np.int64)


class GroupCommit:
    """The queue of batches and the one place they are written from, in the order they were queued.

    ``write(arrivals, lengths, joined)`` makes the records durable and returns the first one's offset. If it
    fails, nobody knows what is on disk: the failure stays, and every later batch gets it too.
    """

    def __init__(self, thing: str, write: Callable[[Int64s, npt.NDArray[np.uint32], bytes], int]) -> None:
        self._thing, self._write = thing, write
        self._writing = threading.Lock()
        self._failure: BaseException | None = None
        self._queue: deque[Batch] = deque()
        self._queued = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self.pending_bytes = 0

    @property
    def failed(self) -> bool:
        """Whether a write has failed, so that every later one does."""
        return self._failure is not None

    def append(self, batch: Batch) -> range:
        """Queue a batch and write, in this thread, until it is durable; others' batches go along."""
        with self._queued:
            self._enqueue(batch)
        while not batch.done.done() and self._commit():
            pass
        return batch.done.result()

    def submit(self, batch: Batch) -> Future[range]:
        """Queue a batch for the commit thread, which is started by the first one."""
        with self._queued:
            self._enqueue(batch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heptad-log-commit", daemon=True)
                self._thread.start()
            self._queued.notify()
        return batch.done

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Change the log's files apart from any write; a failure in here is as final as a failed write."""
        with self._writing:
            if self._failure is not None:
                raise self._poisoned(self._failure)
            if self._closed:
                raise self._shut()
            try:
                yield
            except OSError as error:
                self._failure = error
                raise self._poisoned(error) from error
            except BaseException as error:
                self._failure = error
                raise

    def close(self) -> None:
        """Write what is queued, refuse what comes later."""
        with self._queued:
            self._closed = True
            self._queued.notify_all()
        if self._thread is not None:
            self._thread.join()
        while self._commit():
            pass

    def _enqueue(self, batch: Batch) -> None:
        if self._closed:
            raise self._shut()
        if self._failure is not None:
            raise self._poisoned(self._failure)
        self._queue.append(batch)
        self.pending_bytes += len(batch.joined)

    def _run(self) -> None:
        while True:
            with self._queued:
                self._queued.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
            self._commit()

    def _take(self) -> list[Batch]:
        group: list[Batch] = []
        size = 0
        with self._queued:
            while self._queue and (not group or size + len(self._queue[0].joined) <= GROUP_BYTES):
                batch = self._queue.popleft()
                self.pending_bytes -= len(batch.joined)
                if batch.done.set_running_or_notify_cancel():
                    group.append(batch)
                    size += len(batch.joined)
        return group

    def _commit(self) -> bool:
        """Write one group and answer its callers; False where nothing was queued."""
        with self._writing:
            group = self._take()
            if not group:
                return False
            failure, first = self._failure, 0
            if failure is None:
                try:
                    first = self._write(
                        np.concatenate([batch.arrivals for batch in group]),
                        np.concatenate([batch.lengths for batch in group]),
                        b"".join([batch.joined for batch in group]),
                    )
                except BaseException as error:
                    self._failure = failure = error
        for batch in group:
            if failure is None:
                batch.done.set_result(range(first, first := first + len(batch.lengths)))
            else:
                batch.done.set_exception(self._poisoned(failure))
        if failure is not None and not isinstance(failure, Exception):
            raise failure  # the user's interrupt goes on its way
        return True

    def _shut(self) -> StateError:
        return StateError(self._thing, "an open log", "a closed one", "open it again")

    def _poisoned(self, failure: BaseException) -> StateError:
        error = StateError(
            self._thing,
            "every write and sync to succeed",
            f"{type(failure).__name__}: {failure}",
            "mend the disk (free space, permissions), then close and open the log: what was acknowledged is there",
        )
        error.__cause__ = failure
        return error
