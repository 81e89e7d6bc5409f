"""The Fraud Detection Handbook's first experiment: its columns, which rows train and test, and card precision.

Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection -
Practical Handbook" (2022), chapter 3. Written anew from its description; the differences are named below.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import heptad as hp

DAY = 86_400_000_000  #: microseconds
WINDOWS = ("1d", "7d", "30d")
DELAY = "7d"  #: a fraud is known this long after it happened


class Payment(hp.Event):
    """One card payment as the published table has it: the truth stands beside it."""

    payment_id: hp.Key
    ts: hp.Time
    customer: hp.Id
    terminal: hp.Id
    amount: float
    fraud: bool


fraud = hp.label(Payment, where=Payment.fraud == True)  # noqa: E712 (a condition, not a comparison)


@hp.feature
def night(hour):
    """Whether the payment was made before seven in the morning."""
    return (hour <= 6) * 1.0


@hp.feature
def weekend(weekday):
    """Whether it was made on a Saturday or Sunday."""
    return (weekday >= 5) * 1.0


def data(hop: str | None = "1s") -> hp.Data:
    """The published features, and what they are computed of. ``columns`` names the published ones in order.

    The published windows are (t - W, t] and hold the payment itself; heptad's end strictly before t. So the payment
    is added back, one to the count and its amount to the sum, both of which the request brings. ``hop`` is where
    heptad's windows begin: at the second, the resolution of the data, they begin where the published ones do, but for
    a payment exactly W old, which heptad still counts. None takes heptad's default, a 24th of the window or
    less, as a deployment would. A payment of the same card in the same second is counted by the published windows if
    it stands above in the file, by heptad never. Delayed windows are published as (t - 7d - W, t - 7d] and are here
    [t - 7d - W, t - 7d).
    """
    cards, terminals = Payment.per("customer"), Payment.per("terminal")
    frauds = terminals.where(Payment.fraud == True)  # noqa: E712
    dynamic: dict[str, Any] = {}
    for width in WINDOWS:
        dynamic |= {
            f"earlier_{width}": cards.count(width, hop=hop),
            f"spent_{width}": cards.sum("amount", width, hop=hop, decimals=2),
            f"seen_{width}": terminals.count(width, delay=DELAY, hop=hop),
            f"bad_{width}": frauds.count(width, delay=DELAY, hop=hop),
        }
    return hp.Data(
        dynamic=dynamic,
        contextual=dict(
            amount=Payment.amount,
            hour=hp.hour(),
            weekday=hp.weekday(),
            night=night,
            weekend=weekend,
            count_1d=hp.feature(lambda earlier_1d: earlier_1d + 1),
            count_7d=hp.feature(lambda earlier_7d: earlier_7d + 1),
            count_30d=hp.feature(lambda earlier_30d: earlier_30d + 1),
            mean_1d=hp.feature(lambda spent_1d, amount, earlier_1d: (spent_1d + amount) / (earlier_1d + 1)),
            mean_7d=hp.feature(lambda spent_7d, amount, earlier_7d: (spent_7d + amount) / (earlier_7d + 1)),
            mean_30d=hp.feature(
                lambda spent_30d, amount, earlier_30d: (spent_30d + amount) / (earlier_30d + 1)
            ),
            risk_1d=hp.feature(lambda bad_1d, seen_1d: bad_1d / np.maximum(seen_1d, 1)),
            risk_7d=hp.feature(lambda bad_7d, seen_7d: bad_7d / np.maximum(seen_7d, 1)),
            risk_30d=hp.feature(lambda bad_30d, seen_30d: bad_30d / np.maximum(seen_30d, 1)),
        ),
    )


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
