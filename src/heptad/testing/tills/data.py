"""Payments by a seed: some tills are bad for a week at a time, and high amounts are often stolen."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from heptad.times import DAY, SECOND

START = 20_000 * DAY
DAYS, CARDS, TILLS, PER_DAY = 45, 150, 40, 260


@cache
def _made(dear_from: int | None = None) -> dict[str, Any]:
    draw = np.random.default_rng(7)
    n = DAYS * PER_DAY
    ts = START + np.sort(draw.integers(0, DAYS * 86_400, n)) * SECOND
    card, till = draw.integers(0, CARDS, n), draw.integers(0, TILLS, n)
    amount = np.round(draw.gamma(2.0, 20.0, n), 2)
    bad = draw.random((DAYS // 5 + 1, TILLS)) < 0.08
    p = np.where(bad[(ts - START) // (5 * DAY), till], 0.6, 0.002) + np.where(amount > 150, 0.5, 0.0)
    stolen = draw.random(n) < p
    if dear_from is not None:
        amount = np.where(ts >= dear_from, np.round(amount * 2.5, 2), amount)
    return {"ts": ts, "card": card, "till": till, "amount": amount, "stolen": stolen}


def payments(dear_from: int | None = None) -> Any:
    """An Arrow table."""
    import pyarrow as pa

    made = _made(dear_from)
    held = {name: made[name] for name in ("ts", "card", "till", "amount")}
    return pa.table({"payment_id": np.arange(len(made["ts"])), **held})


def thefts(dear_from: int | None = None) -> Any:
    """An Arrow table; each is known some hours less than three days later."""
    import pyarrow as pa

    made = _made(dear_from)
    row = np.flatnonzero(made["stolen"])
    ts = made["ts"][row]
    known = ts + 3 * DAY - (row % 40) * 3_600 * SECOND
    held = {name: made[name][row] for name in ("card", "till")}
    return pa.table({"theft_id": np.arange(len(row)), "payment": row, "ts": ts, "known_at": known, **held})


def drifted(at: int) -> dict[str, Any]:
    """Prices rise two and a half times."""
    return {"Payment": payments(at), "Theft": thefts(at)}
