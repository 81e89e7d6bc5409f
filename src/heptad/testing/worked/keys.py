"""Which record an event belongs to, which a read asks for, and in which order events of one time come."""

from __future__ import annotations

from typing import Final

from heptad.testing.examples import Example, Sale, example, hourly, per_user, sale, shop

BIG: Final = 2**63 - 1

ROWS: Final[tuple[Example, ...]] = (
    example(
        "3.10 ties",
        "events at one time are ordered by id, newest first",
        per_user.last("shop", n=2),
        [sale(7, "10:00", shop="b"), sale(3, "10:00", shop="a")],
        t="10:01",
        gives=("b", "a"),
    ),
    example(
        "3.10 order",
        "the order of arrival does not matter to `last`",
        per_user.last("amount"),
        [sale(1, "10:00", 5.0), sale(2, "09:59", 7.0, arrival="10:00")],
        t="10:01",
        gives=5.0,
    ),
    example(
        "keys",
        "an unknown key gives the default, never a missing row",
        hourly,
        [sale(1, "10:00")],
        t="10:01",
        gives=0.0,
        user="eve",
    ),
    example(
        "keys",
        "a null key gives the default",
        hourly,
        [sale(1, "10:00")],
        t="10:01",
        gives=0.0,
        user=None,
    ),
    example(
        "keys",
        "an event whose key is null belongs to nobody",
        hourly,
        [sale(1, "10:00"), sale(2, "10:00", user=None)],
        t="10:01",
        gives=1.0,
    ),
    example(
        "keys",
        "several keys group together",
        Sale.per("user", "shop").count("1h"),
        [sale(1, "10:00"), sale(2, "10:00", shop="z")],
        t="10:01",
        gives=1.0,
    ),
    example(
        "keys",
        "2**63 - 1 is an id like any other",
        hourly,
        [sale(1, "10:00", user=BIG)],
        t="10:01",
        gives=1.0,
        user=BIG,
    ),
    example(
        "keys",
        "and a value like any other",
        per_user.last("shop"),
        [sale(1, "10:00", shop=BIG)],
        t="10:01",
        gives=BIG,
    ),
    example(
        "lists",
        "an event counts once for each of the read's elements that it has",
        Sale.per("user", "tags").count("all"),
        [shop("s", "08:00", ["a", "b"], "08:00"), sale(1, "09:00")],
        t="10:00",
        gives=2.0,
        tags={"s": ["a", "b"]},
    ),
    example(
        "lists",
        "an element named twice is one element",
        Sale.per("tags").count("all"),
        [shop("s", "08:00", ["a", "a"], "08:00"), sale(1, "09:00")],
        t="10:00",
        gives=1.0,
        tags={"s": ["a", "a"]},
    ),
    example(
        "lists",
        "a read whose list is not known gives the default",
        Sale.per("tags").count("all"),
        [shop("s", "08:00", ["a"], "08:00"), sale(1, "09:00")],
        t="10:00",
        gives=0.0,
        shop="elsewhere",
        tags={"s": ["a"]},
    ),
    example(
        "lists",
        "an empty list too",
        Sale.per("tags").count("all"),
        [shop("s", "08:00", [], "08:00"), sale(1, "09:00")],
        t="10:00",
        gives=0.0,
        tags={"s": []},
    ),
)
