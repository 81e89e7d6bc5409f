"""A service on a real Redis that hangs, dies and comes back empty: flagged answers meanwhile, and nothing is lost."""

from __future__ import annotations

import pytest

from heptad.errors import StateError
from heptad.serving.answer import NO_FEATURES
from heptad.testing.servers import RedisServer
from heptad.testing.tiny_service import START, opened, post_past, sale, trained
from heptad.times import HOUR

NOON = START + 12 * HOUR


@pytest.fixture
def server(tmp_path):
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def service(server, tmp_path):
    service = opened(
        tmp_path, trained(tmp_path / "trained"), store=server.url(timeout="50ms", patience="200ms")
    )
    post_past(service)
    service.warm()
    yield service
    server.wake()
    service.drain()


def answer(service, user=3):
    return service.rank(service.ask(user, None, None))


def total(service):
    return service.features({"user": 3, "product": "p00"}).values["product_sales_all"][0]


def recovered(service):
    """The first answer without a flag: it takes as long as the writing thread takes to rebuild the state."""
    while (found := answer(service)).flags:
        assert found.flags == {"fallback": NO_FEATURES}
        assert found.items
    return found


def test_a_server_that_hangs_costs_flagged_answers_and_no_event(server, service):
    before, sold = answer(service), total(service)
    assert before.flags == {}
    server.hang()
    hung = answer(service)
    assert hung.flags == {"fallback": NO_FEATURES}
    assert len(hung.items) == len(before.items)
    posted = service.post("Sale", [sale(9_001, NOON, 4, "p00", 5.0)])
    with pytest.raises(StateError, match="safe in the log"):
        posted.result()
    assert service.health().status == "degraded"
    server.wake()
    assert recovered(service).flags == {}
    assert service.post("Sale", [sale(9_001, NOON, 4, "p00", 5.0)]).result().verdicts == ["duplicate"]
    assert total(service) == sold + 1
    assert service.health().status == "ok"


def test_a_server_that_comes_back_empty_is_filled_again_without_a_restart(server, service):
    acknowledged = service.post("Sale", [sale(9_001, NOON, 4, "p00", 5.0)]).result()
    before, sold = answer(service), total(service)
    popular = answer(service, "nobody").scores
    server.kill()
    assert answer(service).flags == {"fallback": NO_FEATURES}
    server.start()
    after = recovered(service)
    assert (after.items, after.scores, after.t, after.offsets) == (
        before.items, before.scores, before.t, before.offsets,
    )  # fmt: skip
    assert after.offsets == {0: acknowledged.offsets.stop}
    assert total(service) == sold
    assert answer(service, "nobody").scores == popular
    assert service.post("Sale", [sale(9_002, NOON, 4, "p00", 5.0)]).result().verdicts == ["accepted"]
    assert total(service) == sold + 1


def test_a_server_out_of_memory_refuses_commits_and_goes_on_answering(server, service):
    import redis

    sold = total(service)
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", 1_000_000)
        with pytest.raises(StateError, match="safe in the log"):
            service.post("Sale", [sale(9_001, NOON, 4, "p00", 5.0)]).result()
        assert answer(service).flags == {}, "what is there is read"
        assert total(service) == sold
        client.config_set("maxmemory", 0)
    assert service.post("Sale", [sale(9_002, NOON, 4, "p00", 5.0)]).result().verdicts == ["accepted"]
    assert total(service) == sold + 2
