"""The service over HTTP: JSON in, JSON out, and every error says what was expected and how to mend it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import msgspec

from heptad.declare.framing import Ranking
from heptad.errors import DataError, HeptadError, MissingExtra
from heptad.serving.answer import STALE, Answer, Prediction
from heptad.serving.door import Access, App, Door
from heptad.serving.lanes import Lanes
from heptad.serving.lines import Lines
from heptad.serving.metrics import CONTENT_TYPE, Metrics, standing_of
from heptad.serving.openapi import PATH, openapi
from heptad.serving.page import page
from heptad.serving.peers import Made, Peer
from heptad.serving.service import Service
from heptad.serving.turns import Turn
from heptad.serving.underway import Asked, Outcome
from heptad.serving.wire import PAGE_HEADERS, body_of, decoded, encoded, handlers, json_of
from heptad.times import SECOND, format_instant

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingExtra.of("the HTTP server", "starlette", "serve") from error

#: The longest body of a request, in bytes.
BODY_LIMIT: Final = 8 << 20
#: The most rows of one post: as many are checked and logged before the next request of the same connection.
ROWS_LIMIT: Final = 10_000
_FEW_ROWS: Final = 64  #: as many are checked without a thread
_WORKERS: Final = 2  #: threads for what is no answer: feature reads, health, metrics, large posts
_HANDED_ON: Final = 0.5  #: the part of the deadline that another process has for an answer
_EVENTS_PATH: Final = "/events/{stream}"


#: A row's values: nothing that a column holds is nested deeper than a list, for several rows a list of lists.
Scalar = bool | int | float | str | None
Row = dict[str, Scalar | list[Scalar]]
Rows = dict[str, Scalar | list[Scalar | list[Scalar]]]


class RankRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /rank: which user, how many items, and what else is known about the moment."""

    user: int | str
    n: int | None = None
    context: Row | None = None


_RANK: Final = msgspec.json.Decoder(RankRequest)
_EVENT: Final = msgspec.json.Decoder(Row)
_FEATURES: Final = msgspec.json.Decoder(Rows)
_EVENTS: Final = msgspec.json.Decoder(Row | list[Row])
Endpoint = Callable[[Request], Awaitable[Response]]


