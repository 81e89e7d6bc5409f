"""Pictures over HTTP: similar rows as JSON; whatever is wrong with a request is a clear 4xx."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.models.vision.picture import LARGEST_BYTES
from heptad.serving.visual import VisualService
from heptad.serving.visual_http import app
from heptad.testing import tiny_pictures as tiny

ROWS = tiny.rows(40)


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> VisualService:
    one = tiny.opened(tmp_path_factory.mktemp("squares"))
    yield one
    one.drain()


def call(service, method="POST", path="/search", **options):
    async def exchange():
        transport = httpx.ASGITransport(app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(exchange())


def test_a_picture_finds_rows_with_their_facts(service):
    response = call(service, content=ROWS["picture"][7], headers={"content-type": "image/png"})
    body = response.json()
    assert response.status_code == 200
    assert len(body["items"]) == 5
    assert body["items"][0] | {"cosine": 1.0} == {
        "square": 7, "cosine": 1.0, "colour": ROWS["colour"][7], "size": ROWS["size"][7],
    }  # fmt: skip
    assert body["embedding"].startswith("blocks-1+")
    assert body["model"] == "v0001"
    assert set(body["took_ms"]) == {"embed", "search"}


def test_filters_exclusion_and_number_are_query_parameters(service):
    body = call(service, path="/search?n=3&size=large&exclude=7", content=ROWS["picture"][7]).json()
    assert len(body["items"]) == 3
    assert {row["size"] for row in body["items"]} == {"large"}
    assert 7 not in {row["square"] for row in body["items"]}


def test_excluding_a_row_that_is_not_there_changes_nothing(service):
    found = [
        call(service, path=f"/search{q}", content=ROWS["picture"][1]).json()["items"]
        for q in ("", "?exclude=nobody")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("path", "options", "status", "said"),
    [
        ("/search", dict(content=b""), 422, "a JPEG or PNG file"),
        ("/search", dict(content=b"hello"), 422, "a JPEG or PNG file"),
        ("/search", dict(content=ROWS["picture"][0][:60]), 422, "can be decoded"),
        ("/search", dict(content=b"\xff\xd8" + bytes(LARGEST_BYTES)), 413, "at most 10,000,000 bytes"),
        ("/search", dict(files={"photo": ROWS["picture"][0]}), 415, "the bytes of a picture as the body"),
        ("/search?n=0", dict(content=ROWS["picture"][0]), 422, "from 1 to 20"),
        ("/search?n=21", dict(content=ROWS["picture"][0]), 422, "from 1 to 20"),
        ("/search?n=many", dict(content=ROWS["picture"][0]), 422, "from 1 to 20"),
        ("/search?n=%C2%B2", dict(content=ROWS["picture"][0]), 422, "from 1 to 20"),
        ("/search?colour=red", dict(content=ROWS["picture"][0]), 422, "one of n, exclude, size"),
        ("/other", dict(content=b""), 404, "a path of this service"),
    ],
)
def test_what_is_wrong_is_said(service, path, options, status, said):
    response = call(service, path=path, **options)
    assert response.status_code == status
    error = response.json()["error"]
    assert said in error["expected"]
    assert error["fix"]


def test_an_endless_body_without_a_length_is_refused(service):
    async def endless():
        for _ in range(LARGEST_BYTES // 1_000_000 + 2):
            yield bytes(1_000_000)

    assert call(service, content=endless()).status_code == 413


def test_the_wrong_method_is_said(service):
    assert call(service, "GET").status_code == 405


@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=300), front=st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"]))
def test_no_body_is_an_error_of_ours(service, body, front):
    assert call(service, content=front + body).status_code in (200, 422)


def test_health_and_home_say_what_is_served(service):
    service.warm()
    assert call(service, "GET", "/health").json() == service.health()
    assert service.health()["items"] == 40
    home = call(service, "GET", "/").text
    assert "squares" in home
    assert "size=" in home
