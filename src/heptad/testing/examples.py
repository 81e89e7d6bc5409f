"""The worked examples: what every rule about time, knowledge and windows means, in numbers.

One table, executed by the oracle, the offline engine and both stores, and printed in
docs/reference/meaning.md. A new rule, or a new aggregation, is a new row: this module holds what a row is
made of, `worked/` the rows by theme, `examples_table` all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import heptad as hp
from heptad.declare.features import Decay, Rate, Windowed
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.times import instant


class Shop(hp.Table):
    shop: hp.Id
    tags: list[str]
    area: int | None
    since: hp.Time


class Licence(hp.Table, lag="1h", ttl="7d"):
    shop: hp.Id
    since: hp.Time
    rev: hp.Version
    gone: hp.Deleted
    grade: str | None


class Sale(hp.Event, lateness="1h", max_future="1d"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id | None
    shop: hp.Id
    amount: float
    tags: list[str] = hp.lookup(Shop.tags)


def at(text: str) -> int:
    """Microseconds of a time of 2026-01-02 (``"10:00"``), or of a full date and time; UTC.

    >>> at("10:00") - at("2026-01-01 10:00") == 86_400_000_000
    True
    """
    date, _, clock = text.rpartition(" ")
    hms = clock if clock.count(":") == 2 else f"{clock}:00"
    return instant(f"{date or '2026-01-02'}T{hms}+00:00")


@dataclass(frozen=True)
class Example:
    """One row: after ``log``, a read of ``feature`` for ``ask`` at (t, o) gives ``value``.

    ``log`` rows are (arrival, stream and row); ``o`` None means the whole log. ``online`` says whether the
    online path may answer (a t at or behind the frontier is answered offline only).
    """

    rule: str
    says: str
    feature: Windowed | Rate | Decay
    log: tuple[Logged, ...]
    ask: Mapping[str, Any]
    t: int
    value: object
    o: int | None = None
    online: bool = True
    column: str = "value"

    @property
    def plan(self) -> Plan:
        """The plan of the example's one feature, called ``value``, and a fact of the shop."""
        fact = {"grade": Licence.grade} if self.column == "grade" else {"tags": Shop.tags}
        return compile_features(hp.Data(static=fact, dynamic={"value": self.feature}), _LABEL)

    @property
    def offset(self) -> int:
        return len(self.log) if self.o is None else self.o


_LABEL = hp.label(Sale)
_Entry = tuple[int, str, dict[str, Any]]  #: arrival, stream, row

#: What most rows read: sales of one user over an hour (hop 1 m) or a day (hop 1 h).
per_user: Final = Sale.per("user")
hourly: Final = per_user.count("1h")
daily: Final = per_user.count("1d")


def example(
    rule: str,
    says: str,
    feature: Windowed | Rate | Decay,
    records: Sequence[_Entry],
    *,
    t: str,
    gives: object,
    o: int | None = None,
    user: Any = "ann",
    shop: str = "s",
    tags: Mapping[str, list[str]] | None = None,
    column: str = "value",
    online: bool = True,
) -> Example:
    """A row: the log holds ``records``; a read for ``user`` and ``shop`` at ``t`` gives ``gives``.

    ``tags`` are what the appender looked up for the sales of each shop.
    """
    ask = {"user": user, "shop": shop}
    return Example(rule, says, feature, log(*records, tags=tags), ask, at(t), gives, o, online, column)


def sale(
    id_: int | str,
    time: str,
    amount: float | None = 1.0,
    *,
    user: Any = "ann",
    shop: Any = "s",
    arrival: str | None = None,
) -> _Entry:
    """A sale that arrives at its own time unless an arrival is given."""
    ts = at(time)
    row = {"sale": id_, "ts": ts, "user": user, "shop": shop, "amount": amount, "tags": None}
    return (at(arrival) if arrival else ts), "Sale", row


def shop(name: str, since: str, tags: list[str], arrival: str) -> _Entry:
    return at(arrival), "Shop", {"shop": name, "tags": tags, "area": None, "since": at(since)}


def licence(
    name: str, since: str, grade: str | None, arrival: str, *, rev: int = 0, gone: bool = False
) -> _Entry:
    row = {"shop": name, "since": at(since), "rev": rev, "gone": gone, "grade": grade}
    return at(arrival), "Licence", row


def log(*entries: _Entry, tags: Mapping[str, list[str]] | None = None) -> tuple[Logged, ...]:
    """Entries in log order; ``tags`` are what the appender looked up for the sales of each shop."""
    looked_up = tags or {}
    return tuple(
        Logged(
            offset, arrival, stream, row | ({"tags": looked_up.get(row["shop"])} if stream == "Sale" else {})
        )
        for offset, (arrival, stream, row) in enumerate(entries)
    )


def records_of(example: Example) -> list[tuple[str, dict[str, Any], int]]:
    """(stream, row without lookups, arrival) in log order: what a client would have posted, and when."""
    enriched = {f.name for f in Sale.fields.values() if f.lookup}
    return [
        (r.stream, {k: v for k, v in r.row.items() if r.stream != "Sale" or k not in enriched}, r.arrival)
        for r in example.log
    ]
