"""A search by pictures over HTTP: the bytes of a picture in, JSON out; rows posted and deleted beside it."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from itertools import zip_longest
from typing import Any, Final

import msgspec

from heptad.errors import DataError, MissingExtra, StateError
from heptad.models.vision.picture import LARGEST_BYTES
from heptad.serving.door import Access, App, Door
from heptad.serving.lines import Lines
from heptad.serving.metrics import CONTENT_TYPE, Gauge, Metrics, model_info, problems
from heptad.serving.openapi import PATH
from heptad.serving.visual import VisualService
from heptad.serving.visual_openapi import openapi_of_search
from heptad.serving.wire import PAGE_HEADERS, body_of, decoded, handlers, json_of
from heptad.serving.writer import Posted
from heptad.times import MILLISECOND, SECOND, format_duration

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
#: The longest body of a post, in bytes: the largest picture in base64, and what is said of it.
POST_LIMIT: Final = 16 << 20
#: The most rows of one post: each is a picture to embed.
ROWS_LIMIT: Final = 100
_ROWS: Final = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]])
_UPLOAD: Final = "curl -s URL/search --data-binary @photo.jpg -H 'Content-Type: image/jpeg'"
_FIXES: Final = {
    413: (
        f"a picture of at most {LARGEST_BYTES:,} bytes; a post of at most {POST_LIMIT:,} and {ROWS_LIMIT} rows",
        "send a smaller picture, or fewer rows at a time",
    ),
    415: ("the bytes of a picture as the body", f"write {_UPLOAD}"),
}


def app(service: VisualService, access: Access | None = None) -> App:
    """The ASGI application of a service, behind its `Door`. `VisualService.drain` is left to whoever runs it."""
    access = access or Access()
    metrics = Metrics(partial(_standing, service))
    looking = ThreadPoolExecutor(_WORKERS, thread_name_prefix="heptad-look")
    writing = ThreadPoolExecutor(1, thread_name_prefix="heptad-rows")
    routes = _Routes(service, looking, writing, metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for pool in (looking, writing):
            pool.shutdown(wait=False, cancel_futures=True)

    rows = f"/events/{service.table.__name__}"
    inner = Starlette(
        routes=[
            Route("/", routes.home),
            Route("/health/live", routes.live),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route(PATH, routes.openapi),
            Route("/search", routes.search, methods=["POST"]),
            Route(rows, routes.post, methods=["POST"]),
            Route(f"{rows}/{{key:path}}", routes.delete, methods=["DELETE"]),
        ],
        exception_handlers=handlers(_FIXES),
        lifespan=lifespan,
    )
    paths = ["/", "/health/live", "/health", "/metrics", PATH, "/search", rows]
    return Door(inner, access, paths=paths, note=metrics.request, lines=access.lines or Lines())


class _Routes:
    """The endpoints. Pictures are decoded and embedded on threads of their own; rows wait for rows, not for searches."""

    def __init__(
        self,
        service: VisualService,
        looking: ThreadPoolExecutor,
        writing: ThreadPoolExecutor,
        metrics: Metrics,
    ) -> None:
        self._service, self._looking, self._writing, self._metrics = service, looking, writing, metrics

    async def home(self, request: Request) -> Response:
        url, table = str(request.base_url).rstrip("/"), self._service.table
        filters = ", ".join(f"<code>{html.escape(name)}=</code>" for name in self._service.filters)
        row = ", ".join(f'"{name}": ...' for name in table.fields)
        text = (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>heptad</title>"
            f"<h1>{html.escape(self._service.name)}: what looks like this picture?</h1>"
            f"<pre>{html.escape(_UPLOAD.replace('URL', url))}</pre>"
            f"<p>A JPEG or PNG. Query parameters: <code>n=</code>, <code>exclude=</code> (a key), {filters}.</p>"
            f"<p>A new row, its picture in base64, is found from its acknowledgement on; a delete takes it away:</p>"
            f"<pre>{html.escape(f'POST {url}/events/{table.__name__} {{{row}}}')}\n"
            f"{html.escape(f'DELETE {url}/events/{table.__name__}/KEY')}</pre>"
            f'<p>Served by heptad. <a href="/health">Health</a>, <a href="/openapi.json">OpenAPI</a>, <a href="/metrics">metrics</a>.</p></html>'
        )
        return HTMLResponse(text, headers=PAGE_HEADERS)

    async def live(self, request: Request) -> Response:
        """The process is there; whether it is well, GET /health says."""
        return json_of({"status": "live"})

    async def health(self, request: Request) -> Response:
        return json_of(self._service.health())

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        return json_of(openapi_of_search(self._service, rows=ROWS_LIMIT))

    async def search(self, request: Request) -> Response:
        """The rows that look like the picture in the body; a 503 where the deadline has passed before."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            raise HTTPException(415)
        body = await body_of(request, LARGEST_BYTES)
        looking = _on(self._looking, self._service.ask, body, dict(request.query_params))
        done, _ = await asyncio.wait([looking], timeout=self._service.deadline / SECOND)
        if not done:
            looking.cancel()  # a thread that has not begun with it need not
            self._metrics.fell_back("search", "too slow")
            raise StateError(
                "POST /search", f"an answer within {format_duration(self._service.deadline)}", "none yet",
                "ask again, and less at a time",
            )  # fmt: skip
        looks = await looking
        self._metrics.took({stage: took * MILLISECOND for stage, took in looks.took_ms.items()})
        return json_of(looks)

    async def post(self, request: Request) -> Response:
        """Acknowledged when the rows are on disk and found: the next search knows them."""
        body = await body_of(request, POST_LIMIT)
        return await self._written(self._post, body)

    async def delete(self, request: Request) -> Response:
        """Acknowledged when it is on disk that the row is gone, and it is found no longer."""
        return await self._written(self._service.delete, request.path_params["key"])

    def _post(self, body: bytes) -> Posted:
        given = decoded(_ROWS, body)
        rows = given if isinstance(given, list) else [given]
        if len(rows) > ROWS_LIMIT:
            raise HTTPException(413)
        try:
            return self._service.post(rows)
        except DataError:
            self._metrics.refused(self._service.table.__name__, len(rows))
            raise

    async def _written(self, write: Callable[[Any], Posted], what: Any) -> Response:
        began = time.perf_counter()
        posted: Posted = await _on(self._writing, write, what)
        self._metrics.posted(self._service.table.__name__, posted.verdicts, time.perf_counter() - began)
        said = zip_longest(posted.offsets, posted.verdicts)  # what was not logged has no offset
        return json_of({"events": [{"offset": offset, "verdict": verdict} for offset, verdict in said]})


def _on(pool: ThreadPoolExecutor, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(pool, function, *arguments)


def _standing(service: VisualService) -> Iterable[Gauge]:
    """What is served, when asked."""
    health = service.health()
    yield Gauge("heptad_items", "Rows that can be found.", health["items"])
    yield problems(len(health["problems"]))
    yield model_info(health["model"], embedding=health["embedding"])
