"""Circuit breakers in GET /metrics: of stages, of candidate sources, and of a store at a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heptad.run.why.again import lacking
from heptad.serving.http import app
from heptad.serving.metrics import Metrics, standing_of
from heptad.serving.underway import STAGES
from heptad.state.breaker import FAILURES
from heptad.state.remembered import Remembered
from heptad.state.stores.memory import MemoryStore
from heptad.testing.asgi import Caller
from heptad.testing.tiny_service import opened, post_past, tiny


def told(text):
    lines = [line for line in text.decode().splitlines() if line.startswith("heptad_breaker{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


@pytest.fixture
def service(tmp_path, scorer):
    one = opened(tmp_path, replace(scorer, retriever=lacking(scorer.retriever, ["popular"])))
    post_past(one)
    yield one
    one.drain()


def test_a_source_that_fails_in_a_row_is_told_and_the_others_are_closed(service):
    caller = Caller(app(service))
    names = {f"stage {stage}" for stage in STAGES} | {"source ease", "source popular"}
    assert told(caller.ask("/metrics", method="GET").body) == dict.fromkeys(names, 0.0)
    for _ in range(FAILURES):
        assert caller.ask("/rank", b'{"user": 1}').json()["flags"] == {"candidates": "without popular"}
    found = told(caller.ask("/metrics", method="GET").body)
    assert found.pop("source popular") in (1.0, 2.0)  # open, or due to be tried
    assert set(found.values()) == {0.0}
    caller.close()


def test_of_a_store_at_a_server_too(service):
    store = Remembered(MemoryStore(tiny.plan.state_hash))
    service._store = store
    for _ in range(FAILURES):
        store.breaker.failed()
    assert told(Metrics(standing_of(service)).text())["store"] in (1.0, 2.0)
