"""Writes a CSV file of made-up purchases to try `heptad new` on: python docs/examples/purchases.py FILE [ROWS]

Text ids, ISO 8601 times with mixed zones, no ratings. Shoppers have a taste for two of eight categories and a
budget; products gain and lose popularity over four months. The same file every time.
"""

from __future__ import annotations

import csv
import random
import sys
from datetime import UTC, datetime, timedelta, timezone

CATEGORIES = ("garden", "kitchen", "books", "toys", "sport", "music", "office", "pets")
ZONES = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5)))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, SHOPPERS, PRODUCTS = 120, 300, 240


def purchases(rows: int) -> list[dict[str, str]]:
    """The rows in time order."""
    draw = random.Random(7)
    products = [
        (
            f"SKU-{n:04d}",
            CATEGORIES[n % len(CATEGORIES)],
            round(draw.uniform(3, 90), 2),
            draw.uniform(0, DAYS),
        )
        for n in range(PRODUCTS)
    ]
    shoppers = [
        (f"cust_{n:03d}", draw.sample(CATEGORIES, 2), draw.uniform(15, 90), draw.choice(ZONES))
        for n in range(SHOPPERS)
    ]
    minutes = sorted(draw.uniform(0, DAYS * 1440) for _ in range(rows))
    made = []
    for number, minute in enumerate(minutes):
        name, tastes, budget, zone = draw.choice(shoppers)
        day = minute / 1440
        weights = [
            (6.0 if category in tastes else 1.0)
            * (1.0 if price <= budget else 0.2)
            * (3.0 if abs(day - peak) < 20 else 1.0)
            for _, category, price, peak in products
        ]
        sku, category, price, _ = draw.choices(products, weights)[0]
        when = (BEGIN + timedelta(minutes=minute)).astimezone(zone)
        made.append(
            {
                "order_no": f"A{number:06d}",
                "bought_at": when.isoformat(timespec="seconds"),
                "shopper": name,
                "product": sku,
                "category": category,
                "price_paid": f"{price:.2f}",
            }
        )
    return made


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    rows = purchases(int(sys.argv[2]) if len(sys.argv) == 3 else 6_000)
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
