"""The circuit breaker: opens after failures in a row, lets one try, and stays open for longer after each failed trial."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heptad.state.breaker import FAILURES, LONGEST, PAUSE, Breaker


class Now:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def opened(now):
    breaker = Breaker(timer=now)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_single_failures_do_not_open_it():
    breaker = Breaker(timer=Now())
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.failed()
        breaker.succeeded()
        assert breaker.allows()
        assert breaker.state == "closed"


def test_each_failed_trial_doubles_the_pause_up_to_a_bound():
    now = Now()
    breaker, pause = opened(now), PAUSE
    for _ in range(8):
        assert not breaker.allows()
        now.seconds += pause
        assert breaker.state == "half-open"
        assert breaker.allows()
        assert not breaker.allows(), "one trial at a time"
        breaker.failed()
        pause = min(LONGEST, 2 * pause)
        now.seconds += 0.99 * pause
        assert not breaker.allows()
        now.seconds -= 0.99 * pause
    assert pause == LONGEST


def test_a_trial_that_never_reports_is_followed_by_another():
    now = Now()
    breaker = opened(now)
    now.seconds += PAUSE
    assert [breaker.allows(), breaker.allows()] == [True, False]
    now.seconds += PAUSE
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


@given(st.lists(st.tuples(st.sampled_from(["failed", "succeeded", "allows"]), st.floats(0, 3)), max_size=60))
def test_what_has_recovered_is_found_out_within_the_longest_pause(steps):
    now = Now()
    breaker = Breaker(timer=now)
    for what, wait in steps:
        now.seconds += wait
        getattr(breaker, what)()
    now.seconds += LONGEST
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.state == "closed"
