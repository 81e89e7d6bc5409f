"""The door: keys, rates, requests at once, what is logged and what is counted."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import pytest

from heptad.errors import StateError
from heptad.serving.door import Access, Door
from heptad.serving.http import app
from heptad.serving.keys import Keys
from heptad.serving.lines import Lines
from heptad.serving.turns import Turn
from heptad.testing.asgi import Caller, ask
from heptad.testing.tiny_service import START, sale
from heptad.times import HOUR

KEY = "k" * 20
BEARER = [(b"authorization", b"Bearer " + KEY.encode())]
RANK = b'{"user": 3}'


@pytest.fixture
def caller_of(service_of):
    """Opens a service behind its application with this access."""
    callers = []

    def open_one(access=None, service=None):
        caller = Caller(app(service or service_of(), access))
        callers.append(caller)
        return caller

    yield open_one
    for caller in callers:
        caller.close()


@pytest.mark.parametrize(
    "headers",
    [
        [], [(b"authorization", b"")], [(b"authorization", b"Bearer wrong")], [(b"authorization", KEY.encode())],
        [(b"x-api-key", KEY.encode())], BEARER * 2, [(b"authorization", b"Bearer x"), *BEARER],
    ],
)  # fmt: skip
def test_without_the_key_nothing_is_answered(caller_of, headers):
    caller = caller_of(Access(Keys([KEY])))
    for method, path in [
        ("POST", "/rank"), ("POST", "/features"), ("POST", "/events/Sale"), ("GET", "/health"), ("GET", "/metrics"),
        ("GET", "/openapi.json"), ("GET", "/nothing"), ("GET", "//"), ("GET", "/health/live/"), ("POST", "/rank/"),
    ]:  # fmt: skip
        reply = caller.ask(path, RANK, method=method, headers=headers)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer"), path
        assert "authorization: Bearer" in reply.json()["error"]["fix"]
        assert KEY.encode() not in reply.body


def test_with_the_key_all_is_answered_and_some_is_open_to_all(caller_of):
    caller = caller_of(Access(Keys(["other" * 4, KEY])))
    assert caller.ask("/rank", RANK, headers=BEARER).status == 200
    assert caller.ask("/health", method="GET", headers=BEARER).status == 200
    assert caller.ask("/health/live", method="GET").json() == {"status": "live"}
    page = caller.ask("/", method="GET")
    assert b"authorization: Bearer $HEPTAD_API_KEY" in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_key_asks_as_often_as_it_may_and_another_is_not_touched():
    now = [0.0]

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    access = Access(Keys([KEY, "l" * 20]), per_second=2)
    caller = Caller(Door(inner, access, lines=Lines(), clock=lambda: now[0]))
    other = [(b"authorization", b"Bearer " + b"l" * 20)]
    assert [caller.ask("/rank", headers=BEARER).status for _ in range(3)] == [200, 200, 429]
    reply = caller.ask("/rank", headers=BEARER)
    assert (reply.headers["retry-after"], reply.json()["error"]["expected"]) == ("1", "at most 2 a second")
    assert caller.ask("/rank", headers=other).status == 200
    now[0] = 0.5
    assert [caller.ask("/rank", headers=BEARER).status for _ in range(2)] == [200, 429]
    assert caller.ask("/health/live", method="GET").status == 200
    caller.close()


def test_of_too_many_at_once_some_are_told_to_come_again(service_of):
    """Two are held by a slow read; the third is refused at once, and served when they are done."""
    service, held, entered = service_of(), threading.Event(), threading.Semaphore(0)

    def hold(_outcome):
        entered.release()
        held.wait()

    service.watch(hold)
    door = app(service, Access(at_once=2))

    async def many():
        slow = [asyncio.ensure_future(ask(door, "/rank", RANK)) for _ in range(2)]
        for _ in slow:
            await asyncio.to_thread(entered.acquire)
        refused = await ask(door, "/rank", RANK)
        live = await ask(door, "/health/live", method="GET")
        held.set()
        return (
            [reply.status for reply in await asyncio.gather(*slow)],
            refused,
            live,
            await ask(door, "/rank", RANK),
        )

    answered, refused, live, after = asyncio.run(many())
    assert answered == [200, 200]
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["expected"] == "at most 2 at once"
    assert (live.status, after.status) == (200, 200)


def test_a_post_of_too_many_rows_is_refused_whole(shop):
    before = shop.logged()
    reply = shop.ask("/events/Sale", b"[" + b",".join([b"{}"] * 10_001) + b"]")
    assert (reply.status, reply.json()["error"]["expected"]) == (413, "at most 10000 rows")
    assert shop.logged() == before


def test_a_request_is_a_line_without_payload_and_a_newline_makes_no_second_line(caller_of, tmp_path):
    lines = Lines(tmp_path / "log", requests=True)
    caller = caller_of(Access(Keys([KEY]), lines=lines))
    answer = caller.ask(
        "/rank", b'{"user": 3, "context": {"device": "secret"}}', headers=[*BEARER, (b"user-agent", b"nosy")]
    )
    caller.ask('/a\n{"kind": "request", "path": "/forged"}\u2028', headers=BEARER)
    caller.ask("/" + "x" * 5_000)
    lines.close()
    text = (tmp_path / "log").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["status"] for row in rows] == [200, 404, 401]
    assert rows[0]["id"] == answer.json()["request_id"]
    assert set(rows[0]) == {"time", "kind", "id", "method", "path", "status", "ms"}
    assert rows[1]["path"].startswith("/a\n{")
    assert len(rows[2]["path"]) == 200
    assert not any(word in text for word in ("secret", "nosy", KEY))


def test_an_error_of_our_own_is_one_line_and_tells_the_client_only_its_kind(tmp_path):
    async def inner(scope, receive, send):
        raise ValueError("password\nhunter2")

    lines = Lines(tmp_path / "log")
    caller = Caller(Door(inner, Access(), lines=lines))
    reply = caller.ask("/rank", RANK)
    caller.close()
    lines.close()
    (row,) = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert (row["kind"], row["error"], row["where"]) == ("error", "ValueError", "POST /rank")
    assert "in inner" in row["traceback"]
    assert (reply.status, reply.json()["error"]["got"]) == (500, "ValueError")
    assert b"hunter2" not in reply.body


def test_a_pipe_that_nobody_reads_stops_nothing_and_a_flood_of_errors_is_one_line():
    reading, writing = os.pipe()
    lines = Lines(writing, requests=True)
    for _ in range(5_000):  # 64 KiB is soon full
        lines.request("POST", "/rank", 200, 0.001, "abc")
        lines.error("here", ValueError("again"))
    lines.close()
    os.close(writing)
    with os.fdopen(reading) as file:
        kinds = [json.loads(line)["kind"] for line in file]
    assert "error" in kinds
    assert kinds.count("error") < 10
    assert 100 < kinds.count("request") < 5_000


def test_an_error_behind_a_fallback_is_logged(service_of, tmp_path):
    lines = Lines(tmp_path / "log")
    service = service_of()
    caller = Caller(app(service, Access(lines=lines)))
    asked = service.ask(3, None, None)
    service._pipeline.scorer = None  # no model any more
    outcome = service._pipeline.rank(asked)._replace(error=StateError("model", "one", "none", "train"))
    service._log_it(outcome, Turn())
    caller.close()
    lines.close()
    assert json.loads((tmp_path / "log").read_text())["error"] == "StateError"


def samples(caller):
    text = caller.ask("/metrics", method="GET").body.decode()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_what_is_done_is_counted(caller_of):
    caller = caller_of()
    caller.ask("/rank", RANK)
    caller.ask("/rank", b'{"user": "nobody"}')
    caller.ask("/rank", b"{")
    row = sale(9_001, START + 12 * HOUR, 3, "p00", 5.0)
    caller.ask("/events/Sale", json.dumps([row, row]).encode())
    caller.ask("/events/Sale", json.dumps([row, {"sale": 1}]).encode())
    for path in ("/etc/passwd", "/events/None", "/x\n"):
        caller.ask(path)
    found = samples(caller)
    assert found['heptad_request_seconds_count{path="/rank",status="200"}'] == "2.0"
    assert found['heptad_request_seconds_count{path="/rank",status="422"}'] == "1.0"
    assert found['heptad_request_seconds_count{path="other",status="404"}'] == "3.0"
    assert found['heptad_stage_seconds_count{stage="history"}'] == "2.0"
    assert found['heptad_stage_seconds_count{stage="model"}'] == "1.0"
    assert found['heptad_fallbacks_total{part="fallback",reason="unknown user"}'] == "1.0"
    assert found['heptad_events_total{stream="Sale",verdict="accepted"}'] == "1.0"
    assert found['heptad_events_total{stream="Sale",verdict="duplicate"}'] == "1.0"
    assert found['heptad_events_total{stream="Sale",verdict="refused"}'] == "2.0"
    assert found["heptad_freshness_seconds_count"] == "1.0"
    assert found["heptad_candidates_count"] == "2.0"
    assert found["heptad_records_behind"] == "0.0"
    assert any(name.startswith('heptad_model_info{plan="') and 'version="tiny"' in name for name in found)
