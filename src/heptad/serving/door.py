"""Who may come in, how often and how many at once; and what is noted of each request: plain ASGI, once per request.

What is refused here was not read: no body, no route. The paths in `OPEN` need no key, so that a page can be looked at
and a process can be watched.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from heptad.errors import DataError, HeptadError, StateError
from heptad.serving.keys import Keys
from heptad.serving.lines import Lines
from heptad.serving.rate import Rate

#: Paths that need no key and are always answered.
OPEN: Final = frozenset({"/", "/health/live"})
#: Requests under way at once, at most: one more is told to come again, so that no queue outlives the deadline.
AT_ONCE: Final = 128
_JSON: Final = [(b"content-type", b"application/json")]
_ENCODE: Final = msgspec.json.Encoder().encode

App = Callable[[Any, Any, Any], Awaitable[None]]
#: Told of a request: its path (one of few), its status, and its seconds.
Note = Callable[[str, int, float], None]


@dataclass(frozen=True)
class Access:
    """``keys`` None lets everybody in; ``per_second`` requests for each key, or for all where there are no keys.

    ``lines`` None writes errors to stderr.
    """

    keys: Keys | None = None
    per_second: float | None = None
    at_once: int = AT_ONCE
    lines: Lines | None = None


def described(error: HeptadError) -> dict[str, Any]:
    """An error as it is sent."""
    return {"thing": error.thing, "expected": error.expected, "got": error.got, "fix": error.fix}


class Full(StateError):
    """More requests than are answered at once."""


class Door:
    """In front of an application."""

    def __init__(
        self, app: App, access: Access, *, lines: Lines, paths: Collection[str] = (), note: Note | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        """``paths`` are those that exist, for `note`; ``clock`` gives steady seconds."""
        self._app, self._access, self._clock = app, access, clock
        self._rate = None if access.per_second is None else Rate(access.per_second)
        self._paths, self._note, self._lines = frozenset(paths), note, lines
        self._inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, path = self._clock(), 0, scope["path"]

        async def telling(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refusal = None if path in OPEN else self._refusal(scope, began)
            if refusal is not None:
                await _refuse(telling, *refusal)
            else:
                await self._answer(scope, receive, telling)
        except Exception as error:  # it is told of here, and the application has answered 500
            self._lines.error(f"{scope['method']} {path}", error)
            if status == 0:
                await _refuse(telling, 500, broken(scope, error), [])
        took = self._clock() - began
        if self._note is not None:
            self._note(path if path in self._paths else "other", status, took)
        self._lines.request(scope["method"], path, status, took, scope.get("heptad.request"))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """A request counts from the end of its body on: one that sends slowly keeps nobody out."""
        counted = False

        async def hearing() -> Any:
            nonlocal counted
            message = await receive()
            if not counted and not message.get("more_body"):
                if self._inside >= self._access.at_once:
                    raise Full(
                        "requests",
                        f"at most {self._access.at_once} at once",
                        "one more",
                        "ask again in a second",
                    )
                self._inside += 1
                counted = True
            return message

        try:
            await self._app(scope, hearing, send)
        finally:
            self._inside -= counted

    def _refusal(self, scope: Any, now: float) -> tuple[int, HeptadError, list[tuple[bytes, bytes]]] | None:
        """Why a request is not let in."""
        key: int | None = None
        if self._access.keys is not None:
            sent = [value for name, value in scope["headers"] if name == b"authorization"]
            key = self._access.keys.place(sent[0] if len(sent) == 1 else None)
            if key is None:
                wrong = DataError(
                    f"{scope['method']} {scope['path']}", "a key of this service",
                    "a wrong one" if sent else "none", "send the header authorization: Bearer KEY",
                )  # fmt: skip
                return 401, wrong, [(b"www-authenticate", b"Bearer")]
        if self._rate is not None and (wait := self._rate.wait(key, now)) > 0:
            often = StateError(
                "requests",
                f"at most {self._access.per_second:g} a second",
                "more",
                "ask again later, and less often",
            )
            return 429, often, [(b"retry-after", b"%d" % math.ceil(wait))]
        return None


def broken(scope: Any, error: Exception) -> HeptadError:
    """What a client is told of an error of our own: its kind, and nothing of what it holds."""
    return DataError(
        f"{scope['method']} {scope['path']}", "no error of our own", type(error).__name__,
        "report this: the server's own log has the details",
    )  # fmt: skip


async def _refuse(send: Any, status: int, error: HeptadError, headers: list[tuple[bytes, bytes]]) -> None:
    """An answer without a look at the request's body."""
    body = _ENCODE({"error": described(error)})
    start = [*_JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
