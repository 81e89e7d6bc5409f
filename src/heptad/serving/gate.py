"""Events from the processes that answer to the one that appends: a Unix socket between them.

Each message is its length (little-endian u32) and msgpack. To the gate: (number, "post", stream, rows),
(number, "standing") or (number, "doubt"); back: (number, answer, None) or (number, None, error), in any order.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import msgspec

from heptad.errors import DataError, HeptadError, StateError
from heptad.serving.intake import Intake
from heptad.serving.writer import Posted

_LENGTH: Final = struct.Struct("<I")
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder().decode
_KINDS: Final[dict[str, type[HeptadError]]] = {kind.__name__: kind for kind in (DataError, StateError)}


class Line:
    """One end of a connection: what the other end has no room for waits for a thread, what comes is handed on by one."""

    def __init__(
        self, connection: socket.socket, hear: Callable[[Any], None], gone: Callable[[], None]
    ) -> None:
        self._connection, self._hear, self._gone = connection, hear, gone
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._saying = threading.Lock()
        self._behind = 0  #: messages queued and not yet sent
        for work in (self._send, self._receive):
            threading.Thread(target=work, name="heptad-line", daemon=True).start()

    def say(self, message: Any) -> None:
        """Send a message, without waiting for the other end; it is lost where that is gone."""
        body = _ENCODE(message)
        data = _LENGTH.pack(len(body)) + body
        with self._saying:
            rest = data if self._behind else data[self._sent(data) :]
            if rest:
                self._behind += 1
                self._queue.put(rest)

    def close(self) -> None:
        """Send what is queued, then hang up."""
        self._queue.put(None)

    def _sent(self, data: bytes) -> int:
        """How many bytes there was room for."""
        try:
            return self._connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # the receiving thread sees it too

    def _send(self) -> None:
        try:
            while (message := self._queue.get()) is not None:
                self._connection.sendall(message)
                with self._saying:
                    self._behind -= 1
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the receiving thread sees it too

    def _receive(self) -> None:
        try:
            with self._connection, self._connection.makefile("rb") as file:
                while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                    self._hear(_DECODE(file.read(_LENGTH.unpack(head)[0])))
        except (OSError, msgspec.DecodeError):
            pass  # nothing more can be understood: `gone` says so to all that wait
        finally:
            self._queue.put(None)
            self._gone()


class Gate:
    """Lets other processes of this machine post to an intake; only its owner may open the socket."""

    def __init__(self, intake: Intake, path: Path) -> None:
        self._intake, self._path = intake, path
        path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(0o600)
        self._listening.listen()
        threading.Thread(target=self._accept, name="heptad-gate", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more; what was posted is still answered."""
        self._path.unlink(missing_ok=True)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return  # closed
            _Answering(self._intake, connection)


class _Answering:
    """The gate's end of one connection."""

    def __init__(self, intake: Intake, connection: socket.socket) -> None:
        self._intake = intake
        self._ready = threading.Event()
        self._line = Line(connection, self._hear, lambda: None)
        self._ready.set()

    def _hear(self, message: Any) -> None:
        self._ready.wait()
        number, what, *rest = message
        try:
            if what == "post":
                self._intake.post(*rest).add_done_callback(lambda done: self._posted(number, done))
            elif what == "standing":
                self._line.say((number, self._intake.standing(), None))
            else:
                self._intake.doubt()
        except Exception as error:  # whoever posted is told, and the others go on
            self._line.say((number, None, _told(error)))

    def _posted(self, number: int, done: Future[Posted]) -> None:
        error = done.exception()
        if error is not None:
            self._line.say((number, None, _told(error)))
        else:
            posted = done.result()
            self._line.say((number, (posted.offsets.start, posted.offsets.stop, posted.verdicts), None))


def _told(error: BaseException) -> tuple[str, str, str, str, str]:
    """An error as a message."""
    if isinstance(error, HeptadError):
        kind = next((name for name, of in _KINDS.items() if isinstance(error, of)), "StateError")
        return kind, error.thing, error.expected, error.got, error.fix
    return (
        "StateError",
        "posted events",
        "a log and a state that take them",
        str(error),
        "look at the server's output",
    )


def raised(told: tuple[str, str, str, str, str]) -> HeptadError:
    """The error that a message tells of."""
    kind, *parts = told
    return _KINDS[kind](*parts)
