"""The OpenAPI document of a search is of what it does: schemathesis asks by it, and finds no contradiction and no 500."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests import Request
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from heptad.serving.visual_http import app
from heptad.testing import tiny_pictures as tiny
from heptad.testing.asgi import Caller


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    service = tiny.opened(tmp_path_factory.mktemp("described"))
    one = Caller(app(service))
    yield one
    one.close()
    service.drain()


@pytest.fixture(scope="module")
def operations(caller):
    schema = schemathesis.openapi.from_dict(caller.ask("/openapi.json", method="GET").json())
    found = {result.ok().label: result.ok() for result in schema.get_all_operations()}
    assert sorted(found) == [
        "DELETE /events/Square/{key}", "GET /health", "POST /events/Square", "POST /search",
    ]  # fmt: skip
    return found


def answered(caller, method, path, body=b""):
    """The answer as schemathesis checks it."""
    reply = caller.ask(path, body, method=method)
    sent = httpx.Request(method, f"http://test{path}")
    answer = httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body, request=sent)
    answer.elapsed = timedelta(0)  # the checks ask for it
    return answer


def test_a_search_a_post_a_delete_and_health_are_as_the_document_says(caller, operations):
    picture = tiny.picture("red", 900)
    row = {"square": 500, "picture": base64.b64encode(picture).decode(), "colour": "red"}
    for label, path, body in (
        ("POST /search", "/search", picture),
        ("POST /events/Square", "/events/Square", json.dumps(row).encode()),
        ("DELETE /events/Square/{key}", "/events/Square/500", b""),
        ("DELETE /events/Square/{key}", "/events/Square/500", b""),
        ("GET /health", "/health", b""),
        ("POST /search", "/search", b"none"),
        ("POST /events/Square", "/events/Square", b"{}"),
    ):
        answer = answered(caller, label.split()[0], path, body)
        operations[label].validate_response(answer)
        assert answer.status_code == (422 if body in (b"none", b"{}") else 200)


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        ("POST /events/Square", GenerationMode.POSITIVE),
        ("POST /events/Square", GenerationMode.NEGATIVE),
        ("DELETE /events/Square/{key}", GenerationMode.POSITIVE),  # every text is a key
    ],
)
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_answers_are_as_the_document_says(caller, operations, label, mode, data):
    case = data.draw(operations[label].as_strategy(generation_mode=mode))
    kwargs = case.as_transport_kwargs(base_url="http://test")
    known = ("method", "url", "headers", "json", "data", "params")
    sent = Request(**{name: kwargs[name] for name in known if name in kwargs}).prepare()
    body = sent.body or b""
    answer = answered(
        caller, sent.method, urlsplit(sent.url).path, body if isinstance(body, bytes) else body.encode()
    )
    # the document cannot say that a text is a picture; of deletes every key may be asked
    case.validate_response(answer, excluded_checks=[positive_data_acceptance, negative_data_rejection])
    if mode is GenerationMode.NEGATIVE and sent.method == "POST":
        assert answer.status_code >= 400
