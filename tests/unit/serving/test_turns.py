"""What misses the deadline again and again is left alone for a while; then one request tries it."""

from __future__ import annotations

import pytest

from heptad.serving.turns import Call, Slowness, Turn
from heptad.serving.underway import STAGES, Asked, Run
from heptad.state.breaker import FAILURES


def turn_in(stage):
    turn = Turn()
    turn.run = Run(Asked("r", 1, 5, {}), lambda: 0)
    for done in STAGES[: STAGES.index(stage)]:
        turn.run.done(done)
    return turn


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_late_again_and_again_is_left_alone(stage):
    slowness = Slowness()
    for _ in range(FAILURES):
        assert slowness.left_alone() is None
        assert slowness.late(turn_in(stage)) == {"fallback": "too slow", "stage": stage}
    assert slowness.left_alone() == {"fallback": "too slow", "stage": stage}
    assert slowness.states == {stage: "open"}
    slowness.in_time()
    assert slowness.left_alone() is None
    assert slowness.states == {}


def test_requests_answered_together_are_late_once():
    slowness, call = Slowness(), Call()
    for _ in range(10 * FAILURES):
        turn = turn_in("features")
        turn.call = call
        assert slowness.late(turn) == {"fallback": "too slow", "stage": "features"}
    assert slowness.left_alone() is None


def test_a_request_that_no_thread_had_time_for_blames_no_stage():
    slowness = Slowness()
    for _ in range(10 * FAILURES):
        assert slowness.late(Turn()) == {"fallback": "too slow", "stage": "queue"}
    assert slowness.left_alone() is None


def test_the_first_to_take_a_turn_has_it():
    turn = Turn()
    assert [turn.take(), turn.take(), turn.take()] == [True, False, False]
