"""Simulated card payments and the frauds reported on them, at any scale, seeded, with drift on demand.

After the description of the generator in the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot and Bontempi,
2022, chapter 3, "Transaction data simulator"); the code is our own. Customers and terminals lie in a square of
100 by 100; a customer pays at the terminals within 5 of home, Poisson many times a day (mean uniform in 0 to 4), around noon
(standard deviation 20,000 s, a time outside the day is no payment), an amount normal around the customer's own mean (uniform
in 5 to 100, standard deviation half of it; a negative one is drawn again, uniform up to twice the mean). Frauds:

1. every payment above 220;
2. each day two of 10,000 terminals are compromised, and all payments there in the next 28 days are frauds;
3. each day the cards of three of 5,000 customers leak: a third of their payments in the next 14 days are
   five times as high, and frauds;
4. (ours, only with drift) small thefts: during 14 days half of a leaked card's payments are frauds of 1 to 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

DAY = 86_400_000_000  #: microseconds
START = 1_522_540_800_000_000  #: 2018-04-01, as published
DELAY = 7 * DAY  #: a fraud is known this long after it happened
SIDE, REACH, LIMIT = 100.0, 5.0, 220.0
#: Of how many the published generator compromises two terminals, and three cards, a day.
TERMINALS, CUSTOMERS = 10_000, 5_000


@dataclass(frozen=True)
class Drift:
    """What is different from ``day`` on: factors of today's world, and ``thefts``, small ones per 5,000 cards a day.

    Prices rise by ``amounts``; the first scenario's limit of 220 rises with them. ``terminals`` and ``cards`` are how many
    times as many are compromised a day.
    """

    day: int
    amounts: float = 1.0
    terminals: float = 1.0
    cards: float = 1.0
    thefts: float = 0.0


class Payments(NamedTuple):
    """n payments in order of time; ``time`` is microseconds UTC, ``scenario`` 0 (honest) to 4, which nobody sees."""

    time: Any
    customer: Any
    terminal: Any
    amount: Any
    scenario: Any


@cache
def simulate(
    customers: int = 1_500, terminals: int = 3_000, days: int = 80, seed: int = 0, drift: Drift | None = None
) -> Payments:
    """The payments of this many days. The same arguments give the same payments, to the bit."""
    draw = np.random.default_rng(seed)
    homes, shops = draw.uniform(0, SIDE, (customers, 2)), draw.uniform(0, SIDE, (terminals, 2))
    reached, begins = _within_reach(homes, shops)
    mean, often = draw.uniform(5, 100, customers), draw.uniform(0, 4, customers)

    count = draw.poisson(np.repeat(often, days))
    customer = np.repeat(np.repeat(np.arange(customers), days), count)
    day = np.repeat(np.tile(np.arange(days), customers), count)
    second = np.trunc(draw.normal(43_200, 20_000, len(day)))
    made = (second > 0) & (second < 86_400) & (np.diff(begins)[customer] > 0)
    customer, day, second = customer[made], day[made], second[made]

    own = mean[customer]
    amount = draw.normal(own, own / 2)
    amount = np.where(amount < 0, draw.uniform(0, 2 * own), amount)
    near = np.diff(begins)[customer]
    terminal = reached[begins[customer] + (draw.random(len(near)) * near).astype(np.int64)]

    order = np.lexsort((customer, second, day))
    customer, terminal, day, amount = customer[order], terminal[order], day[order], amount[order].round(2)
    time = START + DAY * day + 1_000_000 * second[order].astype(np.int64)
    amount, scenario = _frauds(draw, customer, terminal, day, amount, (customers, terminals, days), drift)
    return Payments(time, customer, terminal, amount, scenario)


def _within_reach(homes, shops):
    """The terminals within reach of each customer: all of them in a row, and where each customer's begin (n + 1,)."""
    near = [np.flatnonzero(((shops - home) ** 2).sum(axis=1) < REACH**2) for home in homes]
    return np.concatenate(near), np.cumsum([0, *map(len, near)])