def app(
    service: Service, access: Access | None = None, *, body_limit: int = BODY_LIMIT, peer: Peer | None = None
) -> App:
    """The ASGI application of a service, behind its `Door`. `Service.drain` is left to whoever runs it.

    ``peer``: this process's end where several answer at one address.
    """
    access = access or Access()
    lines, metrics = access.lines or Lines(), Metrics(standing_of(service))
    lanes = Lanes(waited=metrics.waited)
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="heptad-beside")
    routes = _Routes(service, lanes, pool, body_limit, metrics, keyed=access.keys is not None, peer=peer)

    def answered(outcome: Outcome) -> None:
        metrics.answered(outcome)
        if outcome.error is not None:
            lines.error("an answer of the fallback", outcome.error)

    service.watch(answered)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if peer is not None:
            peer.open(routes.for_another)
        yield
        if peer is not None:
            peer.close()
        lanes.close()
        pool.shutdown(wait=False, cancel_futures=True)

    handling = handlers()
    inner = Starlette(
        routes=[
            Route("/", routes.home),
            Route("/health/live", routes.live),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route(PATH, routes.openapi),
            Route(routes.answering, routes.answer, methods=["POST"]),
            Route("/features", routes.features, methods=["POST"]),
            Route(_EVENTS_PATH, routes.no_stream, methods=["POST"]),
        ],
        exception_handlers=handling,
        lifespan=lifespan,
    )
    asking = [route.path for route in inner.routes if isinstance(route, Route) and route.path != _EVENTS_PATH]
    paths = [*asking, *(f"/events/{stream}" for stream in service.streams)]

    often: dict[str, Endpoint] = {routes.answering: routes.answer}
    often |= {f"/events/{stream}": partial(routes.post, stream) for stream in service.streams}

    async def quick(scope: Any, receive: Any, send: Any) -> None:
        """What is asked most goes without routes and their middleware, which take as long as the rest of HTTP."""
        endpoint = often.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if endpoint is None:
            await inner(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except (HeptadError, HTTPException) as error:
            kind = HeptadError if isinstance(error, HeptadError) else HTTPException
            response = await handling[kind](request, error)
        await response(scope, receive, send)

    return Door(quick, access, paths=paths, note=metrics.request, lines=lines)


class _Routes:
    """The endpoints. Work runs on threads, so that a slow read delays no other request's parsing."""

    def __init__(
        self, service: Service, lanes: Lanes, pool: ThreadPoolExecutor, body_limit: int, metrics: Metrics, *,
        keyed: bool, peer: Peer | None,
    ) -> None:  # fmt: skip
        self._service, self._lanes, self._pool, self._limit = service, lanes, pool, body_limit
        self._metrics, self._keyed, self._peer = metrics, keyed, peer
        ranks = isinstance(service.declaration.framing, Ranking)
        #: the path on which this system answers, by what it is
        self.answering = "/rank" if ranks else "/predict"
        self._asked: Callable[[bytes], Asked] = self._ranking if ranks else self._case
        self._deadline = service.deadline / SECOND
        self._document: bytes | None = None

    async def home(self, request: Request) -> Response:
        text = page(self._service, str(request.base_url).rstrip("/"), keyed=self._keyed)
        return HTMLResponse(text, headers=PAGE_HEADERS)

    async def live(self, request: Request) -> Response:
        """The process is there; whether it is well, GET /health says."""
        return json_of({"status": "live"})

    async def metrics(self, request: Request) -> Response:
        return Response(await self._on_thread(self._metrics.text), media_type=CONTENT_TYPE)

    async def health(self, request: Request) -> Response:
        return json_of(await self._on_thread(self._service.health))

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document of this service; it stays as it is while the service runs."""
        if self._document is None:
            self._document = encoded(openapi(self._service, rows=ROWS_LIMIT))
        return Response(self._document, media_type="application/json")

    async def answer(self, request: Request) -> Response:
        """The ranked answer, or the decision about an event; the fallback once the deadline has passed."""
        body, began = await body_of(request, self._limit), time.monotonic()
        asked = self._asked(body)
        if self._peer is not None:
            made = await self._peer.handed_on(body, began + self._deadline * _HANDED_ON)
            if made is not None:
                self._metrics.handed_on()
                request.scope["heptad.request"] = made.request_id
                return Response(made.body, media_type="application/json")
        request.scope["heptad.request"] = asked.request_id
        return json_of(await self._in_time(asked, began + self._deadline))

    async def for_another(self, body: bytes, until: float) -> Made | None:
        """The answer to a request of another process; None where there is none by ``until``, when that one answers."""
        try:
            asked = self._asked(body)
        except DataError:  # the model is another here: it was right there
            return None
        answer = await self._made(asked, Turn(until))
        return None if answer is None else Made(answer.request_id, encoded(answer))

    def _ranking(self, body: bytes) -> Asked:
        asked = decoded(_RANK, body)
        return self._service.ask(asked.user, asked.n, asked.context)

    def _case(self, body: bytes) -> Asked:
        return self._service.ask_about(decoded(_EVENT, body))

    async def _in_time(self, asked: Asked, until: float) -> Answer | Prediction:
        """The answer, or the fallback once the deadline has passed: whichever comes first."""
        turn = Turn()
        making = self._made(asked, turn)
        done, _ = await asyncio.wait([making], timeout=until - time.monotonic())
        late = None if done else self._service.too_slow(asked, turn)
        if late is not None:
            making.cancel()  # it is answered for: a thread that has not begun with it need not
            return late
        answer: Answer | Prediction = await making
        return answer

    def _made(self, asked: Asked, turn: Turn) -> asyncio.Future[Any]:
        """The answer once it is its turn; it counts as under way until then."""
        making = self._lanes.run(self._service.rank_all, (asked, turn))
        if self._peer is not None:
            self._peer.count(making)
        return making

    async def features(self, request: Request) -> Response:
        """Every column for the rows asked, with the knowledge they were read at."""
        given = decoded(_FEATURES, await body_of(request, self._limit))
        found = await self._on_thread(self._service.features, given)
        columns = {name: values.tolist() for name, values in found.values.items()}
        return json_of(
            {
                "t": found.t,
                "time": format_instant(found.t),
                "offsets": dict(found.offsets),
                "flags": STALE if found.degraded else {},
                "columns": columns,
            }
        )

    async def no_stream(self, request: Request) -> Response:
        """A post to a stream that there is does not come here."""
        raise HTTPException(404, f"one of {', '.join(self._service.streams)}")

    async def post(self, stream: str, request: Request) -> Response:
        """Acknowledged when the events are on disk and in the state: the next answer knows them."""
        body = decoded(_EVENTS, await body_of(request, self._limit))
        rows = body if isinstance(body, list) else [body]
        if len(rows) > ROWS_LIMIT:
            raise HTTPException(413, f"at most {ROWS_LIMIT} rows")
        began = time.perf_counter()
        try:
            posting = (
                self._service.post(stream, rows) if len(rows) <= _FEW_ROWS
                else await self._on_thread(self._service.post, stream, rows)
            )  # fmt: skip
        except DataError:
            self._metrics.refused(stream, len(rows))
            raise
        posted = await asyncio.wrap_future(posting)
        self._metrics.posted(stream, posted.verdicts, time.perf_counter() - began)
        verdicts = zip(posted.offsets, posted.verdicts, strict=True)
        return json_of({"events": [{"offset": offset, "verdict": verdict} for offset, verdict in verdicts]})

    def _on_thread(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
