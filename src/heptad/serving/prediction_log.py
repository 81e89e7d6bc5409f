"""Every decision, kept: appended to a log of its own without keeping the answer waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple, Self

from heptad.errors import StateError
from heptad.serving.decision import Decision, decode, encode
from heptad.serving.kept import kept
from heptad.serving.mending import Mending
from heptad.streams.files import FileLayer
from heptad.streams.log import Log

#: Bytes that may wait for the disk; what is decided beyond them is answered and not logged.
BEHIND: Final = 64 << 20
#: Seconds for which decisions are gathered, so that many share one write and one sync.
GATHERED: Final = 0.1


class _Waiting(NamedTuple):
    decision: Decision
    now: int
    done: Future[range]

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds."""
        return self.decision.numbers.nbytes + 64 * len(self.decision.items)


class PredictionLog:
    """Decisions in the order they were made. An answer does not wait for the disk: a crash may lose the newest
    decisions that were answered and not yet synced, never one in the middle (decision record 14). Behind a disk that
    hangs the newest are counted in ``dropped`` instead of being kept in memory for ever.
    """

    def __init__(self, log: Log, *, whole: bool = False, age: int | None = None) -> None:
        self._log, self._whole, self._age = log, whole, age
        self.failure: BaseException | None = None
        self._refused: BaseException | None = None  #: why old decisions could not be removed
        self.logged = 0  #: decisions appended by this process
        self.dropped = 0  #: decisions that the disk had no time for
        self._mending = Mending(self._mend, "heptad-mend-predictions")
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._bytes = 0  #: of all that waits or is being written
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        readonly: bool = False,
        whole: bool = False,
        age: int | None = None,
        files: FileLayer | None = None,
    ) -> PredictionLog:
        """The prediction log in ``directory``; ``readonly`` beside a server that writes it.

        ``whole`` keeps every candidate's values, some 80 KB of a ranking instead of its digests (record 44).
        ``age`` is how many microseconds a decision is kept for at least; None for ever. Files go as a whole, once
        everything in one is older.
        """
        return cls(Log.open(directory, readonly=readonly, files=files), whole=whole, age=age)

    def append(self, decision: Decision, now: int) -> Future[range]:
        """Queue a decision, made at ``now`` (microseconds): the future is done once it is on disk.

        A failed disk makes no answer fail: it is kept in ``failure``, for health to report, and the log is opened again
        until that works.
        """
        waiting = _Waiting(decision, now, Future())
        with self._changed:
            if self._closed.is_set() or self._bytes > BEHIND:
                self.dropped += 1
                self.failure = StateError(
                    "prediction log", f"an open log, and a disk that is at most {BEHIND >> 20} MiB behind",
                    f"{self.dropped} decisions not logged", "look at the disk: answers go on without their log",
                )  # fmt: skip
                waiting.done.set_exception(self.failure)
                return waiting.done
            self._bytes += waiting.size
            self._waiting.append(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heptad-predictions", daemon=True)
                self._thread.start()
            self._changed.notify()
        return waiting.done

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
            self._closed.wait(GATHERED)
            with self._changed:
                taken, self._waiting = self._waiting, []
            if not taken:
                return
            self._write(taken)
            with self._changed:
                self._bytes -= sum(waiting.size for waiting in taken)

    def _write(self, taken: Sequence[_Waiting]) -> None:
        try:
            decisions = [w.decision if self._whole else kept(w.decision) for w in taken]
            payloads = [encode(decision) for decision in decisions]
            offsets = self._log.append(payloads, [waiting.now for waiting in taken])
        except Exception as error:
            self.failure = error
            if self._log.failed:
                self._mending.ask()
            for waiting in taken:
                waiting.done.set_exception(error)
            return
        self.logged += len(taken)
        for offset, waiting in zip(offsets, taken, strict=True):
            waiting.done.set_result(range(offset, offset + 1))
        if self._age is not None:
            self._forget(taken[-1].now - self._age)

    def _forget(self, instant: int) -> None:
        """Remove what is older; where the disk refuses, health says so until it works."""
        try:
            self._log.truncate_older(instant)
        except Exception as error:
            self.failure = self._refused = error
        else:
            if self.failure is self._refused:
                self.failure = self._refused = None

    def _mend(self) -> None:
        self._log = self._log.reopened()
        self.failure = None

    def read(self, start: int | None = None) -> Iterator[Decision]:
        """The decisions on disk, oldest first, as far as they were kept, with the bits they were made with."""
        self._log.refresh()
        for record in self._log.read(self._log.first if start is None else start):
            yield decode(record.payload)

    def close(self) -> None:
        """Write what is queued, then let go of the log."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._mending.end()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
