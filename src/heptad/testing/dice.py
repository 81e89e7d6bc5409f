"""The tiny world of `strategies`, thrown from one seed: every seed another declaration, another log.

Hypothesis varies what it has found, so that many of its examples are alike; a test that runs thousands of
whole deployments wants thousands of different ones, and quickly.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import Any

from heptad.declare.data import Data
from heptad.declare.features import Decay, Per, Rate, Windowed, feature, hour, rate, weekday
from heptad.declare.schema import Condition, Event
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.testing import drawing
from heptad.testing.strategies import (
    AGES,
    BOUGHT,
    CONDITIONS,
    FLOATS,
    GONE,
    IDS,
    INTS,
    KEYS,
    LAGS,
    LOOKS,
    REVISIONS,
    STEPS,
    TAGS,
    TTLS,
    WIDTHS,
    Buy,
    Item,
    Post,
    Setting,
    View,
    behind,
)
from heptad.testing.trees import with_expressions
from heptad.times import SECOND

_RATE_KEYS: tuple[tuple[str, ...], ...] = (("user",), ("item",), ("user", "item"), ("tags",))


class Dice:
    """Throws plans, rows and requests; two of one seed throw alike."""

    def __init__(self, seed: int, table_rows: float = 0.15) -> None:
        self.random = Random(seed)
        self._table_rows = table_rows  # the share of rows that are a table's
        pick = self.random.choice
        users, items = (self.random.sample(names, 2) for names in (pick(IDS), pick(IDS)))
        self.setting = Setting(tuple(users), tuple(items), pick((0, -3 * SECOND, 1_700_000_000 * SECOND)))
        self._posted: list[Post] = []

    # -- declarations

    def plan(self, aggregations: Sequence[str] | None = None, size: int = 2) -> Plan:
        """Up to ``size`` windowed features, perhaps a rate, facts of tables, contextual columns."""
        flip = self._flip
        dynamic: dict[str, Windowed | Rate | Decay] = {
            f"f{i}": self._windowed(aggregations or drawing.names())
            for i in range(self.random.randint(1, size))
        }
        if flip(0.3):
            dynamic["rate"] = self._rate()
        facts = {"tags": "tags", "price": "price", "maker": "brand", "shelf": "shelf", "face": "face"}
        static = {name: Item.fields[column] for name, column in facts.items() if flip(0.4)}
        contextual: dict[str, Any] = {"hour": hour(), "weekday": weekday(), "device": Buy.fields["device"]}
        if "price" in static:
            contextual["gap"] = feature(_gap)
        plain = Data(static=static, dynamic=dynamic, contextual=contextual)
        plan = compile_features(with_expressions(plain, BOUGHT, self.random), BOUGHT)
        return behind(plan, self.random.choice(LAGS), self.random.choice(TTLS))

    def _windowed(self, aggregations: Sequence[str]) -> Windowed | Decay:
        pick = self.random.choice
        event = pick((Buy, View))
        per = Per(event, pick(KEYS[event]), self._condition(event))
        return drawing.windowed(pick, per, list(event.fields.values()), pick(aggregations), WIDTHS)

    def _rate(self) -> Rate:
        keys = self.random.choice(_RATE_KEYS)
        over = tuple(self.random.sample(WIDTHS, self.random.choice((1, 2))))
        above = Per(Buy, keys, self._condition(Buy))
        return rate(above, View, per=keys, over=over, prior=self.random.choice((0.0, 0.3)), strength=2.0)

    def _condition(self, event: type[Event]) -> Condition | None:
        column, op, bound = self.random.choice(CONDITIONS[event])
        return Condition(event.fields[column], op, bound) if self._flip(0.3) else None

    # -- rows

    def post(self, clock: int, streams: Collection[str]) -> Post:
        """A row that arrives some time after ``clock``: in time, late, early, or one that was there before."""
        pick = self.random.choice
        arrival = clock + (0 if self._flip(0.3) else pick(STEPS))
        earlier = [post for post in self._posted if post.stream == "Buy"]
        if earlier and self._flip(0.15):
            row = dict(pick(earlier).row)
            change = pick(("none", "none", "amount", "time"))
            if change == "amount":
                row["amount"] = pick(INTS)
            elif change == "time":
                row["ts"] = arrival - pick(AGES)
            return self._kept(Post(arrival, "Buy", row))
        first = len(self._posted) < 2  # facts that are old already
        events = sorted({*streams} - {"Item"})
        stream = (
            "Item"
            if "Item" in streams and (first or self._flip(self._table_rows) or not events)
            else pick(events)
        )
        age = 0 if self._flip(0.5) else pick(AGES)
        age = 60 * SECOND if first and stream == "Item" else age
        return self._kept(Post(arrival, stream, self._row(stream, arrival - age)))

    def _kept(self, post: Post) -> Post:
        self._posted.append(post)
        return post

    def _row(self, stream: str, time: int) -> dict[str, Any]:
        pick, setting = self.random.choice, self.setting
        user, item = pick(setting.users), pick(setting.items)
        match stream:
            case "Item":
                facts = {"tags": self._tags(), "brand": pick((None, "a", "b")), "shelf": pick((None, 1, 2))}
                marks = {"rev": pick(REVISIONS), "gone": pick(GONE), "face": pick(LOOKS)}
                return Item.parse({"item": item, "since": time, "price": pick(FLOATS), **marks, **facts})
            case "Buy":
                key = pick(("b1", "b2", "b3", *range(-5, 150)))
                return Buy.parse({"buy_id": key, "ts": time, "user": user, "item": item, **self._payload()})
            case _:
                seconds, page = pick(FLOATS), pick((None, "home", "cart"))
                item = item if self._flip(0.8) else None
                return View.parse({"ts": time, "user": user, "item": item, "seconds": seconds, "page": page})

    def _payload(self) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "amount": pick(INTS),
            "paid": pick(FLOATS),
            "gift": pick((None, True, False)),
            "device": pick((None, "web", "app")),
            "look": pick(LOOKS),
        }

    def _tags(self) -> list[str] | None:
        return (
            None if self._flip(0.2) else self.random.choices(TAGS, k=self.random.choice((0, 1, 2, 2, 3, 4)))
        )

    # -- reads

    def request(self) -> dict[str, Any]:
        """What a read brings: every column of `Buy` but the time; now and then a key is unknown or null."""
        pick, setting = self.random.choice, self.setting
        request = {
            **self._payload(),
            "paid": pick((None, 0.5, 2.0, float("nan"))),
            "buy_id": 10_000,
            "user": pick((*setting.users, *setting.users, None, "nobody")),
            "item": pick((*setting.items, *setting.items, None, "nothing")),
            "tags": self._tags(),
            "brand": pick((None, "a", "a", "b", "b", "c")),
            "shelf": pick((None, 1, 1, 2, 2)),
            "face": pick(LOOKS),
        }
        if self._posted and self._flip(0.7):  # about what somebody did
            row = pick(self._posted).row
            request |= {name: row[name] for name in ("user", "item", "device", "gift") if name in row}
        return request

    def _flip(self, probability: float) -> bool:
        return self.random.random() < probability


def _gap(paid: Any, price: Any) -> Any:
    return paid - price
