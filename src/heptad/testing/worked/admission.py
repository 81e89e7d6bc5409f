"""Which records count: late, duplicate and conflicting ones, decided from the log alone."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, daily, example, per_user, sale

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.6 late",
        "late by exactly L = 1 h is accepted",
        daily,
        [sale(1, "10:00"), sale(2, "09:00", arrival="10:00")],
        t="10:01",
        gives=2.0,
    ),
    example(
        "3.6 late",
        "late by a microsecond more is refused",
        daily,
        [sale(1, "10:00"), sale(2, "08:59:59.999999", arrival="10:00")],
        t="10:01",
        gives=1.0,
    ),
    example(
        "3.6 duplicate",
        "the same id and payload counts once",
        daily,
        [sale(1, "10:00"), sale(1, "10:00")],
        t="10:01",
        gives=1.0,
    ),
    example(
        "3.6 conflict",
        "the same id with another payload: the first in the log stands",
        per_user.sum("amount", "1d"),
        [sale(1, "10:00", 5.0), sale(1, "10:00", 7.0)],
        t="10:01",
        gives=5.0,
    ),
    example(
        "3.6 ids",
        "an id is remembered for L of event time; then it may come again",
        daily,
        [sale(1, "08:00"), sale(2, "10:00"), sale(1, "10:00:05")],
        t="10:01",
        gives=3.0,
    ),
    example(
        "3.6 ids",
        "a duplicate that comes after L is refused as late: it still counts once",
        daily,
        [sale(1, "08:00"), sale(2, "10:00"), sale(1, "08:00", arrival="10:00")],
        t="10:01",
        gives=2.0,
    ),
    example(
        "3.6 ids",
        "the number 1 and the text '1' are two ids",
        daily,
        [sale(1, "10:00"), sale("1", "10:00")],
        t="10:01",
        gives=2.0,
    ),
    example(
        "3.6 late",
        "lateness is measured in event time: what comes hours after its time is not late while nothing newer came",
        daily,
        [sale(1, "10:00"), sale(2, "09:30", arrival="18:00")],
        t="18:01",
        gives=2.0,
    ),
)
