"""Answers one after another, and beside one that waits."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from heptad.serving.lanes import Lanes

LONG = 60.0  #: seconds that no test lasts


def each(function):
    """The function, given items together."""
    return lambda items: [function(item) for item in items]


def tried(trying, together=1, **how):
    async def whole():
        lanes = Lanes(together=together, **how)
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
        asked = [lanes.run(each(work), i) for i in range(20)]
        assert await asyncio.gather(*asked) == [i * 2 for i in range(20)]

    tried(trying, patience=LONG)
    assert max(most) == 1
    assert order == list(range(20))


def test_one_that_waits_keeps_the_next_from_nothing_and_no_more_than_so_many_begin():
    release, begun = threading.Event(), threading.Semaphore(0)

    def waits(_):
        begun.release()
        release.wait(LONG)

    async def trying(lanes):
        stuck = [lanes.run(each(waits), i) for i in range(3)]
        for _ in range(3):
            await asyncio.to_thread(begun.acquire)
        after = lanes.run(each(str.upper), "after")
        await asyncio.sleep(0)
        assert not after.done()
        release.set()
        assert await after == "AFTER"
        await asyncio.gather(*stuck)

    tried(trying, most=3, patience=0.001)


def test_the_thread_that_returned_last_answers_next():
    release, begun = [threading.Event(), threading.Event()], threading.Semaphore(0)

    def named(number):
        begun.release()
        if number < len(release):
            release[number].wait(LONG)
        return threading.get_ident()

    async def trying(lanes):
        asked = [lanes.run(each(named), 0), lanes.run(each(named), 1)]
        for _ in asked:
            await asyncio.to_thread(begun.acquire)
        names = []
        for number, one in enumerate(asked):
            release[number].set()
            names.append(await one)
        assert names[0] != names[1]
        assert await lanes.run(each(named), 2) == names[1]

    tried(trying, most=3, patience=0.001)


def test_each_says_how_long_it_waited():
    release, waits, least = threading.Event(), [], []

    async def trying(lanes):
        first, second = lanes.run(each(release.wait), LONG), lanes.run(each(str.upper), "")
        asked = time.perf_counter()
        await asyncio.to_thread(lambda: None)
        least.append(time.perf_counter() - asked)
        release.set()
        await asyncio.gather(first, second)

    tried(trying, patience=LONG, waited=waits.append)
    assert len(waits) == 2
    assert waits[1] >= least[0] > 0


def test_an_error_is_the_callers_and_the_next_is_answered():
    def breaks(_):
        raise ValueError("mine")

    async def trying(lanes):
        broken, after = lanes.run(each(breaks), 1), lanes.run(each(str.upper), "after")
        with pytest.raises(ValueError, match="mine"):
            await broken
        assert await after == "AFTER"

    tried(trying, patience=LONG)


def test_one_that_nobody_waits_for_any_more_is_not_begun():
    release, called = threading.Event(), []

    async def trying(lanes):
        first, second = lanes.run(each(release.wait), LONG), lanes.run(each(called.append), "second")
        third = lanes.run(each(called.append), "third")
        second.cancel()
        release.set()
        await first
        await third

    tried(trying, patience=LONG)
    assert called == ["third"]


def test_one_that_was_given_up_still_counts_until_it_returns():
    release, begun = threading.Event(), threading.Event()

    def waits(_):
        begun.set()
        release.wait(LONG)

    async def trying(lanes):
        given_up = lanes.run(each(waits), 1)
        await asyncio.to_thread(begun.wait, LONG)
        given_up.cancel()
        after = lanes.run(each(str.upper), "after")
        await asyncio.sleep(0)
        assert not after.done()
        release.set()
        assert await after == "AFTER"

    tried(trying, most=1, patience=0.001)


def test_those_that_wait_for_one_function_are_given_to_it_together():
    release, given = threading.Event(), []

    def doubled(items):
        given.append(list(items))
        release.wait(LONG)
        return [2 * item for item in items]

    def other(items):
        given.append(list(items))
        return items

    async def trying(lanes):
        first = lanes.run(doubled, 0)
        asked = [lanes.run(doubled, i) for i in range(1, 7)]
        asked[1].cancel()
        asked += [lanes.run(other, "a"), lanes.run(doubled, 7)]
        release.set()
        assert await first == 0
        assert await asyncio.gather(*asked[:1], *asked[2:]) == [2, 6, 8, 10, 12, "a", 14]

    tried(trying, together=4, patience=LONG)
    assert given == [[0], [1, 3, 4, 5], [6], ["a"], [7]]


def test_an_error_is_that_of_all_that_were_given_together():
    release = threading.Event()

    def breaks(items):
        release.wait(LONG)
        if 1 in items:
            raise ValueError("ours")
        return items

    async def trying(lanes):
        first, *asked = (lanes.run(breaks, i) for i in range(4))
        release.set()
        assert await first == 0
        for one in asked:
            with pytest.raises(ValueError, match="ours"):
                await one

    tried(trying, together=4, patience=LONG)


def test_a_function_that_gives_too_few_outcomes_is_an_error_and_the_next_is_answered():
    async def trying(lanes):
        broken, after = lanes.run(lambda items: [], 1), lanes.run(each(str.upper), "after")
        with pytest.raises(ValueError, match="zip"):
            await broken
        assert await after == "AFTER"

    tried(trying, patience=LONG)
