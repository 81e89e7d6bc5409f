"""The intake of a process that only answers: posts go to the one process that appends, through its gate."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from heptad.errors import StateError
from heptad.serving.gate import Line, raised
from heptad.serving.intake import Standing
from heptad.serving.writer import Posted

#: Seconds to wait for the appending process to say how far it is.
PATIENCE: Final = 1.0


class RemoteIntake:
    """Connects to the gate at ``path`` when it is needed, and anew after the other process was started anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._line: Line | None = None
        self._lock = threading.Lock()
        self._open = True

    def post(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[Posted]:
        if not self._open:
            raise StateError(
                "service", "one that accepts events", "one that is ending", "post again in a moment"
            )
        done: Future[Posted] = Future()
        self._asked("post", stream, rows).add_done_callback(lambda told: _posted(told, done))
        return done

    def warm(self) -> None:
        """The process that appends has done so before this one was started."""

    def doubt(self) -> None:
        with suppress(StateError):  # a process that is gone looks at its store when it begins anew
            self._say((0, "doubt"))

    def standing(self) -> Standing:
        """How far the appending process is; the problem says so where it does not answer."""
        try:
            return msgspec.convert(self._asked("standing").result(PATIENCE), Standing, strict=False)
        except (StateError, Late) as error:
            return Standing(None, None, {}, 0, f"the process that appends does not answer: {error!r}")

    def close(self) -> None:
        """Wait for what was posted, then hang up."""
        self._open = False
        for done in list(self._waiting.values()):
            done.exception()
        if self._line is not None:
            self._line.close()

    def _asked(self, *message: Any) -> Future[Any]:
        number, done = next(self._numbers), Future[Any]()
        self._say((number, *message), done)
        return done

    def _say(self, message: Any, done: Future[Any] | None = None) -> None:
        with self._lock:  # so that an end of the line finds all that wait for it
            if self._line is None:
                self._line = self._connected()
            if done is not None:
                self._waiting[message[0]] = done
            self._line.say(message)

    def _connected(self) -> Line:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise StateError(
                "posted events", "the process that appends", f"{type(error).__name__}: {error}",
                "post again in a moment: it is being started anew",
            ) from error  # fmt: skip
        return Line(connection, self._hear, self._gone)

    def _hear(self, message: Any) -> None:
        number, answer, told = message
        done = self._waiting.pop(number, None)
        if done is None:
            return
        if told is None:
            done.set_result(answer)
        else:
            done.set_exception(raised(told))

    def _gone(self) -> None:
        """Whether a post that was not answered is in the log, nobody here knows."""
        with self._lock:
            self._line = None
            lost, self._waiting = self._waiting, {}
        error = StateError(
            "posted events", "an answer of the process that appends", "its end",
            "post them again under the same ids: those that are in the log count once",
        )  # fmt: skip
        for done in lost.values():
            done.set_exception(error)


def _posted(told: Future[Any], done: Future[Posted]) -> None:
    error = told.exception()
    if error is not None:
        done.set_exception(error)
    else:
        start, stop, verdicts = told.result()
        done.set_result(Posted(range(start, stop), verdicts))
