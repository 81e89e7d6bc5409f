"""Disks that fill up under a running service: posts say so, answers go on, and all goes on once there is room."""

from __future__ import annotations

from contextlib import suppress

import pytest

from heptad.errors import StateError
from heptad.serving import mending
from heptad.serving.intake import LocalIntake
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.service import Service
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing.faults import FaultyFiles
from heptad.testing.tiny_service import START, post_past, sale, tiny
from heptad.times import HOUR

NOON = START + 12 * HOUR


@pytest.fixture
def files():
    return FaultyFiles()


@pytest.fixture
def service(files, tmp_path, scorer, monkeypatch):
    monkeypatch.setattr(mending, "PAUSE", 0.01)
    store, clock = MemoryStore(tiny.plan.state_hash), ReplayClock(START)
    service = Service(
        tiny, tiny.plan, intake=LocalIntake(tiny.plan, Log.open("/log", files=files), store, clock), store=store,
        clock=clock, predictions=PredictionLog.open("/predictions", files=files), scorer=scorer,
    )  # fmt: skip
    post_past(service)
    yield service
    files.heal()
    service.drain()


def accepted(service, number):
    """Post until it is acknowledged."""
    while True:
        with suppress(StateError):
            return service.post("Sale", [sale(number, NOON, 4, "p00", 5.0)]).result().verdicts[0]


def rank(service):
    return service.rank(service.ask(3, None, None))


@pytest.mark.parametrize("fault", [FaultyFiles.fail_write, FaultyFiles.fail_sync])
def test_a_log_that_cannot_be_written_is_opened_again_once_it_can(service, files, fault):
    before = service.health().offsets[0]
    fault(files)
    with pytest.raises(StateError, match="free space"):
        service.post("Sale", [sale(9_001, NOON, 4, "p00", 5.0)]).result()
    for _ in range(3):
        assert rank(service).flags == {}, "answers need no log"
    assert service.health().status == "degraded"
    assert service.health().offsets[0] == before
    files.heal()
    assert accepted(service, 9_001) in ("accepted", "duplicate")  # a failed sync may have written it
    assert accepted(service, 9_001) == "duplicate"
    assert accepted(service, 9_002) == "accepted"
    assert service.health().offsets[0] >= before + 2
    while service.health().status != "ok":  # the decisions' log is mended by a thread of its own
        rank(service)


def test_decisions_that_a_full_disk_did_not_take_are_missing_and_later_ones_are_there(service, files):
    first = rank(service).request_id
    service._predictions.append(service._pipeline.rank(service.ask(3, None, None)).decision, NOON).result()
    files.fail_write()
    lost = rank(service).request_id
    while service.health().status == "ok":
        pass
    files.heal()
    while service.health().status != "ok":
        pass
    last = rank(service).request_id
    service.drain()
    kept = [decision.request_id for decision in PredictionLog.open("/predictions", files=files).read()]
    assert first in kept
    assert last in kept
    assert lost not in kept
