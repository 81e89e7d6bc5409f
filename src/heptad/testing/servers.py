"""Real servers for tests: started on a spare port in a directory of their own, and stopped, hung or killed at will."""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import pytest

PROGRAMS: Final = ("redis-server", "valkey-server")
_PATIENCE: Final = 30.0


def spare_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class RedisServer:
    """A Redis or Valkey server as a context manager; ``settings`` are those of its command line.

    Nothing is kept on disk unless a setting says so. Skips the test where no such server is installed.
    """

    def __init__(self, directory: Path, **settings: str) -> None:
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            pytest.skip(f"neither {' nor '.join(PROGRAMS)} is installed (make setup-integration)")
        self.port = spare_port()
        given = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "dir": str(directory)} | {
            name.replace("_", "-"): value for name, value in settings.items()
        }
        self._command = [program, "--port", str(self.port)]
        for name, value in given.items():
            self._command += [f"--{name}", value]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, name: str = "heptad", *, port: int | None = None, **parameters: str) -> str:
        """The address of a state there; ``port`` is that of a proxy."""
        query = "&".join(f"{key}={value}" for key, value in {"name": name, **parameters}.items())
        return f"redis://127.0.0.1:{port or self.port}/0?{query}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"the server did not start: {' '.join(self._command)}")
            time.sleep(0.005)

    def kill(self) -> None:
        """kill -9; what it held in memory is lost."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_PATIENCE)

    def hang(self) -> None:
        """It takes connections and answers nothing, until `wake`."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


class SlowProxy:
    """Passes bytes between clients and a server on another port, each answer later by ``delay`` seconds."""

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()  # as the server would
                continue
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, late: bool) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(1 << 16):
                if late and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)


_numbers = itertools.count()


@functools.cache
def shared_redis() -> RedisServer:
    """One server for all tests of a process that need no more than a state of their own."""
    directory = tempfile.TemporaryDirectory()
    server = RedisServer(Path(directory.name))
    server.start()
    atexit.register(directory.cleanup)
    atexit.register(server.kill)
    return server


def redis_url(name: object) -> str:
    """The URL of a state of this name at the shared server."""
    return shared_redis().url(quote(str(name), safe=""))


@contextmanager
def redis_state() -> Iterator[str]:
    """The URL of a state that is not there yet, at the shared server; removed afterwards."""
    from heptad.state.open import discard_state

    url = redis_url(f"state-{next(_numbers)}")
    try:
        yield url
    finally:
        discard_state(url)
