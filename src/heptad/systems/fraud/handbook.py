"""The Fraud Detection Handbook's first experiment: its columns, which rows train and test, and card precision.

Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection -
Practical Handbook" (2022), chapter 3. Written anew from its description; the differences are named below.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import heptad as hp
from heptad.systems.fraud.system import Report, Transaction
from heptad.systems.fraud.system import fraud as shipped

DAY = 86_400_000_000  #: microseconds
WINDOWS = ("1d", "7d", "30d")
DELAY = "7d"  #: a fraud is known this long after it happened


def published(hop: str | None = "1s") -> hp.System:
    """The system with the published features in place of its own; `COLUMNS` are those, in their order.

    The published windows are (t - W, t] and hold the payment itself; heptad's end strictly before t. So the payment
    is added back: one to the count, its amount to the sum, both of which the request brings. ``hop`` is where
    windows begin: at the second, the resolution of the data, they begin where the published ones do, but
    for a payment exactly W old, which heptad still counts; None takes heptad's default, a 24th of the window or less,
    as a deployment would. Another payment of the card in the same second is in the published windows if it stands
    above in the file, and never in heptad's. Delayed windows are (t - 7d - W, t - 7d] there, [t - 7d - W, t - 7d) here.
    """
    cards, terminals, frauds = (
        Transaction.per("customer"),
        Transaction.per("terminal"),
        Report.per("terminal"),
    )
    earlier: dict[str, Any] = {}
    columns: dict[str, Any] = dict(amount=Transaction.amount, night=hp.hour() <= 6, weekend=hp.weekday() >= 5)
    for w in WINDOWS:
        earlier |= {
            f"before_{w}": cards.count(w, hop=hop),
            f"spent_{w}": cards.sum("amount", w, hop=hop, decimals=2),
            f"seen_{w}": terminals.count(w, delay=DELAY, hop=hop),
            f"bad_{w}": frauds.count(w, delay=DELAY, hop=hop),
        }
        columns |= {
            f"count_{w}": hp.col(f"before_{w}") + 1,
            f"mean_{w}": (hp.col(f"spent_{w}") + Transaction.amount) / (hp.col(f"before_{w}") + 1),
            f"risk_{w}": hp.col(f"bad_{w}") / hp.clip(hp.col(f"seen_{w}"), 1),
        }
    return replace(shipped, data=hp.Data(dynamic=earlier, contextual=columns), monitoring=hp.Monitoring())


#: The fifteen columns of the published models, in their order.
COLUMNS = (
    "amount", "weekend", "night",
    *(f"{kind}_{width}" for width in WINDOWS for kind in ("count", "mean")),
    *(f"{kind}_{width}" for width in WINDOWS for kind in ("seen", "risk")),
)  # fmt: skip


def split(time: Any, customer: Any, fraud: Any, begin: int) -> tuple[Any, Any]:
    """Which rows train and which test, two masks (n,): a week, a week of waiting for its labels, a week of tests.

    ``time`` int64 (n,) and ``begin``, midnight of the first day, are microseconds UTC. From each test day are left
    out the customers known by then to be defrauded: in the training week, or on a later day that ended a week
    before the test day began.
    """
    day = (time - begin) // DAY
    test = np.zeros(len(time), bool)
    for today in range(14, 21):
        known = np.unique(customer[fraud & (day >= 0) & (day < today - 7)])
        test |= (day == today) & ~np.isin(customer, known)
    return (day >= 0) & (day < 7), test


def card_precision(score: Any, time: Any, customer: Any, fraud: Any, k: int = 100) -> float:
    """The mean over days of the share of defrauded cards among the ``k`` cards of the day that score highest.

    A card's score is that of its worst payment of the day, and it is defrauded if any payment of the day is; a card
    that was found is blocked and not looked at on later days. Equal scores are ordered by card.
    """
    day, found, shares = time // DAY, np.empty(0, customer.dtype), []
    for today in np.unique(day):
        rows = (day == today) & ~np.isin(customer, found)
        cards, card = np.unique(customer[rows], return_inverse=True)
        worst, hit = np.full(len(cards), -np.inf), np.zeros(len(cards), bool)
        np.maximum.at(worst, card, score[rows])
        np.logical_or.at(hit, card, fraud[rows])
        best = np.argsort(-worst, kind="stable")[:k]
        caught = best[hit[best]]
        found = np.concatenate([found, cards[caught]])
        shares.append(len(caught) / k)
    return float(np.mean(shares))
