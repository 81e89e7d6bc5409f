"""Every decision, kept: appended to a log of its own without keeping the answer waiting."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self

from heptad.errors import StateError
from heptad.serving.decision import Decision, decode, encode
from heptad.serving.mending import Mending
from heptad.streams.files import FileLayer
from heptad.streams.log import Log

#: Bytes that may wait for the disk; what is decided beyond them is answered and not logged.
BEHIND: Final = 64 << 20


class PredictionLog:
    """Decisions in the order they were made. An answer does not wait for the disk: a crash may lose the newest
    decisions that were answered and not yet synced, never one in the middle (decision record 14). Behind a disk that
    hangs the newest are counted in ``dropped`` instead of being kept in memory for ever.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self.failure: BaseException | None = None
        self.logged = 0  #: decisions appended by this process
        self._mending = Mending(self._mend, "heptad-mend-predictions")
        self.dropped = 0  #: decisions that the disk had no time for

    @classmethod
    def open(
        cls, directory: str | Path, *, readonly: bool = False, files: FileLayer | None = None
    ) -> PredictionLog:
        """The prediction log in ``directory``; ``readonly`` beside a server that writes it."""
        return cls(Log.open(directory, readonly=readonly, files=files))

    def append(self, decision: Decision, now: int) -> Future[range]:
        """Queue a decision, made at ``now`` (microseconds): the future is done once it is on disk.

        A failed disk makes no answer fail: it is kept in ``failure``, for health to report, and the log is opened again
        until that works.
        """
        done: Future[range]
        try:
            if self._log.pending_bytes > BEHIND:
                self.dropped += 1
                raise StateError(
                    "prediction log", f"a disk that is at most {BEHIND >> 20} MiB behind",
                    f"{self.dropped} decisions not logged", "look at the disk: answers go on without their log",
                )  # fmt: skip
            done = self._log.submit([encode(decision)], now)
        except Exception as error:
            self._failed(error)
            done = Future()
            done.set_exception(error)
            return done
        done.add_done_callback(self._noted)
        return done

    def _noted(self, done: Future[range]) -> None:
        if (error := done.exception()) is not None:
            self._failed(error)
        else:
            self.logged += 1

    def _failed(self, error: BaseException) -> None:
        self.failure = error
        if self._log.failed:
            self._mending.ask()

    def _mend(self) -> None:
        self._log = self._log.reopened()
        self.failure = None

    def read(self, start: int | None = None) -> Iterator[Decision]:
        """The decisions on disk, oldest first, with the bits they were made with."""
        self._log.refresh()
        for record in self._log.read(self._log.first if start is None else start):
            yield decode(record.payload)

    def close(self) -> None:
        """Write what is queued, then let go of the log."""
        self._mending.end()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
