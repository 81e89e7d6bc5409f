"""A real HTTP server on loopback that hands out files well or badly, as told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer:
    """Serves `files` by path; `promise` states another length than is sent, `hold` stops half-way."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.promise: dict[str, int] = {}
        self.hold: set[str] = set()
        self.asked: list[str] = []
        self.release = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self.server.server_port}/mirror"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def put(self, path: str, content: bytes) -> None:
        """Serve ``content`` at ``<base>/<path>``."""
        self.files[f"/mirror/{path}"] = content

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(outer.promise.get(self.path, len(content))))
                self.end_headers()
                half = len(content) // 2
                try:
                    self.wfile.write(content[:half])
                    self.wfile.flush()
                    if self.path in outer.hold:
                        outer.release.wait()
                    self.wfile.write(content[half:])
                except OSError:  # the client went away: that is what some tests do
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        return Handler

    def close(self) -> None:
        """Let go of held answers and of the port."""
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[FileServer]:
    running = FileServer()
    yield running
    running.close()
