"""Answers one after another, and beside one that waits."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from heptad.serving.lanes import Lanes

LONG = 60.0  #: seconds that no test lasts


def tried(trying, **how):
    async def whole():
        lanes = Lanes(**how)
        try:
            await asyncio.wait_for(trying(lanes), LONG)
        finally:
            lanes.close()

    asyncio.run(whole())


def test_one_begins_when_the_one_before_has_ended():
    under_way, most, order = set(), [], []

    def work(name):
        under_way.add(name)
        most.append(len(under_way))
        order.append(name)
        under_way.remove(name)
        return name * 2

    async def trying(lanes):
        assert await asyncio.gather(*(lanes.run(work, i) for i in range(20))) == [i * 2 for i in range(20)]

    tried(trying, patience=LONG)
    assert max(most) == 1
    assert order == list(range(20))


def test_one_that_waits_keeps_the_next_from_nothing_and_no_more_than_so_many_begin():
    release, begun = threading.Event(), threading.Semaphore(0)

    def waits():
        begun.release()
        release.wait(LONG)
        return threading.active_count()

    async def trying(lanes):
        stuck = [lanes.run(waits) for _ in range(3)]
        for _ in range(3):
            await asyncio.to_thread(begun.acquire)
        after = lanes.run(lambda: "after")
        await asyncio.sleep(0)
        assert not after.done()
        release.set()
        assert await after == "after"
        await asyncio.gather(*stuck)

    tried(trying, most=3, patience=0.001)


def test_each_says_how_long_it_waited():
    release, waits, least = threading.Event(), [], []

    async def trying(lanes):
        first, second = lanes.run(release.wait, LONG), lanes.run(lambda: None)
        asked = time.perf_counter()
        await asyncio.to_thread(lambda: None)
        least.append(time.perf_counter() - asked)
        release.set()
        await asyncio.gather(first, second)

    tried(trying, patience=LONG, waited=waits.append)
    assert len(waits) == 2
    assert waits[1] >= least[0] > 0


def test_an_error_is_the_callers_and_the_next_is_answered():
    def breaks():
        raise ValueError("mine")

    async def trying(lanes):
        broken, after = lanes.run(breaks), lanes.run(lambda: 1)
        with pytest.raises(ValueError, match="mine"):
            await broken
        assert await after == 1

    tried(trying, patience=LONG)


def test_one_that_nobody_waits_for_any_more_is_not_begun():
    release, called = threading.Event(), []

    async def trying(lanes):
        first, second = lanes.run(release.wait, LONG), lanes.run(called.append, "second")
        third = lanes.run(called.append, "third")
        second.cancel()
        release.set()
        await first
        await third

    tried(trying, patience=LONG)
    assert called == ["third"]


def test_one_that_was_given_up_still_counts_until_it_returns():
    release, begun = threading.Event(), threading.Event()

    def waits():
        begun.set()
        release.wait(LONG)

    async def trying(lanes):
        given_up = lanes.run(waits)
        await asyncio.to_thread(begun.wait, LONG)
        given_up.cancel()
        after = lanes.run(lambda: "after")
        await asyncio.sleep(0)
        assert not after.done()
        release.set()
        assert await after == "after"

    tried(trying, most=1, patience=0.001)
