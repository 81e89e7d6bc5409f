"""What a read at (t, o) knows: the events before t in event time, from the first o records of the log."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, example, hourly, sale

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.2 time",
        "an event at exactly t is not seen",
        hourly,
        [sale(1, "10:00")],
        t="10:00",
        gives=0.0,
        online=False,
    ),
    example(
        "3.2 time",
        "one microsecond later it is",
        hourly,
        [sale(1, "10:00")],
        t="10:00:00.000001",
        gives=1.0,
    ),
    example(
        "3.2 offset",
        "a read at offset 1 does not see record 1",
        hourly,
        [sale(1, "10:00"), sale(2, "10:01")],
        t="10:02",
        gives=1.0,
        o=1,
    ),
    example(
        "3.2 offset",
        "an append racing the read is not in its snapshot, whatever its time",
        hourly,
        [sale(1, "10:00"), sale(2, "09:59", arrival="10:00")],
        t="10:01",
        gives=1.0,
        o=1,
    ),
    example(
        "3.2 offset",
        "a late event counts for reads after it, not for those before",
        hourly,
        [sale(1, "10:00"), sale(2, "09:59", arrival="10:00")],
        t="10:01",
        gives=2.0,
    ),
)
