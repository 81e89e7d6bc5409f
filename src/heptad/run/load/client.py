"""HTTP connections that are kept: a pool that posts bodies and says when and how each was answered.

Python's own event loop over ``select``, whose wait has microseconds; ``epoll`` and uvloop wait in whole
milliseconds, which is as long as what is measured. So a pool holds a few hundred connections, no more.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from heptad.errors import DataError, MissingExtra, ReadError

try:
    import httptools
except ImportError as error:
    raise MissingExtra.of("the load generator", "httptools", "serve") from error

T = TypeVar("T")

#: Connections of a pool, at most: ``select`` knows 1,024 files.
MOST: Final = 900
#: What a request without an answer came to.
REFUSED: Final = "connection refused"
CLOSED: Final = "closed without an answer"
TIMEOUT: Final = "no answer in time"
BROKEN: Final = "broken answer"
_SWEEP_SECONDS: Final = 0.05
#: A connection idle for longer is closed, not used: servers close theirs after a few seconds, and a request on its way
#: then is lost without an answer (uvicorn: 5 s).
_IDLE_SECONDS: Final = 2.0


class Ended(Protocol):
    """Told once how a request ended: ``failure`` is '' where there was an answer; ``at`` is the loop's time."""

    def __call__(self, failure: str, status: int, body: bytes, at: float) -> None: ...


class Request:
    """A request on its way: its bytes, the time after which nobody waits for it, and who is told."""

    __slots__ = ("ended", "payload", "until")

    def __init__(self, payload: bytes, until: float, ended: Ended) -> None:
        self.payload, self.until, self.ended = payload, until, ended


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop whose timers are exact to a tenth of a millisecond."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(work)


class Pool:
    """Up to ``size`` connections to one server, opened all at once or as they are needed, kept, and used in turn.

    A request takes a free connection; where all are taken it waits for one, first come, first served. Nothing is
    sent twice: a connection that ends before its answer is a failed request.
    """

    def __init__(
        self, url: str, *, size: int, timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise DataError("URL", "http://HOST:PORT", url, "name the address that heptad serve printed")
        if not 1 <= size <= MOST:
            raise DataError("connections", f"a whole number from 1 to {MOST}", size, "choose another number")
        self.url, self._host, self._port = url, parts.hostname, parts.port or 80
        self._size, self._timeout = size, timeout
        lines = {"host": parts.netloc, "content-type": "application/json", **(headers or {})}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._loop = asyncio.get_running_loop()
        self._idle: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._queue: deque[Request] = deque()
        self.waited = 0  #: requests that found no free connection when all were open
        self._sweeping = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def payload(self, path: str, body: bytes) -> bytes:
        """The bytes of a POST request, made once and sent often."""
        return f"POST {path} HTTP/1.1\r\n{self._head}content-length: {len(body)}\r\n\r\n".encode() + body

    def send(self, payload: bytes, ended: Ended) -> None:
        """Send a request, now or when a connection is free; ``ended`` is called once, in any case."""
        now = self._loop.time()
        request = Request(payload, now + self._timeout, ended)
        while self._idle:
            connection = self._idle.popleft()  # in turn: a server of several processes gets all of them
            if now - connection.idle_since < _IDLE_SECONDS:
                connection.send(request)
                return
            self._open.discard(connection)
            connection.abort(CLOSED)
        self._queue.append(request)
        if len(self._open) + len(self._opening) < self._size:
            self._connect()
        else:
            self.waited += 1

    async def fill(self) -> None:
        """Open all connections. Raises ReadError where the server takes none."""
        while len(self._open) + len(self._opening) < self._size:
            self._connect()
        await asyncio.gather(*self._opening)
        if not self._open:
            raise ReadError(
                f"server at {self.url}",
                "one that takes connections",
                REFUSED,
                "start it, or mend the address",
            )

    async def ask(self, payload: bytes) -> tuple[int, bytes]:
        """Status and body of one answer. Raises ReadError where there is none."""
        answered: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()

        def ended(failure: str, status: int, body: bytes, at: float) -> None:
            if answered.done():
                return
            if failure:
                answered.set_exception(
                    ReadError(f"server at {self.url}", "an answer", failure, "start it, or mend the address")
                )
            else:
                answered.set_result((status, body))

        self.send(payload, ended)
        return await answered

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        self._sweeping.cancel()
        for task in list(self._opening):
            task.cancel()
        for connection in list(self._open):
            connection.abort(CLOSED)
        await asyncio.sleep(0)  # transports close on the loop's next turn

    def _connect(self) -> None:
        task = self._loop.create_task(self._opened())
        self._opening.add(task)

    async def _opened(self) -> None:
        try:
            connecting = self._loop.create_connection(lambda: _Connection(self), self._host, self._port)
            _, connection = await asyncio.wait_for(connecting, self._timeout)
        except (OSError, TimeoutError):
            if self._queue:
                self._queue.popleft().ended(REFUSED, 0, b"", self._loop.time())
        else:
            self._open.add(connection)
            self.free(connection)
        finally:
            self._opening.discard(asyncio.current_task())
            if self._queue and not self._opening and not self._open:
                self._connect()  # what came meanwhile gets an answer of its own

    def free(self, connection: _Connection) -> None:
        """The connection has nothing to do: the next request in the queue is its."""
        if self._queue:
            connection.send(self._queue.popleft())
        else:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)

    def gone(self, connection: _Connection) -> None:
        """The connection has ended."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if len(self._queue) > len(self._opening) and len(self._open) + len(self._opening) < self._size:
            self._connect()

    def _sweep(self) -> None:
        """End what has waited too long: on a connection, or for one."""
        now = self._loop.time()
        for connection in list(self._open):
            if connection.late(now):
                connection.abort(TIMEOUT)
        while self._queue and self._queue[0].until < now:
            self._queue.popleft().ended(TIMEOUT, 0, b"", now)
        self._sweeping = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._loop = pool, asyncio.get_running_loop()
        self._transport: Any = None
        self._request: Request | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._status, self._kept, self._complete = 0, False, False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: Request) -> None:
        """Send; the answer is told to the request."""
        self._request, self._body, self._complete = request, [], False
        self._transport.write(request.payload)

    def late(self, now: float) -> bool:
        """Whether the request at hand has waited too long."""
        return self._request is not None and self._request.until < now

    def abort(self, failure: str) -> None:
        """End the connection, and with it the request at hand."""
        self._fail(failure)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort(BROKEN)
            return
        if self._request is None:  # an answer that nobody asked for
            self._transport.abort()
        elif self._complete:
            request, self._request = self._request, None
            status, body = self._status, b"".join(self._body)
            if self._kept:
                self._pool.free(self)
            else:
                self._transport.close()
            request.ended("", status, body, at)

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser, at the last byte of an answer; the parser knows this no more afterwards."""
        self._status, self._kept = self._parser.get_status_code(), self._parser.should_keep_alive()
        self._complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(CLOSED)
        self._pool.gone(self)

    def _fail(self, failure: str) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.ended(failure, 0, b"", self._loop.time())
