"""Every decision, kept: appended to a log of its own without keeping the answer waiting."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self

from heptad.serving.decision import Decision, decode, encode
from heptad.streams.files import FileLayer
from heptad.streams.log import Log

#: Bytes that may wait for the disk before answers wait for it too.
BEHIND: Final = 64 << 20


class PredictionLog:
    """Decisions in the order they were made. An answer does not wait for the disk: a crash may lose the newest
    decisions that were answered and not yet synced, never one in the middle (decision record 14).
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self.failure: BaseException | None = None
        self.logged = 0  #: decisions appended by this process

    @classmethod
    def open(
        cls, directory: str | Path, *, readonly: bool = False, files: FileLayer | None = None
    ) -> PredictionLog:
        """The prediction log in ``directory``; ``readonly`` beside a server that writes it."""
        return cls(Log.open(directory, readonly=readonly, files=files))

    def append(self, decision: Decision, now: int) -> Future[range]:
        """Queue a decision, made at ``now`` (microseconds): the future is done once it is on disk.

        A failed disk makes no answer fail: it is kept in ``failure``, for health to report.
        """
        done: Future[range]
        try:
            done = self._log.submit([encode(decision)], now)
        except Exception as error:
            self.failure = error
            done = Future()
            done.set_exception(error)
            return done
        done.add_done_callback(self._noted)
        if self._log.pending_bytes > BEHIND:
            done.exception()  # waits: a disk that cannot keep up slows answers down, memory does not grow
        return done

    def _noted(self, done: Future[range]) -> None:
        if (error := done.exception()) is not None:
            self.failure = error
        else:
            self.logged += 1

    def read(self, start: int | None = None) -> Iterator[Decision]:
        """The decisions on disk, oldest first, with the bits they were made with."""
        self._log.refresh()
        for record in self._log.read(self._log.first if start is None else start):
            yield decode(record.payload)

    def close(self) -> None:
        """Write what is queued, then let go of the log."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
