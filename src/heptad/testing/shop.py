"""A made-up shop: a CSV file of purchases as another company would have written it, for `heptad new`.

Column names with spaces, ids of text, ISO times with mixed zone offsets, and no ratings. Each shopper mostly
buys from two of eight departments and nothing twice, so there is something to learn beyond popularity.
"""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

_DEPARTMENTS = ("garden", "kitchen", "toys", "books", "music", "sport", "tools", "pets")
_OFFSETS = (0, 60, 120, -300, 330)  #: minutes east of UTC
_BEGAN = datetime(2024, 3, 1, tzinfo=UTC)
_DAYS = 120
_LOYALTY = 0.85  #: share of purchases from a shopper's own departments


def write_purchases(
    path: Path, *, purchases: int = 3_000, shoppers: int = 150, products: int = 200, seed: int = 7
) -> Path:
    """Write the file, the same bytes for the same arguments, and return its path."""
    draw = random.Random(seed)
    shelf = {department: [] for department in _DEPARTMENTS}  # type: dict[str, list[int]]
    for product in range(products):
        shelf[draw.choice(_DEPARTMENTS)].append(product)
    department_of = {product: name for name, held in shelf.items() for product in held}
    appeal = [1.0 / (1 + draw.randrange(products // 4)) for _ in range(products)]
    price = [round(draw.uniform(2, 90), 2) for _ in range(products)]
    taste = [draw.sample(_DEPARTMENTS, 2) for _ in range(shoppers)]
    had: list[set[int]] = [set() for _ in range(shoppers)]
    moments = sorted(draw.randrange(_DAYS * 86_400) for _ in range(purchases))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["Order No", "Bought At", "Shopper", "SKU", "department", "unit price", "quantity", "channel"]
        )
        for number, moment in enumerate(moments):
            who = draw.randrange(shoppers)
            own = draw.random() < _LOYALTY
            pool = [p for name in taste[who] for p in shelf[name]] if own else range(products)
            left = [p for p in pool if p not in had[who]] or [p for p in range(products) if p not in had[who]]
            what = draw.choices(left, [appeal[p] for p in left])[0]
            had[who].add(what)
            zone = timezone(timedelta(minutes=draw.choice(_OFFSETS)))
            when = (_BEGAN + timedelta(seconds=moment)).astimezone(zone).isoformat()
            rows.writerow(
                [f"A-{number:05d}", when, f"s{who:04d}", f"P-{what:04d}", department_of[what], price[what],
                 draw.choice((1, 1, 1, 2, 3)), draw.choice(("web", "app", "store"))]
            )  # fmt: skip
    return path
