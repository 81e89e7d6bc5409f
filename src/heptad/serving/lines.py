"""Structured logs: one JSON line per request, and one per error with its traceback. No payload is written."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from heptad.times import format_instant

_STDERR: Final = 2
_PATH: Final = 200  #: characters of a path that are kept


class Lines:
    """Writes to a file, or to stderr. Each line is one write, so that processes may share a file.

    ``requests`` False writes errors alone.
    """

    def __init__(self, path: Path | None = None, *, requests: bool = False) -> None:
        self._requests = requests
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = _STDERR if path is None else os.open(path, flags, 0o640)
        self._own = path is not None

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
        """An error of our own, or one behind a fallback."""
        said = "".join(traceback.format_exception(error))
        self._write(
            {
                "time": _now(), "kind": "error", "where": where[:_PATH], "error": type(error).__name__,
                "message": str(error)[:1_000], "traceback": said,
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
                "message": record.getMessage(),
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


class Handler(logging.Handler):
    """Hands what a library logs to `Lines`."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.said(record)


def _now() -> str:
    return format_instant(time.time_ns() // 1_000)
