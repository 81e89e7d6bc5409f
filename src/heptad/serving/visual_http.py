"""A search by pictures over HTTP: the bytes of a picture in, JSON out, and errors that say how to mend them."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec

from heptad.errors import DataError, HeptadError, MissingExtra
from heptad.models.vision.picture import LARGEST_BYTES
from heptad.serving.visual import VisualService

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingExtra.of("the HTTP server", "starlette", "serve") from error

#: A network's own threads share the cores already: more requests at a time would only make each of them slower.
_WORKERS: Final = 2
_ENCODE: Final = msgspec.json.Encoder().encode
_UPLOAD: Final = "curl -s URL/search --data-binary @photo.jpg -H 'Content-Type: image/jpeg'"


def app(service: VisualService) -> Starlette:
    """The ASGI application of a service. `VisualService.drain` is left to whoever runs it."""
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="heptad-look")
    routes = _Routes(service, pool)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.shutdown(wait=False, cancel_futures=True)

    return Starlette(
        routes=[
            Route("/", routes.home),
            Route("/health", routes.health),
            Route("/search", routes.search, methods=["POST"]),
        ],
        exception_handlers={HeptadError: _refused, HTTPException: _astray, Exception: _broken},
        lifespan=lifespan,
    )


class _Routes:
    """The endpoints. Pictures are decoded and embedded on threads of their own."""

    def __init__(self, service: VisualService, pool: ThreadPoolExecutor) -> None:
        self._service, self._pool = service, pool

    async def home(self, request: Request) -> Response:
        url = str(request.base_url).rstrip("/")
        filters = ", ".join(f"<code>{html.escape(name)}=</code>" for name in self._service.filters)
        return HTMLResponse(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>heptad</title>"
            f"<h1>{html.escape(self._service.name)}: what looks like this picture?</h1>"
            f"<pre>{html.escape(_UPLOAD.replace('URL', url))}</pre>"
            f"<p>A JPEG or PNG. Query parameters: <code>n=</code>, <code>exclude=</code> (a key), {filters}. "
            f'Served by heptad. <a href="/health">Health</a>.</p></html>'
        )

    async def health(self, request: Request) -> Response:
        return _json(self._service.health())

    async def search(self, request: Request) -> Response:
        """The rows that look like the picture in the body."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            raise HTTPException(415)
        body = await _body(request)
        asked = dict(request.query_params)
        loop = asyncio.get_running_loop()
        return _json(await loop.run_in_executor(self._pool, self._service.ask, body, asked))


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is known to be too long."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > LARGEST_BYTES:
        raise HTTPException(413)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise HTTPException(413)
    return bytes(body)


def _json(value: object, status: int = 200) -> Response:
    return Response(_ENCODE(value), status, media_type="application/json")


def _described(error: HeptadError, status: int) -> Response:
    said = {"thing": error.thing, "expected": error.expected, "got": error.got, "fix": error.fix}
    return _json({"error": said}, status)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HeptadError):
        raise error
    known = isinstance(error, DataError)
    return _described(error, HTTPStatus.UNPROCESSABLE_ENTITY if known else HTTPStatus.SERVICE_UNAVAILABLE)


_FIXES: Final = {
    404: ("a path of this service", "see GET / for the paths"),
    405: ("the path's method", "see GET / for each path's method"),
    413: (f"a picture of at most {LARGEST_BYTES:,} bytes", "send a smaller picture"),
    415: ("the bytes of a picture as the body", f"write {_UPLOAD}"),
}


async def _astray(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    expected, fix = _FIXES.get(error.status_code, (error.detail, "see GET /"))
    got = HTTPStatus(error.status_code).phrase
    return _described(
        DataError(f"{request.method} {request.url.path}", expected, got, fix), error.status_code
    )


async def _broken(request: Request, error: Exception) -> Response:
    thing, fix = (
        f"{request.method} {request.url.path}",
        "report this: the server's own output has the details",
    )
    return _described(DataError(thing, "no error of our own", type(error).__name__, fix), 500)
