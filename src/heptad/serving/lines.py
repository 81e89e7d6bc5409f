"""Structured logs: one JSON line per request, and one per error with its traceback. No payload is written."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from heptad.times import format_instant

STDERR: Final = 2
_PATH: Final = 200  #: characters of a path that are kept
_MESSAGE, _TRACEBACK = 500, 2_500  #: of an error; of its traceback the last
_PAUSE: Final = 1.0  #: seconds between two lines of one kind of error


class Lines:
    """Writes to a file, or to stderr. Each line is one write, so that processes may share a file.

    ``requests`` False writes errors alone.
    """

    def __init__(self, to: Path | int = STDERR, *, requests: bool = False) -> None:
        """``to`` is a file, or the descriptor of one that is open and is left open."""
        self._requests = requests
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = _unwaiting(to) if isinstance(to, int) else os.open(to, flags, 0o640)
        self._own = self._file != to
        self._told: dict[
            str, tuple[float, int]
        ] = {}  #: when an error was last told, and how many were not since
        self._counting = threading.Lock()

    def request(self, method: str, path: str, status: int, seconds: float, request_id: str | None) -> None:
        """One request: what was asked and how it ended, not by whom."""
        if not self._requests:
            return
        self._write(
            {
                "time": _now(),
                "kind": "request",
                "id": request_id,
                "method": method,
                "path": path[:_PATH],
                "status": status,
                "ms": round(seconds * 1e3, 3),
            }
        )

    def error(self, where: str, error: BaseException) -> None:
        """An error of our own, or one behind a fallback; of one kind, the first of each second, and how many before."""
        kind, now = type(error).__name__, time.monotonic()
        with self._counting:
            since, more = self._told.get(kind, (-_PAUSE, 0))
            quiet = now - since < _PAUSE
            self._told[kind] = (since, more + 1) if quiet else (now, 0)
        if quiet:
            return
        said = "".join(traceback.format_exception(error))
        self._write(
            {
                "time": _now(), "kind": "error", "where": where[:_PATH], "error": kind,
                "message": str(error)[:_MESSAGE], "untold": more, "traceback": said[-_TRACEBACK:],
            }
        )  # fmt: skip

    def said(self, record: logging.LogRecord) -> None:
        """What a library logs."""
        if record.exc_info and record.exc_info[1] is not None:
            self.error(record.name, record.exc_info[1])
            return
        self._write(
            {
                "time": _now(),
                "kind": record.levelname.lower(),
                "where": record.name,
                "message": record.getMessage()[:_MESSAGE],
            }
        )

    def close(self) -> None:
        if self._own:
            os.close(self._file)
            self._own = False

    def _write(self, line: dict[str, Any]) -> None:
        with suppress(OSError):  # a log that cannot be written stops no answer
            os.write(
                self._file, (json.dumps(line) + "\n").encode()
            )  # all ASCII: no character of it ends a line


def _unwaiting(descriptor: int) -> int:
    """A pipe opened anew, for writes that fail where it is full: whoever else writes to it waits as before."""
    with suppress(OSError):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return descriptor


class Handler(logging.Handler):
    """Hands what a library logs to `Lines`."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.said(record)


def _now() -> str:
    return format_instant(time.time_ns() // 1_000)
