"""The HTTP surface: what comes in is checked and named, what goes out is JSON, also when it is an error."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from heptad.serving.http import app
from heptad.serving.intake import LocalIntake
from heptad.serving.service import Service
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock, WallClock
from heptad.streams.log import Log
from heptad.testing.tiny_service import START, PredictionLog, post_past, sale, tiny
from heptad.times import HOUR

NOON = START + 12 * HOUR


def call(service, method, path, body_limit=100_000, **options):
    """One request to the application, in this process."""

    async def exchange():
        transport = httpx.ASGITransport(app(service, body_limit=body_limit))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(exchange())


def test_rank_gives_items_and_the_knowledge_behind_them(service_of):
    service = service_of()
    response = call(service, "POST", "/rank", json={"user": 3, "n": 2, "context": {"device": "web"}})
    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert len(body["items"]) == len(body["scores"]) == len(body["p"]) == 2
    assert body["flags"] == {}
    assert body["offsets"] == {str(k): v for k, v in service.health().offsets.items()}


def test_an_unknown_user_is_answered_and_flagged(service_of):
    body = call(service_of(), "POST", "/rank", json={"user": "nobody"}).json()
    assert body["flags"] == {"fallback": "unknown user"}
    assert body["p"] == [None] * 4


def test_features_are_those_of_the_reader(service_of):
    service = service_of()
    body = call(service, "POST", "/features", json={"user": 3, "product": ["p00", "p01"]}).json()
    read = service.features({"user": 3, "product": ["p00", "p01"]})
    assert body["columns"]["product_sales_all"] == read.values["product_sales_all"].tolist()
    assert body["columns"]["tags"] == [["cup"], ["cup", "red"]]
    assert body["columns"]["ease"] == [None, None]
    assert body["t"] == read.t
    later = {"user": 3, "product": "p00", "at": "2026-01-03T12:30:00Z"}
    body = call(service, "POST", "/features", json=later).json()
    assert (body["time"], body["columns"]["hour"]) == ("2026-01-03T12:30:00Z", [12.0])


def test_events_come_back_with_their_offsets_and_verdicts(service_of):
    service = service_of()
    row = sale(9_001, NOON, 3, "p00", 5.0)
    first = call(service, "POST", "/events/Sale", json=row).json()
    both = call(service, "POST", "/events/Sale", json=[row, row | {"sale": 9_002}]).json()
    start = service.health().offsets[0] - 3
    assert first == {"events": [{"offset": start, "verdict": "accepted"}]}
    assert both["events"] == [
        {"offset": start + 1, "verdict": "duplicate"},
        {"offset": start + 2, "verdict": "accepted"},
    ]


def test_bad_events_are_named_one_by_one_and_nothing_is_logged(service_of):
    service = service_of()
    before = service.health().offsets
    rows = [sale(9_001, NOON, 3, "p00", 5.0), {"sale": 9_002, "colour": "red"}, {"sale": 1.5}]
    response = call(service, "POST", "/events/Sale", json=rows)
    assert response.status_code == 422
    assert [event["place"] for event in response.json()["events"]] == [1, 2]
    assert response.json()["events"][0]["thing"] == "Sale.colour"
    assert all(event["fix"] for event in response.json()["events"])
    assert service.health().offsets == before


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "expected"),
    [
        ("POST", "/rank", {"content": b"{"}, 422, "JSON as GET / shows it"),
        ("POST", "/rank", {"json": {}}, 422, "JSON as GET / shows it"),
        ("POST", "/rank", {"json": {"user": 1, "colour": 2}}, 422, "JSON as GET / shows it"),
        ("POST", "/rank", {"json": {"user": 1.5}}, 422, "JSON as GET / shows it"),
        ("POST", "/rank", {"json": {"user": 1, "n": 99}}, 422, "a whole number from 1 to 12"),
        ("POST", "/rank", {"json": {"user": 1, "context": {"x": 1}}}, 422, "one of amount, device"),
        ("POST", "/features", {"json": {"colour": 1}}, 422, "one of "),
        ("POST", "/features", {"json": {"user": 1, "at": 0}}, 422, "a time after the frontier"),
        ("POST", "/features", {"json": {"user": 1, "at": "noon"}}, 422, "a value of kind time"),
        ("POST", "/events/Sale", {"json": 7}, 422, "JSON as GET / shows it"),
        ("POST", "/events/Sale", {"json": []}, 422, "at least one"),
        ("POST", "/events/Trip", {"json": {}}, 404, "one of Sale, Product"),
        ("GET", "/ranking", {}, 404, "a path of this service"),
        ("GET", "/rank", {}, 405, "the path's method"),
        ("POST", "/rank", {"content": b" " * 1_001}, 413, "at most 1000 bytes"),
    ],
)
def test_every_error_is_json_with_a_fix(service_of, method, path, options, status, expected):
    response = call(service_of(), method, path, body_limit=1_000, **options)
    error = response.json()["error"]
    assert response.status_code == status
    assert expected in error["expected"]
    assert all(error[part] for part in ("thing", "got", "fix"))


def test_a_long_body_is_refused_also_where_its_length_is_not_stated(service_of):
    async def chunks():
        for _ in range(20):
            yield b" " * 100

    response = call(service_of(), "POST", "/rank", body_limit=1_000, content=chunks())
    assert response.status_code == 413


def test_a_service_that_is_ending_says_so(service_of):
    service = service_of()
    service.drain()
    response = call(service, "POST", "/events/Sale", json=sale(9_001, NOON, 3, "p00", 5.0))
    assert response.status_code == 503
    assert response.json()["error"]["fix"] == "post again in a moment"
    assert call(service, "GET", "/health").json()["status"] == "draining"


def test_health_is_json(service_of):
    body = call(service_of(), "GET", "/health").json()
    assert body["status"] == "ok"
    assert body["clock"] == "replay"
    assert body["model_version"] == "tiny"


def test_the_page_shows_commands_for_this_service(service_of):
    text = call(service_of(), "GET", "/").text
    assert "curl -s http://test/rank" in text
    assert "http://test/events/Sale" in text


class Slow:
    """A store whose snapshots wait to be let through: a real store behind a gate."""

    def __init__(self, store) -> None:
        self._store, self.gate = store, threading.Event()
        self.gate.set()
        self.commit, self.saved, self.close = store.commit, store.saved, store.close

    def snapshot(self):
        self.gate.wait()
        return self._store.snapshot()


def test_a_slow_store_is_answered_for_in_time(tmp_path, scorer):
    store, clock = Slow(MemoryStore(tiny.plan.state_hash)), ReplayClock(START)
    intake = LocalIntake(tiny.plan, Log.open(tmp_path / "log"), store, clock)
    service = Service(
        tiny, tiny.plan, intake=intake, store=store, clock=clock,
        predictions=PredictionLog.open(tmp_path / "predictions"), scorer=scorer, deadline=1_000,
    )  # fmt: skip
    post_past(service)
    store.gate.clear()
    body = call(service, "POST", "/rank", json={"user": 3}).json()
    store.gate.set()
    assert body["flags"].pop("stage") in (
        "queue",
        "history",
    )  # a thread may or may not have begun within the deadline
    assert body["flags"] == {"fallback": "too slow"}
    assert len(body["items"]) == 4
    service.drain()
    kept = PredictionLog.open(tmp_path / "predictions", readonly=True)
    assert [d.request_id for d in kept.read()] == [body["request_id"]]  # once, as it was answered


def test_events_of_impossible_times_are_refused_and_far_ones_do_not_count(service_of):
    service = service_of(with_past=False, clock=WallClock())
    now = service.health().now

    def posted(number, ts):
        return call(service, "POST", "/events/Sale", json=sale(number, ts, 3, "p00", 5.0))

    for ts in (
        2**63,
        2**62,
        -(2**62),
        10**400,
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        1e300,
        True,
        "now",
    ):
        assert posted(1, ts).status_code == 422, ts
    verdicts = [
        posted(n, ts).json()["events"][0]["verdict"]
        for n, ts in [(2, now), (3, "3000-01-01T00:00:00Z"), (4, 0)]
    ]
    assert verdicts == ["accepted", "future", "late"]
    assert service.health().frontier == now
    assert service.health().status == "ok"
