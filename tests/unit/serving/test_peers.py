"""A request goes to the process with least to do, and comes back where that one is gone, slow or full."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.serving import peers as room
from heptad.serving.peers import AWAY, Made, Peers

LONG = 60.0  #: seconds that no test lasts


def tried(trying, n=2):
    """``trying`` is given the ends of n processes, which here share one event loop."""

    async def whole():
        with Peers(n) as shared:
            ends = [shared.of(number) for number in range(n)]
            try:
                await asyncio.wait_for(trying(shared, ends), LONG)
            finally:
                for end in ends:
                    end.close()

    asyncio.run(whole())


def upper(name):
    async def answer(body, until):
        return Made(name, body.upper())

    return answer


def busy(end):
    """An answer that is being made; it ends when the future is given a result."""
    making = asyncio.get_running_loop().create_future()
    end.count(making)
    return making


def soon():
    return time.monotonic() + LONG


def test_a_request_that_waits_goes_to_one_that_does_not():
    async def trying(shared, ends):
        for number, end in enumerate(ends):
            end.open(upper(f"of {number}"))
        assert await ends[0].handed_on(b"idle", soon()) is None, "it has nothing to do itself"
        making = busy(ends[0])
        assert await ends[0].handed_on(b"busy", soon()) == Made("of 1", b"BUSY")
        other = busy(ends[1])
        assert await ends[0].handed_on(b"both", soon()) is None, "the other has as much to do"
        making.set_result(None)
        await asyncio.sleep(0)
        assert await ends[0].handed_on(b"idle", soon()) is None
        assert await ends[1].handed_on(b"back", soon()) == Made("of 0", b"BACK")
        other.set_result(None)
        await asyncio.sleep(0)
        assert shared.under_way.sum() == 0

    tried(trying)


def test_what_is_on_its_way_counts():
    """Three at once go to three processes, though none of those has heard of them yet."""

    async def trying(shared, ends):
        release, given = asyncio.Event(), []

        def waits(number):
            async def answer(body, until):
                given.append(number)
                await release.wait()
                return Made("", body)

            return answer

        for number, end in enumerate(ends):
            end.open(waits(number))
        busy(ends[0])
        sent = [asyncio.create_task(ends[0].handed_on(b"%d" % n, soon())) for n in range(3)]
        while len(given) < 3:
            await asyncio.sleep(0)
        assert sorted(given) == [1, 2, 3]
        release.set()
        assert [made.body for made in await asyncio.gather(*sent)] == [b"0", b"1", b"2"]

    tried(trying, n=4)


@pytest.mark.parametrize("gone", ["never there", "closed", "dead"])
def test_nothing_goes_to_one_that_is_not_there(gone):
    async def trying(shared, ends):
        ends[0].open(upper("0"))
        if gone != "never there":
            ends[1].open(upper("1"))
        if gone == "closed":
            ends[1].close()
        if gone == "dead":
            shared.gone(1)
        busy(ends[0])
        assert await ends[0].handed_on(b"x", soon()) is None
        assert shared.under_way[1, 1] == AWAY

    tried(trying)


def test_where_no_answer_comes_there_is_none_and_a_late_one_is_not_taken_for_another():
    async def trying(shared, ends):
        release, late = asyncio.Event(), asyncio.Event()

        async def slow(body, until):
            if body == b"first":
                await release.wait()
                late.set()
            return Made("", body)

        ends[0].open(slow)
        ends[1].open(slow)
        busy(ends[0])
        assert await ends[0].handed_on(b"first", time.monotonic()) is None
        release.set()
        await late.wait()
        assert await ends[0].handed_on(b"second", soon()) == Made("", b"second")
        assert shared.under_way.tolist() == [[1, 0], [0, 0]]

    tried(trying)


def test_an_end_that_closes_gives_up_what_it_waits_for():
    async def trying(shared, ends):
        async def never(body, until):
            await asyncio.Event().wait()

        ends[0].open(never)
        ends[1].open(never)
        busy(ends[0])
        waiting = asyncio.create_task(ends[0].handed_on(b"x", soon()))
        while not shared.under_way[0, 1]:
            await asyncio.sleep(0)
        ends[0].close()
        assert await waiting is None

    tried(trying)


def test_who_waits_for_one_that_dies_is_told():
    async def trying(shared, ends):
        async def never(body, until):
            await asyncio.Event().wait()

        for end in ends:
            end.open(never)
        busy(ends[0])
        waiting = [asyncio.create_task(ends[0].handed_on(b"x", soon())) for _ in range(2)]
        while not shared.under_way[0, 1:].all():
            await asyncio.sleep(0)
        shared.gone(1)
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [None]
        assert len(rest) == 1, "the other waits for a process that lives"
        shared.gone(2)
        assert await rest.pop() is None

    tried(trying, n=3)


def test_an_answer_that_no_message_holds_is_made_at_home():
    async def trying(shared, ends):
        async def long(body, until):
            return Made("", b"x" * (4 << 20))

        ends[0].open(long)
        ends[1].open(long)
        busy(ends[0])
        assert await ends[0].handed_on(b"x", soon()) is None
        assert await ends[0].handed_on(b"x" * (room.LONGEST + 1), soon()) is None

    tried(trying)


def test_where_there_is_no_room_for_more_the_rest_is_made_at_home():
    """The other process has stopped: its socket takes only so much, and nothing is lost or waits beyond its time."""

    async def trying(shared, ends):
        ends[0].open(upper("0"))
        shared.under_way[1] = 0  # it said that it is there, and has stopped
        busy(ends[0])
        shared.under_way[0, 0] = AWAY - 1
        until = time.monotonic() + 0.2
        found = await asyncio.gather(*(ends[0].handed_on(b"x" * room.LONGEST, until) for _ in range(100)))
        assert found == [None] * 100
        assert shared.under_way[0, 1] == 0

    tried(trying)


def test_answers_wait_for_room_too():
    async def trying(shared, ends):
        async def half_a_megabyte(body, until):
            return Made(body.decode(), body * (100 << 10))

        for end in ends:
            end.open(half_a_megabyte)
        shared.under_way[0, 0] = 1_000
        bodies = [f"{n:05}".encode() for n in range(50)]
        made = await asyncio.gather(*(ends[0].handed_on(body, soon()) for body in bodies))
        assert [one.body for one in made] == [body * (100 << 10) for body in bodies]

    tried(trying)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.data())
def test_the_one_with_least_to_do_is_chosen(loads, data):
    me = data.draw(st.integers(0, len(loads) - 1))

    async def trying(shared, ends):
        for number, end in enumerate(ends):
            end.open(upper(str(number)))
            shared.under_way[number, number] = loads[number]
        made = await ends[me].handed_on(b"", soon())
        assert (made is None) == (min(loads) == loads[me])
        if made is not None:
            assert loads[int(made.request_id)] == min(loads)
        np.fill_diagonal(shared.under_way, 0)
        assert not shared.under_way.any()

    tried(trying, n=len(loads))
