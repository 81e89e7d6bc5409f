"""What every HTTP service of ours does alike: bodies read up to a limit, JSON in and out, errors that say how to mend them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from heptad.errors import DataError, HeptadError, MissingExtra, ReadError, StateError
from heptad.serving.door import broken, described
from heptad.serving.service import Refused

try:
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
except ImportError as error:
    raise MissingExtra.of("the HTTP server", "starlette", "serve") from error

#: The page of a service runs no script and loads nothing.
PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
_ENCODE: Final = msgspec.json.Encoder().encode
_STATUS: Final[Mapping[type[HeptadError], HTTPStatus]] = {
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    DataError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReadError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StateError: HTTPStatus.SERVICE_UNAVAILABLE,
    MissingExtra: HTTPStatus.SERVICE_UNAVAILABLE,
}
_FIXES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("a path of this service", "see GET / for the paths"),
    405: ("the path's method", "see GET / for each path's method"),
}

Handler = Callable[[Request, Exception], Awaitable[Response]]


async def body_of(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to have more than ``limit`` bytes."""
    body = bytearray()
    stated = request.headers.get("content-length", "")
    too_long = HTTPException(413, f"at most {limit} bytes")
    if stated.isdigit() and int(stated) > limit:
        raise too_long
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_long
    return bytes(body)


def decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """The JSON of a body. DataError says where it is wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said, _, place = str(error).partition(" - at ")
        raise DataError(
            f"body {place.strip('`')}".strip(), "JSON as GET / shows it", said, "mend the request's body"
        ) from error


def encoded(value: object) -> bytes:
    return _ENCODE(value)


def json_of(value: object, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(_ENCODE(value), status, media_type="application/json")


def handlers(fixes: Mapping[int, tuple[str, str]] | None = None) -> Mapping[Any, Handler]:
    """How a Starlette application answers each kind of error; ``fixes``: what is expected, and the fix, by status."""
    known = {**_FIXES, **(fixes or {})}

    async def astray(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        expected, fix = known.get(error.status_code, (error.detail, "send less at a time"))
        if error.status_code == 404 and error.detail != HTTPStatus.NOT_FOUND.phrase:
            expected, fix = error.detail, "name one of these in the path"
        thing = f"{request.method} {request.url.path}"
        wrong = DataError(thing, expected, HTTPStatus(error.status_code).phrase, fix)
        response = json_of({"error": described(wrong)}, error.status_code)
        response.headers.update(error.headers or {})
        return response

    return {HeptadError: _refused, HTTPException: astray, Exception: _broken}


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HeptadError):
        raise error
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    body: dict[str, Any] = {"error": described(error)}
    if isinstance(error, Refused):
        body["events"] = [{"place": place, **described(one)} for place, one in error.rows.items()]
    response = json_of(body, status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = "1"
    return response


async def _broken(request: Request, error: Exception) -> Response:
    return json_of({"error": described(broken(request.scope, error))}, 500)
