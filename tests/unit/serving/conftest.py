"""A trained scorer, made once, and services on it that are drained when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heptad.serving.http import app
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.testing.asgi import Caller
from heptad.testing.tills import service as tills_service
from heptad.testing.tiny_service import START, opened, post_past, sale, trained
from heptad.times import HOUR

BODY_LIMIT = 400_000  #: bytes


@pytest.fixture(scope="session")
def scorer(tmp_path_factory) -> Scorer:
    return trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def service_of(tmp_path, scorer) -> Iterator[Callable[..., Service]]:
    """Opens services under the test's directory."""
    services: list[Service] = []

    def open_one(*, with_past: bool = True, scorer: Scorer | None = scorer, **options) -> Service:
        service = opened(tmp_path / "service", scorer, **options)
        services.append(service)
        if with_past:
            post_past(service)
        return service

    yield open_one
    for service in services:
        service.drain()


class Asked(Caller):
    """A service behind its application, with a valid body of each path."""

    def __init__(self, service: Service, bodies: dict[str, dict[str, Any]]) -> None:
        super().__init__(app(service, body_limit=BODY_LIMIT))
        self.service, self.bodies = service, bodies

    def logged(self) -> int:
        return sum(self.service.health().offsets.values())


@pytest.fixture(scope="package")
def shop(tmp_path_factory, scorer) -> Iterator[Asked]:
    """A ranking system; many tests ask it, so that its log holds whatever they post."""
    directory = tmp_path_factory.mktemp("shop")
    service = opened(directory, scorer, store=f"embedded:{directory / 'state'}")
    post_past(service)
    asked = Asked(
        service,
        {
            "/rank": {"user": 3, "n": 2, "context": {"device": "web", "amount": 4.0}},
            "/features": {"user": 3, "product": ["p00", "p01"], "at": "2026-01-01T12:30:00Z"},
            "/events/Sale": sale(9_001, START + 12 * HOUR, 3, "p00", 5.0),
            "/events/Product": {"product": "p99", "maker": "acme", "tags": ["cup"], "price": 2.5},
        },
    )
    yield asked
    asked.close()
    service.drain()


@pytest.fixture(scope="package")
def desk(tmp_path_factory) -> Iterator[Asked]:
    """A classification."""
    service, now = (
        tills_service.opened(tmp_path_factory.mktemp("tills"), tills_service.trained()),
        tills_service.NOW,
    )
    case = {"card": 3, "till": 5, "amount": 40.0}
    asked = Asked(
        service,
        {
            "/predict": case,
            "/features": {"card": [3, 4], "till": 5},
            "/events/Payment": {"payment_id": 90_001, "ts": now, **case},
            "/events/Theft": {"theft_id": 1, "payment": 9, "ts": now, "known_at": now, "card": 3, "till": 5},
        },
    )
    yield asked
    asked.close()
    service.drain()


@pytest.fixture(scope="package", params=["shop", "desk"])
def fuzzed(request) -> Asked:
    """Each shape of system."""
    return request.getfixturevalue(request.param)
