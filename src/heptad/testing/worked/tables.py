"""Facts valid from a time on, and what an event takes from them when it is logged."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, Sale, example, hourly, sale, shop

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.12 table",
        "an older row never overwrites a newer one",
        hourly,
        [shop("s", "09:00", ["b"], "09:30"), shop("s", "08:00", ["a"], "09:40")],
        t="10:00",
        gives=("b",),
        column="tags",
    ),
    example(
        "3.12 table",
        "of two rows valid from one time the later in the log stands",
        hourly,
        [shop("s", "09:00", ["a"], "09:30"), shop("s", "09:00", ["b"], "09:40")],
        t="10:00",
        gives=("b",),
        column="tags",
    ),
    example(
        "3.12 table",
        "a row valid from exactly t is not seen",
        hourly,
        [shop("s", "08:00", ["a"], "08:00"), shop("s", "10:00", ["b"], "08:00")],
        t="10:00",
        gives=("a",),
        column="tags",
    ),
    example(
        "3.13 enrichment",
        "a later table row does not rewrite what was counted",
        Sale.per("tags").count("all"),
        [shop("s", "08:00", ["a"], "08:00"), sale(1, "09:00"), shop("s", "09:30", ["b"], "09:30")],
        t="10:00",
        gives=0.0,
        tags={"s": ["a"]},
    ),
    example(
        "3.13 enrichment",
        "a table row valid from the event's own time is not joined",
        Sale.per("tags").count("all"),
        [shop("s", "09:00", ["a"], "09:00"), sale(1, "09:00")],
        t="10:00",
        gives=0.0,
    ),
)
