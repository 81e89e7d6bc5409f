"""What each aggregation gives: of nothing, of nulls, and of numbers that floats would round."""

from __future__ import annotations

from typing import Final

import heptad as hp
from heptad.testing.examples import Example, Sale, example, hourly, per_user, sale

NAN: Final = float("nan")
liked = hp.rate(per_user.where(Sale.amount >= 5.0), Sale, per="user", over=("1h",), prior=0.5, strength=2)

ROWS: Final[tuple[Example, ...]] = (
    example(
        "count",
        "every event counts, also where another column is null",
        hourly,
        [sale(1, "10:00", None)],
        t="10:01",
        gives=1.0,
    ),
    example(
        "sum",
        "of nothing is 0",
        per_user.sum("amount", "1h"),
        [sale(1, "08:00")],
        t="10:01",
        gives=0.0,
    ),
    example(
        "3.11 sum",
        "is exact: 0.1 + 0.2 is 0.3",
        per_user.sum("amount", "1h"),
        [sale(1, "10:00", 0.1), sale(2, "10:00", 0.2)],
        t="10:01",
        gives=0.3,
    ),
    example(
        "3.11 sum",
        "rounds half to even, once, at lift",
        per_user.sum("amount", "1h", decimals=0),
        [sale(1, "10:00", 0.5), sale(2, "10:00", 1.5), sale(3, "10:00", 2.5)],
        t="10:01",
        gives=4.0,
    ),
    example(
        "3.11 sum",
        "is null where it could have overflowed",
        per_user.sum("amount", "1h"),
        [sale(1, "10:00", 5e12)],
        t="10:01",
        gives=NAN,
    ),
    example(
        "mean",
        "skips nulls",
        per_user.mean("amount", "1h"),
        [sale(1, "10:00", 2.0), sale(2, "10:00", None), sale(3, "10:00", 4.0)],
        t="10:01",
        gives=3.0,
    ),
    example(
        "mean",
        "of nothing is null",
        per_user.mean("amount", "1h"),
        [sale(1, "08:00")],
        t="10:01",
        gives=NAN,
    ),
    example(
        "min",
        "the least value in the window",
        per_user.min("amount", "1h"),
        [sale(1, "08:00", -9.0), sale(2, "10:00", 3.0), sale(3, "10:00", -2.5)],
        t="10:01",
        gives=-2.5,
    ),
    example(
        "max",
        "an expired maximum is forgotten",
        per_user.max("amount", "1h"),
        [sale(1, "08:00", 9.0), sale(2, "10:00", 3.0)],
        t="10:01",
        gives=3.0,
    ),
    example(
        "last",
        "skips nulls; -0.0 is 0.0",
        per_user.last("amount"),
        [sale(1, "10:00", -0.0), sale(2, "10:01", None)],
        t="10:02",
        gives=0.0,
    ),
    example(
        "last_n",
        "of an unknown key is empty",
        per_user.last("shop", n=3),
        [sale(1, "10:00")],
        t="10:01",
        gives=(),
        user="eve",
    ),
    example(
        "since_last",
        "seconds from the newest event to t",
        per_user.since_last(),
        [sale(1, "10:00")],
        t="10:01:30",
        gives=90.0,
    ),
    example(
        "where",
        "a null never passes a condition",
        per_user.where(Sale.amount >= 0.0).count("1h"),
        [sale(1, "10:00", None), sale(2, "10:00", 0.0)],
        t="10:01",
        gives=1.0,
    ),
    example(
        "rate",
        "clicks and views with a prior of 0.5 worth 2 events",
        liked,
        [*(sale(i, "10:00", float(i)) for i in (1, 2, 3, 5))],
        t="10:01",
        gives=2.0 / 6.0,
    ),
    example(
        "rate",
        "of nothing is the prior",
        liked,
        [],
        t="10:01",
        gives=0.5,
    ),
    example(
        "min", "of nothing is null", per_user.min("amount", "1h"), [sale(1, "08:00")], t="10:01", gives=NAN
    ),
    example(
        "max", "of nothing is null", per_user.max("amount", "1h"), [sale(1, "08:00")], t="10:01", gives=NAN
    ),
    example(
        "since_last",
        "of nothing is null",
        per_user.since_last("1h"),
        [sale(1, "08:00")],
        t="10:01",
        gives=NAN,
    ),
    example(
        "last_n",
        "the n newest, newest first",
        per_user.last("shop", n=2),
        [sale(1, "09:00", shop="a"), sale(2, "10:00", shop="b"), sale(3, "10:01", shop="c")],
        t="10:02",
        gives=("c", "b"),
    ),
)
