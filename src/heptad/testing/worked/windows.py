"""Which events a window covers: exact at the head, aligned to the hop at the tail, both with a delay."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, example, hourly, per_user, sale

ever = per_user.count("all")
two_windows = per_user.count("1d", "2d")  # both of hop 1 h
delayed = per_user.count("1d", delay="1d")

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.7 tail",
        "the tail is aligned to the hop: at 10:00:59.999999 the hour begins at 09:00",
        hourly,
        [sale(1, "09:00")],
        t="10:00:59.999999",
        gives=1.0,
    ),
    example(
        "3.7 tail",
        "and a microsecond later at 09:01",
        hourly,
        [sale(1, "09:00")],
        t="10:01",
        gives=0.0,
    ),
    example(
        "3.7 tail",
        "an event a microsecond before the tail is out",
        hourly,
        [sale(1, "08:59:59.999999")],
        t="10:00:30",
        gives=0.0,
    ),
    example(
        "3.7 tail",
        "an event on the tail is in",
        hourly,
        [sale(1, "09:01")],
        t="10:01",
        gives=1.0,
    ),
    example(
        "3.9 decay",
        "a window empties with no new event",
        hourly,
        [sale(1, "09:00")],
        t="12:00",
        gives=0.0,
    ),
    example(
        "3.7 all time",
        "a window over all time never empties",
        ever,
        [sale(1, "2020-01-01 00:00")],
        t="2030-01-01 00:00",
        gives=1.0,
    ),
    example(
        "3.7 shared ring",
        "1 d and 2 d share a ring of 1 h tiles: the day",
        two_windows,
        [sale(1, "2026-01-01 09:00"), sale(2, "10:00")],
        t="10:30",
        gives=1.0,
        column="value_1d",
    ),
    example(
        "3.7 shared ring",
        "and the two days, from the same tiles",
        two_windows,
        [sale(1, "2026-01-01 09:00"), sale(2, "10:00")],
        t="10:30",
        gives=2.0,
        column="value_2d",
    ),
    example(
        "3.7 before 1970",
        "floor division also before 1970",
        hourly,
        [sale(1, "1969-12-31 23:59:30")],
        t="1970-01-01 00:30",
        gives=1.0,
    ),
    example(
        "3.7 before 1970",
        "the tail of a negative time rounds down, not to zero",
        hourly,
        [sale(1, "1969-12-31 22:00:59.999999")],
        t="1969-12-31 23:01:30",
        gives=0.0,
    ),
    example(
        "3.8 delay",
        "with a delay the head is aligned too: 10:00 of the day before is out",
        delayed,
        [sale(1, "2026-01-03 09:59:59.999999"), sale(2, "2026-01-03 10:00")],
        t="2026-01-04 10:30",
        gives=1.0,
    ),
    example(
        "3.8 delay",
        "and its tail: 10:00 two days before is in, a microsecond earlier is out",
        delayed,
        [sale(1, "09:59:59.999999"), sale(2, "10:00")],
        t="2026-01-04 10:30",
        gives=1.0,
    ),
)
