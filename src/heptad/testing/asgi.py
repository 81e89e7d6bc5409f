"""Asks an ASGI application in this process, byte for byte: no client mends or adds anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Header = tuple[bytes, bytes]


class Reply(NamedTuple):
    """What came back; ``headers`` by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls one application on an event loop of its own, which `close` ends."""

    def __init__(self, app: Any) -> None:
        self.app, self._runner = app, asyncio.Runner()

    def close(self) -> None:
        self._runner.close()

    def ask(
        self, path: str, body: bytes | Iterable[bytes] = b"", *, method: str = "POST", headers: Iterable[Header] = ()
    ) -> Reply:  # fmt: skip
        """One request; a body of several parts is sent as a chunked one would be."""
        return self._runner.run(ask(self.app, path, body, method=method, headers=headers))


async def ask(
    app: Any, path: str, body: bytes | Iterable[bytes] = b"", *, method: str = "POST", headers: Iterable[Header] = ()
) -> Reply:  # fmt: skip
    """One request, on the loop that runs."""
    parts = [body] if isinstance(body, bytes) else list(body)
    inbox = [
        {"type": "http.request", "body": part, "more_body": place < len(parts)}
        for place, part in enumerate(parts, 1)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return inbox.pop(0) if inbox else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": list(headers), "scheme": "http",
        "server": ("test", 80), "client": ("test", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    found = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent))