def _frauds(draw, customer, terminal, day, amount, size, drift):
    """The amounts with what thieves made of them, and the scenario of each payment."""
    customers, terminals, days = size
    change = drift or Drift(days)
    later = np.arange(days) >= change.day
    scenario = (amount > LIMIT).astype(np.int64)
    amount = np.where(later[day], amount * change.amounts, amount)
    there, cards, small = draw.spawn(3)  # of their own, so that what one draws does not change what others do
    ours, theirs = _Index(customer, day, customers), _Index(terminal, day, terminals)
    for today, number in enumerate(_per_day(2 * terminals / TERMINALS, later, change.terminals)):
        for shop in there.choice(terminals, number, replace=False):
            scenario[theirs.between(shop, today, today + 28)] = 2
    for today, number in enumerate(_per_day(3 * customers / CUSTOMERS, later, change.cards)):
        for card in cards.choice(customers, number, replace=False):
            rows = ours.between(card, today, today + 14)
            stolen = cards.choice(rows, len(rows) // 3, replace=False)
            amount[stolen] *= 5
            scenario[stolen] = 3
    thefts = np.where(later, change.thefts * customers / CUSTOMERS, 0.0)
    for today, number in enumerate(_whole(thefts)):
        for card in small.choice(customers, number, replace=False):
            rows = ours.between(card, today, today + 14)
            stolen = small.choice(rows, len(rows) // 2, replace=False)
            amount[stolen] = small.uniform(1, 6, len(stolen))
            scenario[stolen] = 4
    return amount.round(2), scenario


def _per_day(rate, later, factor):
    return _whole(np.where(later, factor * rate, rate))


def _whole(rates):
    """Whole numbers a day whose running total follows that of the rates; two a day is two on every day."""
    return np.diff(np.floor(np.cumsum(rates) + 1e-9).astype(np.int64), prepend=0)


class _Index:
    """Where the payments of one customer, or terminal, between two days are; rows come in order of time."""

    def __init__(self, owner: Any, day: Any, owners: int) -> None:
        self._order = np.argsort(owner, kind="stable")
        self._day = day[self._order]
        self._begin = np.searchsorted(owner[self._order], np.arange(owners + 1))

    def between(self, owner, first, end):
        """Rows of the owner with first <= day < end."""
        here = slice(self._begin[owner], self._begin[owner + 1])
        low, high = np.searchsorted(self._day[here], (first, end))
        return self._order[here][low:high]


def transactions(**scale: Any) -> Any:
    """Arrow table of the payments as the bank sees them; ``scale``: the arguments of `simulate`."""
    import pyarrow as pa

    paid = simulate(**scale)
    return pa.table(
        {
            "transaction_id": np.arange(len(paid.time)),
            "ts": paid.time,
            "customer": paid.customer,
            "terminal": paid.terminal,
            "amount": paid.amount,
        }
    )


def reports(**scale: Any) -> Any:
    """Arrow table of the frauds, each known seven days after its payment; ``ts`` is the payment's time."""
    import pyarrow as pa

    paid = simulate(**scale)
    row = np.flatnonzero(paid.scenario)
    return pa.table(
        {
            "report_id": np.arange(len(row)),
            "transaction": row,
            "ts": paid.time[row],
            "known_at": paid.time[row] + DELAY,
            "customer": paid.customer[row],
            "terminal": paid.terminal[row],
        }
    )


def drifted(at: int, **scale: Any) -> dict[str, Any]:
    """From the next midnight on prices are 1.5 times as high, three times as many terminals compromised, and thefts small."""
    first = -((START - at) // DAY)
    change = Drift(first, amounts=1.5, terminals=3.0, thefts=6.0)
    return {"Transaction": transactions(**scale, drift=change), "Report": reports(**scale, drift=change)}


def published(path: Any) -> dict[str, Any]:
    """The published payments (a Parquet file in the published names) as transactions, and the reports on them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    held: Any = parquet.read_table(path)
    payments = pa.table(
        {
            "transaction_id": held["TRANSACTION_ID"],
            "ts": pc.cast(pc.cast(held["TX_DATETIME"], pa.timestamp("us")), pa.int64()),
            "customer": held["CUSTOMER_ID"],
            "terminal": held["TERMINAL_ID"],
            "amount": held["TX_AMOUNT"],
        }
    )
    bad = payments.filter(np.asarray(held["TX_FRAUD"]) == 1).drop_columns("amount")
    bad = bad.append_column("report_id", bad["transaction_id"]).rename_columns(
        {"transaction_id": "transaction"}
    )
    return {"Transaction": payments, "Report": bad.append_column("known_at", pc.add(bad["ts"], DELAY))}


def about() -> dict[str, str]:
    """What a report says of the data."""
    return {
        "name": "Simulated card payments and reported frauds",
        "licence": "Apache-2.0, as heptad: made by heptad's own simulator",
        "citation": "After Le Borgne, Siblini, Lebichot and Bontempi, Fraud Detection Handbook, 2022, chapter 3",
    }
