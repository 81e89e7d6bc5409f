"""A trained scorer, made once, and services on it that are drained when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.testing.tiny_service import opened, post_past, trained


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
