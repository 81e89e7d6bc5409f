"""Events dated ahead of the clock wait; those too far ahead are dead letters."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, daily, example, per_user, sale

ever = per_user.count("all")

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.5 future",
        "an event dated after the read waits",
        daily,
        [sale(1, "10:00"), sale(2, "12:00", arrival="10:00")],
        t="11:00",
        gives=1.0,
    ),
    example(
        "3.5 future",
        "and counts once the read has passed it",
        daily,
        [sale(1, "10:00"), sale(2, "12:00", arrival="10:00")],
        t="12:00:00.000001",
        gives=2.0,
    ),
    example(
        "3.5 future",
        "exactly max_future = 1 d ahead is accepted",
        ever,
        [sale(1, "2026-01-03 10:00", arrival="10:00")],
        t="2026-01-03 11:00",
        gives=1.0,
    ),
    example(
        "3.5 future",
        "a microsecond more goes to the dead letters",
        ever,
        [sale(1, "2026-01-03 10:00:00.000001", arrival="10:00")],
        t="2026-01-03 11:00",
        gives=0.0,
    ),
    example(
        "3.5 future",
        "a waiting event does not move the frontier: nothing becomes late by it",
        daily,
        [sale(1, "2026-01-03 09:00", arrival="10:00"), sale(2, "10:30")],
        t="10:31",
        gives=1.0,
    ),
    example(
        "3.5 future",
        "a waiting event sent twice counts once",
        daily,
        [sale(1, "12:00", arrival="10:00"), sale(1, "12:00", arrival="11:00")],
        t="12:01",
        gives=1.0,
    ),
)
