"""Runs a service until it is told to stop: then requests under way are finished, and all is closed."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from heptad.errors import MissingExtra
from heptad.serving.door import Access
from heptad.serving.lines import Handler, Lines
from heptad.serving.peers import Peer
from heptad.serving.service import Service

#: Seconds that requests under way may take to finish after SIGTERM.
GRACE_SECONDS = 30
#: Objects made between two looks for garbage, and looks at the young between two at the older.
COLLECTED: Final = (20_000, 20, 20)
#: Seconds after which the thread that makes an answer lets the event loop in, which has little to do at a time: with
#: Python's 5 ms a request, a post or another process's answer waited longer for the interpreter's lock than for its work.
SWITCH: Final = 0.0005
#: Connections at once, at most: the next gets a 503.
CONNECTIONS: Final = 1_000
#: Names the directory in which processes share the numbers of GET /metrics; to be set before they count.
SHARED_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"


def serve(
    service: Service,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    listening: socket.socket | None = None,
    access: Access | None = None,
    peer: Peer | None = None,
    ready: Callable[[str], None] = lambda url: print(f"ready {url}", flush=True),
) -> None:
    """Serve until SIGTERM or SIGINT, then drain. ``port`` 0 takes a free one; or on a socket that listens already.
    ``peer``: this process's end where several answer at one address.

    ``ready`` is told the address once requests are answered: by default it prints ``ready http://...``.
    """
    from heptad.serving.http import app

    access = access or Access()
    run(
        service,
        app(service, access, peer=peer),
        host,
        port,
        listening=listening,
        lines=access.lines,
        ready=ready,
    )


class Served(Protocol):
    """What stands behind an application: made fast before the first request, closed after the last."""

    def warm(self) -> None: ...
    def drain(self) -> None: ...


def run(
    service: Served,
    application: Any,
    host: str,
    port: int,
    *,
    listening: socket.socket | None = None,
    lines: Lines | None = None,
    ready: Callable[[str], None],
) -> None:
    """As `serve`, any ASGI application and what stands behind it; what uvicorn warns of goes to ``lines``."""
    try:
        import uvicorn

        from heptad.serving.patience import Patient
    except ImportError as error:
        raise MissingExtra.of("the HTTP server", "uvicorn", "serve") from error

    try:
        service.warm()
        _settle()
        with listening or listen(host, port) as bound:
            url = address(bound)
            config = uvicorn.Config(
                _announced(application, lambda: ready(url)),
                http=Patient, limit_concurrency=CONNECTIONS, server_header=False,
                log_config=None, log_level="warning", access_log=False, ws="none", lifespan="on",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )  # fmt: skip
            with _signals_end_quietly(), _logged(lines or Lines()):
                uvicorn.Server(config).run(sockets=[bound])
    finally:
        service.drain()


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; ``shared``: others may listen at the same address, and the system spreads connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), backlog=2048, family=family, reuse_port=shared)


def address(listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port, *_ = listening.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _announced(application: Any, announce: Callable[[], None]) -> Any:
    """The application, announcing itself once its start-up is done: by then signals are listened to."""

    async def announced(scope: Any, receive: Any, send: Any) -> None:
        async def telling(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                announce()

        await application(scope, receive, telling if scope["type"] == "lifespan" else send)

    return announced


def _settle() -> None:
    """The process is set up for many short requests. What is there when the first comes stays: it need not be looked
    through for garbage again and again.

    A full collection of a warm service stops all threads for 50 to 150 ms.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECTED)


@contextlib.contextmanager
def _logged(lines: Lines) -> Iterator[None]:
    """What uvicorn warns of is a line of the log too."""
    logger, handler = logging.getLogger("uvicorn.error"), Handler(lines)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more when it is done: after a clean end that is no error."""
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.signal(kind, lambda *_: None) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
