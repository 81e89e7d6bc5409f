"""A search over HTTP: rows posted and deleted, keys, metrics, the deadline, and bodies of any kind."""

from __future__ import annotations

import base64
import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heptad.serving.door import Access
from heptad.serving.keys import Keys
from heptad.serving.visual_http import POST_LIMIT, ROWS_LIMIT, app
from heptad.testing import tiny_pictures as tiny
from heptad.testing.asgi import Caller

KEY = "k" * 20
NEW = tiny.picture("red", 900)
ROWS = "/events/Square"


@pytest.fixture
def service(tmp_path):
    one = tiny.opened(tmp_path)
    yield one
    one.drain()


@pytest.fixture
def caller(service):
    one = Caller(app(service))
    yield one
    one.close()


def row(key, **facts):
    picture = base64.b64encode(NEW).decode()
    return {"square": key, "picture": picture, "colour": "red", "size": "small"} | facts


def post(caller, body):
    return caller.ask(ROWS, body if isinstance(body, bytes) else json.dumps(body).encode())


def found(caller):
    answer = caller.ask("/search", NEW)
    assert answer.status == 200, answer.body
    return [one["square"] for one in answer.json()["items"]]


def test_a_row_is_found_from_its_acknowledgement_on_and_not_after_its_delete(caller):
    assert post(caller, row(500)).json() == {"events": [{"offset": 0, "verdict": "accepted"}]}
    assert found(caller)[0] == 500
    gone = caller.ask(f"{ROWS}/500", method="DELETE")
    assert (gone.status, gone.json()) == (200, {"events": [{"offset": 1, "verdict": "accepted"}]})
    assert 500 not in found(caller)
    assert caller.ask(f"{ROWS}/500", method="DELETE").json() == {
        "events": [{"offset": None, "verdict": "absent"}]
    }


def test_several_rows_are_one_post_all_or_none(caller):
    assert [one["offset"] for one in post(caller, [row(500), row(501)]).json()["events"]] == [0, 1]
    refused = post(caller, [row(502), row(503, picture="bm8="), row(504, colour=None)])
    assert refused.status == 422
    assert [(one["place"], one["thing"]) for one in refused.json()["events"]] == [
        (1, "Square.picture"), (2, "Square.colour"),
    ]  # fmt: skip
    assert caller.ask("/health", method="GET").json()["changes"] == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"[]", 422), (b"{}", 422), (b"[1]", 422), (b"\xff", 422), (b'{"square": 1e400}', 422),
        (b'{"square": 1, "picture": 3, "colour": "red"}', 422),
        (json.dumps(row("\ud800")).encode(), 422), (json.dumps(row(500, size="\ud800")).encode(), 422),
        (json.dumps(row(2**63)).encode(), 422), (json.dumps(row(True)).encode(), 422), (json.dumps(row(1.5)).encode(), 422),
        (b"[" * 2_000, 422), (json.dumps([row(1)] * (ROWS_LIMIT + 1)).encode(), 413), (b" " * (POST_LIMIT + 1), 413),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_bodies_by_hand(caller, body, status):
    answer = post(caller, body)
    assert answer.status == status
    assert answer.json()["error"]["fix"]
    assert caller.ask("/health", method="GET").json()["changes"] == 0


@pytest.fixture(scope="module")
def any_caller(tmp_path_factory):
    service = tiny.opened(tmp_path_factory.mktemp("fuzzed"))
    one = Caller(app(service))
    yield one
    one.close()
    service.drain()


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
cells |= st.lists(cells, max_size=2) | st.just(row(1)["picture"])
bodies = (
    st.dictionaries(st.sampled_from(["square", "picture", "colour", "size", "series", "x"]), cells)
    .map(lambda row: json.dumps(row).encode())
    .__or__(st.binary(max_size=80))
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies)
def test_no_body_is_an_error_of_ours(any_caller, body):
    assert post(any_caller, body).status in (200, 422)
    assert any_caller.ask("/search", NEW).status == 200


@settings(max_examples=60, deadline=None)
@given(key=st.text(max_size=20))
def test_no_key_is_an_error_of_ours(any_caller, key):
    path = f"{ROWS}/{key}".encode("utf-8", "replace").decode()
    assert any_caller.ask(path, method="DELETE").status in (200, 404)


def test_keys_are_asked_for_on_every_path_but_the_page_and_live(service):
    caller = Caller(app(service, Access(keys=Keys([KEY]))))
    for path, method in (("/search", "POST"), (ROWS, "POST"), (f"{ROWS}/3", "DELETE"), ("/metrics", "GET"), ("/health", "GET")):  # fmt: skip
        assert caller.ask(path, method=method).status == 401
        keyed = caller.ask(path, NEW, method=method, headers=[(b"authorization", b"Bearer " + KEY.encode())])
        assert keyed.status in (200, 422)
    assert {caller.ask(path, method="GET").status for path in ("/", "/health/live")} == {200}
    caller.close()


def test_what_is_done_is_counted(caller, service):
    found(caller)
    post(caller, [row(500), row(501)])
    post(caller, [row(502, picture="")])
    caller.ask(f"{ROWS}/500", method="DELETE")
    caller.ask("/nowhere")
    text = caller.ask("/metrics", method="GET").body.decode()
    for line in (
        'heptad_request_seconds_count{path="/search",status="200"} 1.0',
        'heptad_request_seconds_count{path="/events/Square",status="422"} 1.0',
        'heptad_stage_seconds_count{stage="embed"} 1.0',
        'heptad_stage_seconds_count{stage="search"} 1.0',
        'heptad_events_total{stream="Square",verdict="accepted"} 3.0',
        'heptad_events_total{stream="Square",verdict="refused"} 1.0',
        "heptad_freshness_seconds_count 2.0",
        "heptad_items 41.0",
        "heptad_problems 0.0",
        f'heptad_model_info{{embedding="{service.health()["embedding"]}",version="v0001"}} 1.0',
    ):
        assert line in text, (line, text)


def test_a_search_that_misses_the_deadline_is_told_so_and_the_next_is_answered(tmp_path):
    held = threading.Event()

    class Held(tiny.Blocks):
        holds = False

        def run(self, names, given):
            if self.holds:
                held.wait(60)
            return super().run(names, given)

    session = Held()
    network = tiny.Backbone("held", "held-1", session, tiny.Memo.open(tmp_path / "held.features", 192))
    service = tiny.opened(tmp_path, first=tiny.embedding(tmp_path, network=network))
    service.deadline = 20_000
    session.holds = True
    caller = Caller(app(service))
    late = caller.ask("/search", NEW)
    assert (late.status, late.headers["retry-after"]) == (503, "1")
    assert late.json()["error"]["expected"] == "an answer within 20ms"
    assert caller.ask("/health", method="GET").status == 200
    session.holds, service.deadline = False, 60_000_000
    held.set()
    assert caller.ask("/search", NEW).status == 200
    assert 'heptad_fallbacks_total{part="search",reason="too slow"} 1.0' in caller.ask("/metrics", method="GET").body.decode()  # fmt: skip
    caller.close()
    service.drain()
