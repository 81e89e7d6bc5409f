"""The rows of the table of worked examples (see `examples` for what a row means)."""

from __future__ import annotations

from typing import Final

import heptad as hp
from heptad.testing.examples import Example, Sale, at, log, sale, shop

NAN: Final = float("nan")
BIG: Final = 2**63 - 1
per_user = Sale.per("user")
hourly = per_user.count("1h")  # hop 1 m
daily = per_user.count("1d")  # hop 1 h
ever = per_user.count("all")
ann = {"user": "ann", "shop": "s"}

EXAMPLES: Final[tuple[Example, ...]] = (
    # time and knowledge
    Example("3.2 time", "an event at exactly t is not seen", hourly, log(sale(1, "10:00")), ann, at("10:00"), 0.0, online=False),
    Example("3.2 time", "one microsecond later it is", hourly, log(sale(1, "10:00")), ann, at("10:00:00.000001"), 1.0),
    Example("3.2 offset", "a read at offset 1 does not see record 1", hourly, log(sale(1, "10:00"), sale(2, "10:01")), ann, at("10:02"), 1.0, o=1),
    Example("3.2 offset", "an append racing the read is not in its snapshot, whatever its time", hourly, log(sale(1, "10:00"), sale(2, "09:59", arrival="10:00")), ann, at("10:01"), 1.0, o=1),
    Example("3.2 offset", "a late event counts for reads after it, not for those before", hourly, log(sale(1, "10:00"), sale(2, "09:59", arrival="10:00")), ann, at("10:01"), 2.0),
    # window edges
    Example("3.7 tail", "the tail is aligned to the hop: at 10:00:59.999999 the hour begins at 09:00", hourly, log(sale(1, "09:00")), ann, at("10:00:59.999999"), 1.0),
    Example("3.7 tail", "and a microsecond later at 09:01", hourly, log(sale(1, "09:00")), ann, at("10:01"), 0.0),
    Example("3.7 tail", "an event a microsecond before the tail is out", hourly, log(sale(1, "08:59:59.999999")), ann, at("10:00:30"), 0.0),
    Example("3.7 tail", "an event on the tail is in", hourly, log(sale(1, "09:01")), ann, at("10:01"), 1.0),
    Example("3.9 decay", "a window empties with no new event", hourly, log(sale(1, "09:00")), ann, at("12:00"), 0.0),
    Example("3.7 all time", "a window over all time never empties", ever, log(sale(1, "2020-01-01 00:00")), ann, at("2030-01-01 00:00"), 1.0),
    Example("3.7 shared ring", "1 d and 2 d share a ring of 1 h tiles: the day", per_user.count("1d", "2d"), log(sale(1, "2026-01-01 09:00"), sale(2, "10:00")), ann, at("10:30"), 1.0, column="value_1d"),
    Example("3.7 shared ring", "and the two days, from the same tiles", per_user.count("1d", "2d"), log(sale(1, "2026-01-01 09:00"), sale(2, "10:00")), ann, at("10:30"), 2.0, column="value_2d"),
    Example("3.7 before 1970", "floor division also before 1970", hourly, log(sale(1, "1969-12-31 23:59:30")), ann, at("1970-01-01 00:30"), 1.0),
    Example("3.7 before 1970", "the tail of a negative time rounds down, not to zero", hourly, log(sale(1, "1969-12-31 22:00:59.999999")), ann, at("1969-12-31 23:01:30"), 0.0),
    Example("3.8 delay", "with a delay the head is aligned too: 10:00 of the day before is out", per_user.count("1d", delay="1d"), log(sale(1, "2026-01-03 09:59:59.999999"), sale(2, "2026-01-03 10:00")), ann, at("2026-01-04 10:30"), 1.0),
    Example("3.8 delay", "and its tail: 10:00 two days before is in, a microsecond earlier is out", per_user.count("1d", delay="1d"), log(sale(1, "09:59:59.999999"), sale(2, "10:00")), ann, at("2026-01-04 10:30"), 1.0),
    # late, duplicate, conflict
    Example("3.6 late", "late by exactly L = 1 h is accepted", daily, log(sale(1, "10:00"), sale(2, "09:00", arrival="10:00")), ann, at("10:01"), 2.0),
    Example("3.6 late", "late by a microsecond more is refused", daily, log(sale(1, "10:00"), sale(2, "08:59:59.999999", arrival="10:00")), ann, at("10:01"), 1.0),
    Example("3.6 duplicate", "the same id and payload counts once", daily, log(sale(1, "10:00"), sale(1, "10:00")), ann, at("10:01"), 1.0),
    Example("3.6 conflict", "the same id with another payload: the first in the log stands", per_user.sum("amount", "1d"), log(sale(1, "10:00", 5.0), sale(1, "10:00", 7.0)), ann, at("10:01"), 5.0),
    Example("3.6 ids", "an id is remembered for L of event time; then it may come again", daily, log(sale(1, "08:00"), sale(2, "10:00"), sale(1, "10:00:05")), ann, at("10:01"), 3.0),
    Example("3.6 ids", "a duplicate that comes after L is refused as late: it still counts once", daily, log(sale(1, "08:00"), sale(2, "10:00"), sale(1, "08:00", arrival="10:00")), ann, at("10:01"), 2.0),
    Example("3.6 ids", "the number 1 and the text '1' are two ids", daily, log(sale(1, "10:00"), sale("1", "10:00")), ann, at("10:01"), 2.0),
    # the future
    Example("3.5 future", "an event dated after the read waits", daily, log(sale(1, "10:00"), sale(2, "12:00", arrival="10:00")), ann, at("11:00"), 1.0),
    Example("3.5 future", "and counts once the read has passed it", daily, log(sale(1, "10:00"), sale(2, "12:00", arrival="10:00")), ann, at("12:00:00.000001"), 2.0),
    Example("3.5 future", "exactly max_future = 1 d ahead is accepted", ever, log(sale(1, "2026-01-03 10:00", arrival="10:00")), ann, at("2026-01-03 11:00"), 1.0),
    Example("3.5 future", "a microsecond more goes to the dead letters", ever, log(sale(1, "2026-01-03 10:00:00.000001", arrival="10:00")), ann, at("2026-01-03 11:00"), 0.0),
    Example("3.5 future", "a waiting event does not move the frontier: nothing becomes late by it", daily, log(sale(1, "2026-01-03 09:00", arrival="10:00"), sale(2, "10:30")), ann, at("10:31"), 1.0),
    # ties and order
    Example("3.10 ties", "events at one time are ordered by id, newest first", per_user.last("shop", n=2), log(sale(7, "10:00", shop="b"), sale(3, "10:00", shop="a")), ann, at("10:01"), ("b", "a")),
    Example("3.10 order", "the order of arrival does not matter to `last`", per_user.last("amount"), log(sale(1, "10:00", 5.0), sale(2, "09:59", 7.0, arrival="10:00")), ann, at("10:01"), 5.0),
    # keys
    Example("keys", "an unknown key gives the default, never a missing row", hourly, log(sale(1, "10:00")), {"user": "eve", "shop": "s"}, at("10:01"), 0.0),
    Example("keys", "a null key gives the default", hourly, log(sale(1, "10:00")), {"user": None, "shop": "s"}, at("10:01"), 0.0),
    Example("keys", "an event whose key is null belongs to nobody", hourly, log(sale(1, "10:00"), sale(2, "10:00", user=None)), ann, at("10:01"), 1.0),
    Example("keys", "several keys group together", Sale.per("user", "shop").count("1h"), log(sale(1, "10:00"), sale(2, "10:00", shop="z")), ann, at("10:01"), 1.0),
    Example("keys", "2**63 - 1 is an id like any other", hourly, log(sale(1, "10:00", user=BIG)), {"user": BIG, "shop": "s"}, at("10:01"), 1.0),
    Example("keys", "and a value like any other", per_user.last("shop"), log(sale(1, "10:00", shop=BIG)), ann, at("10:01"), BIG),
    # tables, enrichment, list columns
    Example("3.12 table", "an older row never overwrites a newer one", hourly, log(shop("s", "09:00", ["b"], "09:30"), shop("s", "08:00", ["a"], "09:40")), ann, at("10:00"), ("b",), column="tags"),
    Example("3.12 table", "of two rows valid from one time the later in the log stands", hourly, log(shop("s", "09:00", ["a"], "09:30"), shop("s", "09:00", ["b"], "09:40")), ann, at("10:00"), ("b",), column="tags"),
    Example("3.12 table", "a row valid from exactly t is not seen", hourly, log(shop("s", "08:00", ["a"], "08:00"), shop("s", "10:00", ["b"], "08:00")), ann, at("10:00"), ("a",), column="tags"),
    Example("3.13 enrichment", "a later table row does not rewrite what was counted", Sale.per("tags").count("all"), log(shop("s", "08:00", ["a"], "08:00"), sale(1, "09:00"), shop("s", "09:30", ["b"], "09:30"), tags={"s": ["a"]}), ann, at("10:00"), 0.0),
    Example("3.13 enrichment", "a table row valid from the event's own time is not joined", Sale.per("tags").count("all"), log(shop("s", "09:00", ["a"], "09:00"), sale(1, "09:00")), ann, at("10:00"), 0.0),
    Example("lists", "an event counts once for each of the read's elements that it has", Sale.per("user", "tags").count("all"), log(shop("s", "08:00", ["a", "b"], "08:00"), sale(1, "09:00"), tags={"s": ["a", "b"]}), ann, at("10:00"), 2.0),
    Example("lists", "an element named twice is one element", Sale.per("tags").count("all"), log(shop("s", "08:00", ["a", "a"], "08:00"), sale(1, "09:00"), tags={"s": ["a", "a"]}), ann, at("10:00"), 1.0),
    # aggregations: defaults, nulls, exact numbers
    Example("count", "every event counts, also where another column is null", hourly, log(sale(1, "10:00", None)), ann, at("10:01"), 1.0),
    Example("sum", "of nothing is 0", per_user.sum("amount", "1h"), log(sale(1, "08:00")), ann, at("10:01"), 0.0),
    Example("3.11 sum", "is exact: 0.1 + 0.2 is 0.3", per_user.sum("amount", "1h"), log(sale(1, "10:00", 0.1), sale(2, "10:00", 0.2)), ann, at("10:01"), 0.3),
    Example("3.11 sum", "rounds half to even, once, at lift", per_user.sum("amount", "1h", decimals=0), log(sale(1, "10:00", 0.5), sale(2, "10:00", 1.5), sale(3, "10:00", 2.5)), ann, at("10:01"), 4.0),
    Example("3.11 sum", "is null where it could have overflowed", per_user.sum("amount", "1h"), log(sale(1, "10:00", 5e12)), ann, at("10:01"), NAN),
    Example("mean", "skips nulls", per_user.mean("amount", "1h"), log(sale(1, "10:00", 2.0), sale(2, "10:00", None), sale(3, "10:00", 4.0)), ann, at("10:01"), 3.0),
    Example("mean", "of nothing is null", per_user.mean("amount", "1h"), log(sale(1, "08:00")), ann, at("10:01"), NAN),
    Example("min", "the least value in the window", per_user.min("amount", "1h"), log(sale(1, "08:00", -9.0), sale(2, "10:00", 3.0), sale(3, "10:00", -2.5)), ann, at("10:01"), -2.5),
    Example("max", "an expired maximum is forgotten", per_user.max("amount", "1h"), log(sale(1, "08:00", 9.0), sale(2, "10:00", 3.0)), ann, at("10:01"), 3.0),
    Example("last", "skips nulls; -0.0 is 0.0", per_user.last("amount"), log(sale(1, "10:00", -0.0), sale(2, "10:01", None)), ann, at("10:02"), 0.0),
    Example("last_n", "of an unknown key is empty", per_user.last("shop", n=3), log(sale(1, "10:00")), {"user": "eve", "shop": "s"}, at("10:01"), ()),
    Example("since_last", "seconds from the newest event to t", per_user.since_last(), log(sale(1, "10:00")), ann, at("10:01:30"), 90.0),
    Example("where", "a null never passes a condition", per_user.where(Sale.amount >= 0.0).count("1h"), log(sale(1, "10:00", None), sale(2, "10:00", 0.0)), ann, at("10:01"), 1.0),
    Example("rate", "clicks and views with a prior of 0.5 worth 2 events", hp.rate(per_user.where(Sale.amount >= 5.0), Sale, per="user", over=("1h",), prior=0.5, strength=2), log(*(sale(i, "10:00", float(i)) for i in (1, 2, 3, 5))), ann, at("10:01"), 2.0 / 6.0),
    Example("rate", "of nothing is the prior", hp.rate(per_user.where(Sale.amount >= 5.0), Sale, per="user", over=("1h",), prior=0.5, strength=2), log(), ann, at("10:01"), 0.5),
)  # fmt: skip
