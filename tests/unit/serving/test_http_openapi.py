"""The OpenAPI document is of what the service does: schemathesis asks by it, and finds no contradiction and no 500."""

from __future__ import annotations

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

OPERATIONS = ["features", "asking", "first stream", "second stream"]


def answered(asked, case) -> httpx.Response:
    """The answer to a case, asked in this process."""
    kwargs = case.as_transport_kwargs(base_url="http://test")
    sent = Request(
        **{k: kwargs[k] for k in ("method", "url", "headers", "json", "data", "params") if k in kwargs}
    ).prepare()
    body = sent.body or b""
    headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.headers.items()]
    reply = asked.ask(
        urlsplit(sent.url).path, body if isinstance(body, bytes) else body.encode(), method=sent.method, headers=headers
    )  # fmt: skip
    answer = httpx.Response(
        reply.status, headers=dict(reply.headers), content=reply.body, request=httpx.Request(sent.method, sent.url)
    )  # fmt: skip
    answer.elapsed = timedelta(0)  # the checks ask for it
    return answer


def whole(value):
    """The value with 5 for 5.0: one number to JSON Schema, two kinds of number to heptad."""
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@pytest.fixture(scope="module")
def operations(fuzzed):
    document = fuzzed.ask("/openapi.json", method="GET").json()
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    assert [operation.path for operation in found if operation.method == "get"] == ["/health"]
    return found[1:]


def test_health_is_as_the_document_says(fuzzed, operations):
    case = operations[0].schema["/health"]["GET"].Case()
    case.validate_response(answered(fuzzed, case))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize("place", range(4), ids=OPERATIONS)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_answers_are_as_the_document_says(fuzzed, operations, place, mode, data):
    case = data.draw(operations[place].as_strategy(generation_mode=mode))
    if mode is GenerationMode.POSITIVE:
        case.body = whole(case.body)
    # what the document cannot say of features: lists of one length, and a time after the frontier
    beyond = [positive_data_acceptance] if operations[place].path == "/features" else []
    answer = answered(fuzzed, case)
    if answer.status_code == 413:  # schemathesis does not count it as a refusal
        beyond = [*beyond, negative_data_rejection]
    case.validate_response(answer, excluded_checks=beyond)
