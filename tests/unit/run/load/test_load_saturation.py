"""The search for the saturating rate, on a queue in virtual time; and trends over windows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from virtual_queue import Queue, measured

from heptad.errors import DataError, ReadError
from heptad.run.load.open_loop import Load
from heptad.run.load.saturation import CLOSE, find_saturation
from heptad.run.load.trend import halves, slope

LOAD = Load([b"{}"], rate=10.0, seconds=60.0, warm_up=1.0)


def search(queue, load=LOAD, **how):
    return find_saturation(load, lambda step: measured(queue(), step), **how)


@pytest.mark.parametrize("capacity", [12.0, 90.0])
def test_the_rate_found_is_just_below_what_the_queue_can(capacity):
    found = search(lambda: Queue(1.0 / capacity), seconds=60.0)
    assert 0.85 * capacity <= found.rate <= 1.03 * capacity  # a step is short: it may hold just above
    held, broken = ([s for s in found.steps if bool(s.why) is b] for b in (False, True))
    assert max(step.offered for step in held) == pytest.approx(found.rate, rel=0.01)
    assert min(step.offered for step in broken) <= 1.01 * CLOSE * found.rate
    assert json.dumps(found.summary())


def test_a_first_rate_that_breaks_is_halved():
    found = search(
        lambda: Queue(0.1),
        Load([b"{}"], rate=100.0, seconds=1.0, warm_up=0.0),
        seconds=60.0,
        limit_ms=2_000.0,
    )
    assert 8.0 <= found.rate <= 10.3


def test_a_tighter_limit_is_a_lower_rate():
    loose, tight = (search(lambda: Queue(0.01), seconds=60.0, limit_ms=limit) for limit in (500.0, 30.0))
    assert tight.rate < loose.rate
    assert all(step.p99_ms <= 30.0 for step in tight.steps if not step.why)


def test_answers_that_fall_back_or_fail_when_the_load_grows_break_a_rate():
    def overloaded(status, body):
        """Beyond 50 a second every answer is this one."""

        def make(step):
            return Queue(
                0.001, answers=lambda n: (status, body) if step.rate > 50.0 else (200, b'{"flags":{}}')
            )

        return find_saturation(LOAD, lambda step: measured(make(step), step), seconds=10.0)

    fallen = overloaded(200, b'{"flags":{"fallback":"too slow"}}')
    failed = overloaded(503, b"{}")
    for found, why in ((fallen, "flagged: fallback: too slow"), (failed, "failed: status 503")):
        assert 50.0 / CLOSE <= found.rate <= 50.0
        assert any(step.why.endswith(why) for step in found.steps)


def test_a_stutter_of_the_machine_is_not_the_end_of_the_search():
    calls = iter(range(100))

    def stutters_once(step):
        stall = (1.0, 4.0) if next(calls) == 1 else (0.0, 0.0)
        return measured(Queue(0.01, stall=stall), step)

    found = find_saturation(LOAD, stutters_once, seconds=60.0, limit_ms=500.0)
    assert [bool(step.why) for step in found.steps[:3]] == [False, True, False]
    assert found.rate > 80.0


def test_a_server_that_holds_no_rate_is_an_error():
    with pytest.raises(ReadError, match="status 503"):
        search(lambda: Queue(0.0, answers=lambda n: (503, b"{}")))


def test_a_slope_is_the_least_squares_one_with_its_error():
    draw = np.random.default_rng(0)
    seconds = np.arange(200) * 18.0
    off = []
    for _ in range(200):
        found = slope(seconds, 5.0 + 2.0 * seconds / 3600.0 + draw.normal(0, 1, 200))
        off.append((found.per_hour - 2.0) / found.error)
    assert np.mean(off) == pytest.approx(0.0, abs=0.25)
    assert np.std(off) == pytest.approx(1.0, abs=0.2)
    assert slope([0, 3600, 7200], [1.0, 2.0, 3.0]) == pytest.approx((1.0, 0.0))
    with pytest.raises(DataError, match="three values"):
        slope([0, 1], [1, 2])


def test_halves_pair_each_window_with_its_partner():
    found = halves([1.0, 2.0, 3.0, 100.0, 2.0, 2.0, 6.0])
    assert (found.pairs, found.grew, found.median_ratio) == (3, 2, 2.0)
    assert (
        found.chance == 0.5
    )  # two grew, none shrank, one stayed: a fair coin does this, or the reverse, half the time
    assert halves([1.0] * 10 + [2.0] * 10).chance == pytest.approx(2 / 2**10)
    with pytest.raises(DataError, match="two windows"):
        halves([1.0])
