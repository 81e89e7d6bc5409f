from hypothesis import given
from hypothesis import strategies as st

from heptad.streams.clock import Clock, ReplayClock, WallClock
from heptad.times import instant


def test_the_wall_clock_counts_microseconds_since_1970() -> None:
    clock: Clock = WallClock()
    assert instant("2020-01-01T00:00:00Z") < clock.now() < instant("2200-01-01T00:00:00Z")


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15)))
def test_a_replay_clock_is_the_highest_time_it_was_advanced_to(start: int, times: list[int]) -> None:
    clock = ReplayClock(start)
    seen = [clock.advance_to(t) for t in times]
    assert seen == [max(start, *times[: i + 1]) for i in range(len(times))]
    assert clock.now() == max([start, *times])
