"""How long a client may take to send a request, and how long its head may be: uvicorn sets no bound to either."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any, Final

from heptad.errors import MissingExtra

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError as error:
    raise MissingExtra.of("the HTTP server", "httptools", "serve") from error

#: Seconds from a connection, or from a request's first byte, to its last.
SECONDS: Final = 20.0
#: Bytes of a request's line and headers beyond the first read, which is at most some 256 KB.
HEAD: Final = 65_536


class Patient(HttpToolsProtocol):
    """Hangs up on a client that sends too slowly, and refuses a head that does not end."""

    seconds: float = SECONDS
    _timer: TimerHandle | None = None
    _head: int | None = None  #: bytes since the read in which a head began that has not ended

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        if self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._done()
        super().on_message_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self.transport.abort)

    def _done(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
