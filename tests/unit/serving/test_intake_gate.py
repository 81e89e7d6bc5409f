"""Events through the gate: the same verdicts and errors as at the intake itself, and a clear error when it is gone."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from contextlib import closing

import pytest

from heptad.errors import DataError, StateError
from heptad.serving.gate import Gate, Line
from heptad.serving.intake import LocalIntake
from heptad.serving.remote import RemoteIntake
from heptad.serving.writer import Posted
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock, SharedClock
from heptad.streams.log import Log
from heptad.testing.tiny_service import START, sale, tiny
from heptad.times import HOUR

PLAN = tiny.plan


@pytest.fixture
def store():
    return MemoryStore(PLAN.state_hash)


@pytest.fixture
def intake(tmp_path, store):
    with closing(LocalIntake(PLAN, Log.open(tmp_path / "log"), store, ReplayClock(START))) as intake:
        yield intake


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gate"


@pytest.fixture
def remote(intake, path):
    with closing(Gate(intake, path)), closing(RemoteIntake(path)) as remote:
        yield remote


def rows(*numbers, **more):
    return [sale(number, START, 1, "p00", 5.0) | more for number in numbers]


def test_posts_come_back_with_their_verdicts_in_any_order(remote, intake):
    posts = [remote.post("Sale", rows(number, number + 1)) for number in range(100)]
    assert posts[0].result().verdicts == ["accepted", "accepted"]
    assert [post.result().verdicts for post in posts[1:]] == [["duplicate", "accepted"]] * 99
    assert posts[-1].result().offsets == range(198, 200)
    assert remote.standing() == intake.standing()
    assert remote.standing().offsets == {0: 200}


def test_an_error_of_the_intake_is_the_error_here(remote, intake):
    with pytest.raises(DataError, match=r"Sale\.user") as here:
        remote.post("Sale", rows(1, user=1.5)).result()
    with pytest.raises(DataError) as there:
        intake.post("Sale", rows(1, user=1.5))
    assert str(here.value) == str(there.value)
    intake.close()
    with pytest.raises(StateError, match="ending"):
        remote.post("Sale", rows(2)).result()


def test_without_a_gate_posts_fail_and_go_on_once_there_is_one(path, intake):
    with closing(RemoteIntake(path)) as remote:
        with pytest.raises(StateError, match="post again in a moment"):
            remote.post("Sale", rows(1))
        remote.doubt()  # nobody to tell, and no error
        assert "does not answer" in str(remote.standing().problem)
        with closing(Gate(intake, path)):
            assert remote.post("Sale", rows(1)).result().verdicts == ["accepted"]
    with pytest.raises(StateError, match="ending"):
        remote.post("Sale", rows(2))


class Broken:
    """An intake that fails as none should."""

    def post(self, stream, rows):
        raise KeyError(stream)


def test_a_failure_that_nobody_foresaw_is_told_too(path):
    with closing(Gate(Broken(), path)), closing(RemoteIntake(path)) as remote:
        for _ in range(2):  # and the line goes on
            with pytest.raises(StateError, match="Sale"):
                remote.post("Sale", rows(1)).result()


class Silent:
    """An intake that takes posts and answers none."""

    def post(self, stream, rows):
        return Future[Posted]()


def test_a_gate_that_goes_leaves_no_post_waiting(path):
    gate, remote = Gate(Silent(), path), RemoteIntake(path)
    post = remote.post("Sale", rows(1))
    gate.close()
    remote._line._connection.shutdown(2)  # as the end of the other process does
    with pytest.raises(StateError, match="post them again under the same ids"):
        post.result()
    remote.close()


def test_nobody_waits_for_an_end_that_does_not_listen_and_nothing_is_lost_or_out_of_order():
    here, there = socket.socketpair()
    heard, every = [], threading.Event()
    line = Line(here, lambda message: None, lambda: None)
    said = [[number, "x" * 1_000] for number in range(2_000)]  # more than the system's buffers hold
    for message in said:
        line.say(message)
    assert line._behind > 0

    def hear(message):
        heard.append(message)
        if len(heard) == len(said) + 1:
            every.set()

    other = Line(there, hear, lambda: None)
    line.say("the last")
    assert every.wait(60)
    assert heard == [*said, "the last"]
    line.close()
    other.close()


def test_a_shared_clock_is_moved_ahead_only():
    clock = SharedClock(START)
    assert [clock.advance_to(START + HOUR), clock.advance_to(START), clock.now()] == [START + HOUR] * 3
