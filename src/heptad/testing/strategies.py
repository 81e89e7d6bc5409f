"""Hypothesis strategies of a tiny world: its declarations, its logs with every disorder, and its reads.

The world is small on purpose: few keys and times on a grid of seconds (now and then a microsecond off), so
that ties, exact window edges, late and future events, duplicates and conflicts are common.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from heptad.declare.data import Data
from heptad.declare.features import Decay, Per, Rate, Windowed, feature, hour, rate, weekday
from heptad.declare.labels import label
from heptad.declare.schema import Condition, Event, Table, lookup
from heptad.declare.types import Deleted, Id, Key, Time, Vector, Version
from heptad.declare.vectors import packed
from heptad.oracle.oracle import enrich
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.testing import drawing
from heptad.testing.trees import with_expressions
from heptad.times import SECOND


class Item(Table):
    item: Id
    since: Time
    rev: Version
    gone: Deleted | None
    tags: list[str] | None
    brand: str | None
    shelf: int | None
    price: float | None
    face: Vector[2] | None  # type: ignore[type-arg, valid-type]


class Buy(Event, lateness="10s", max_future="5s"):
    buy_id: Key
    ts: Time
    user: Id
    item: Id
    amount: int | None
    paid: float | None
    gift: bool | None
    device: str | None
    look: Vector[2] | None  # type: ignore[type-arg, valid-type]
    tags: list[str] = lookup(Item.tags)
    brand: str = lookup(Item.brand)
    shelf: int = lookup(Item.shelf)
    face: Vector[2] = lookup(Item.face)  # type: ignore[type-arg, valid-type]


class View(Event, lateness="20s", max_future="5s"):
    """A stream without ids: ties are ordered by a hash of the row, and nothing is a duplicate."""

    ts: Time
    user: Id
    item: Id | None
    seconds: float | None
    page: str | None
    tags: list[str] = lookup(Item.tags)
    brand: str = lookup(Item.brand)


BOUGHT = label(Buy, where=Buy.fields["amount"] >= 2)

IDS: tuple[tuple[Any, ...], ...] = (
    (1, 2),
    (0, -7, 2**63 - 1, -(2**63) + 1, 2**62),
    ("u", "v", ""),
    (1, "1", -7, "u", 2**63 - 1),
)
TAGS = ("x", "y", "z")
LOOKS = (None, *(packed(v, 2) for v in ([1, 0], [0, 0], [-0.5, 2], [1e-20, 3e38], [0.1, 0.7])))
FLOATS = (None, 0.0, -0.0, 0.5, 1.5, 2.5, -2.25, 0.1, 1e-7, 1e300, -1e300, float("nan"), float("inf"), 4e12)
INTS = (None, 0, 1, 2, 3, -5, 2**53 + 1, 2**62 - 1, 2**62, 2**63 - 1, -(2**63) + 1)
STEPS = (0, 0, 1, 500_000, SECOND, SECOND, 2 * SECOND, 7 * SECOND, 31 * SECOND)
AGES = (
    0, 0, 1, -1, SECOND, 2 * SECOND, 5 * SECOND, 5 * SECOND + 1, 10 * SECOND, 10 * SECOND + 1, 12 * SECOND,
    21 * SECOND, -SECOND, -5 * SECOND, -5 * SECOND - 1,
)  # fmt: skip
KEYS: dict[type[Event], tuple[tuple[str, ...], ...]] = {
    Buy: (
        ("user",), ("item",), ("user", "item"), ("brand",), ("gift",), ("user", "shelf"), ("tags",),
        ("user", "tags"), ("device", "item"), (),
    ),
    View: (("user",), ("item",), ("user", "item"), ("tags",), ("tags", "user"), ("brand",), ()),
}  # fmt: skip
WIDTHS = ("5s", "7s", "30s", "all")
LAGS = (0, 0, 1, SECOND, 2 * SECOND, 7 * SECOND)
TTLS = (None, None, 1, SECOND, 5 * SECOND, 30 * SECOND)
REVISIONS = (0, 0, 0, 0, 1, 2, -1, 2**62)
GONE = (None, False, False, False, True)


class Setting(NamedTuple):
    """What a log and its reads share: the names of users and items, and the instant it begins."""

    users: tuple[Any, ...]
    items: tuple[Any, ...]
    epoch: int


class Post(NamedTuple):
    """One row as it arrives from outside, parsed by its schema and not yet enriched or logged."""

    arrival: int
    stream: str
    row: dict[str, Any]


def settings() -> st.SearchStrategy[Setting]:
    """Integer ids, text ids or both; times around 1970, before it, or in our day."""
    epochs = st.sampled_from((0, -3 * SECOND, 1_700_000_000 * SECOND))
    return st.builds(Setting, st.sampled_from(IDS), st.sampled_from(IDS), epochs)


# ---------------------------------------------------------------------------------- declarations


CONDITIONS: dict[type[Event], tuple[tuple[str, str, Any], ...]] = {
    Buy: (
        ("amount", ">=", 2), ("paid", "<", 1.5), ("paid", "!=", 0.0), ("gift", "==", True), ("device", "==", "web"),
        ("user", "!=", "u"), ("item", "==", 1), ("brand", "!=", "b"),
    ),
    View: (("seconds", ">", 0.5), ("page", "==", "home"), ("user", "!=", 1), ("brand", "<=", "a")),
}  # fmt: skip


def conditions(event: type[Event]) -> st.SearchStrategy[Condition | None]:
    """A comparison of some column with a constant, or (half the time) none."""
    compared = st.sampled_from(CONDITIONS[event])
    some = compared.map(lambda c: Condition(event.fields[c[0]], c[1], c[2]))
    return st.one_of(st.none(), some)


@st.composite
def features(
    draw: st.DrawFn,
    events: Sequence[type[Event]] = (Buy, View),
    aggregations: Sequence[str] | None = None,
) -> Windowed | Decay:
    """Any aggregation of the table, or a decay, over any column it takes, keys, windows, delay, hop and condition."""
    event = draw(st.sampled_from(list(events)))
    name = draw(st.sampled_from(list(aggregations or drawing.names())))
    per = Per(event, draw(st.sampled_from(KEYS[event])), draw(conditions(event)))
    columns = list(event.fields.values())
    return drawing.windowed(lambda some: draw(st.sampled_from(some)), per, columns, name, WIDTHS)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Purchases to views, with and without a prior."""
    keys = draw(st.sampled_from((("user",), ("item",), ("user", "item"), ("tags",))))
    above = Per(Buy, keys, draw(conditions(Buy)))
    over = tuple(draw(st.lists(st.sampled_from(WIDTHS), min_size=1, max_size=2, unique=True)))
    return rate(above, View, per=keys, over=over, prior=draw(st.sampled_from((0.0, 0.3))), strength=2.0)


@st.composite
def data(draw: st.DrawFn, aggregations: Sequence[str] | None = None, size: int = 4) -> Data:
    """A step 3: up to ``size`` windowed features and a rate, static facts, contextual columns."""
    names = [f"f{i}" for i in range(draw(st.integers(1, size)))]
    dynamic: dict[str, Windowed | Rate | Decay] = {
        name: draw(features(aggregations=aggregations)) for name in names
    }
    if draw(st.booleans()):
        dynamic["rate"] = draw(rates())
    facts = {"tags": "tags", "price": "price", "maker": "brand", "shelf": "shelf", "face": "face"}
    static = {name: Item.fields[column] for name, column in facts.items() if draw(st.booleans())}
    contextual: dict[str, Any] = {"hour": hour(), "weekday": weekday(), "device": Buy.fields["device"]}
    if "price" in static:

        def gap(paid: Any, price: Any) -> Any:
            return paid - price

        contextual["gap"] = feature(gap)
    plain = Data(static=static, dynamic=dynamic, contextual=contextual)
    return with_expressions(plain, BOUGHT, draw(st.randoms(use_true_random=True)))


def plans(aggregations: Sequence[str] | None = None, size: int = 4) -> st.SearchStrategy[Plan]:
    """The compiled plan of drawn `data` for requests shaped like `Buy`, the table's lag and ttl drawn too."""
    compiled = data(aggregations, size).map(lambda drawn: compile_features(drawn, BOUGHT))
    return st.builds(behind, compiled, st.sampled_from(LAGS), st.sampled_from(TTLS))


def behind(plan: Plan, lag: int, ttl: int | None) -> Plan:
    """The plan with tables of this lag and ttl, microseconds: as their classes would declare it."""
    streams = (replace(s, lag=lag, ttl=ttl) if s.is_table else s for s in plan.streams)
    return replace(plan, streams=tuple(streams))


# ------------------------------------------------------------------------------------------ logs


@st.composite
def rows(draw: st.DrawFn, stream: str, setting: Setting, time: int) -> dict[str, Any]:
    """One parsed row of a stream at a time, its lookups still empty."""
    user, item = draw(st.sampled_from(setting.users)), draw(st.sampled_from(setting.items))
    match stream:
        case "Item":
            return Item.parse(
                {
                    "item": item,
                    "since": time,
                    "rev": draw(st.sampled_from(REVISIONS)),
                    "gone": draw(st.sampled_from(GONE)),
                    "tags": draw(_tags()),
                    "brand": draw(st.sampled_from((None, "a", "b"))),
                    "shelf": draw(st.sampled_from((None, 1, 2))),
                    "price": draw(st.sampled_from(FLOATS)),
                    "face": draw(st.sampled_from(LOOKS)),
                }
            )
        case "Buy":
            key = draw(st.one_of(st.integers(-5, 40), st.sampled_from(("b1", "b2", "b3"))))
            return Buy.parse({"buy_id": key, "ts": time, "user": user, "item": item, **draw(_payload())})
        case _:
            seconds, page = draw(st.sampled_from(FLOATS)), draw(st.sampled_from((None, "home", "cart")))
            item = draw(st.sampled_from((None, item)))
            return View.parse({"ts": time, "user": user, "item": item, "seconds": seconds, "page": page})


def _tags() -> st.SearchStrategy[list[str] | None]:
    return st.one_of(st.none(), st.lists(st.sampled_from(TAGS), max_size=4))


def _payload() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "amount": st.sampled_from(INTS),
            "paid": st.sampled_from(FLOATS),
            "gift": st.sampled_from((None, True, False)),
            "device": st.sampled_from((None, "web", "app")),
            "look": st.sampled_from(LOOKS),
        }
    )


@st.composite
def posts(
    draw: st.DrawFn,
    setting: Setting,
    streams: Collection[str] = ("Item", "Buy", "View"),
    max_size: int = 25,
) -> list[Post]:
    """Rows in the order they arrive: late, future, repeated as they were, and repeated with changes."""
    clock = setting.epoch
    out: list[Post] = []
    for _ in range(draw(st.integers(0, max_size))):
        clock += draw(st.sampled_from(STEPS))
        earlier = [post for post in out if post.stream == "Buy"]
        if earlier and draw(st.integers(0, 5)) == 0:
            row = dict(draw(st.sampled_from(earlier)).row)
            change = draw(st.sampled_from(("none", "none", "amount", "time")))
            if change == "amount":
                row["amount"] = draw(st.sampled_from(INTS))
            elif change == "time":
                row["ts"] = clock - draw(st.sampled_from(AGES))
            out.append(Post(clock, "Buy", row))
            continue
        stream = draw(st.sampled_from(sorted(streams)))
        time = clock - draw(st.sampled_from(AGES))
        out.append(Post(clock, stream, draw(rows(stream, setting, time))))
    return out


def logged(plan: Plan, posted: Sequence[Post], first: int = 0) -> list[Logged]:
    """The log an appender writes of these posts: each enriched by the rows logged before it."""
    log: list[Logged] = []
    for post in posted:
        row = enrich(plan, log, post.stream, post.row)
        log.append(Logged(first + len(log), post.arrival, post.stream, row))
    return log


def logs(plan: Plan, setting: Setting, max_size: int = 25) -> st.SearchStrategy[list[Logged]]:
    """Logs of the streams a plan knows."""
    known = [stream.name for stream in plan.streams]
    return posts(setting, known, max_size).map(lambda posted: logged(plan, posted))


# ----------------------------------------------------------------------------------------- reads


@st.composite
def requests(draw: st.DrawFn, setting: Setting) -> dict[str, Any]:
    """What a read brings: every column of `Buy` but the time; keys may be unknown or null."""
    request = draw(_payload())
    request["paid"] = draw(st.sampled_from((None, 0.5, 2.0, float("nan"))))
    request["buy_id"] = 10_000
    request["user"] = draw(st.sampled_from((*setting.users, None, "nobody")))
    request["item"] = draw(st.sampled_from((*setting.items, None)))
    request["tags"] = draw(_tags())
    request["brand"] = draw(st.sampled_from((None, "a", "b", "c")))
    request["shelf"] = draw(st.sampled_from((None, 1, 2)))
    request["face"] = draw(st.sampled_from(LOOKS))
    return request


def moments(setting: Setting, log: Sequence[Logged] = ()) -> st.SearchStrategy[int]:
    """Times to read at: on the grid, a microsecond off it, and around the arrivals of a log."""
    grid = [setting.epoch + k * SECOND for k in range(-12, 60)]
    near = [record.arrival + d for record in log for d in (0, 1, 5 * SECOND, 7 * SECOND, 30 * SECOND)]
    return st.builds(lambda t, d: t + d, st.sampled_from(grid + near), st.sampled_from((0, 0, 1, -1)))


class World(NamedTuple):
    """A plan, its log, and reads of it: requests with the (t, o) each is taken at."""

    plan: Plan
    log: list[Logged]
    requests: list[dict[str, Any]]
    t: list[int]
    o: list[int]


@st.composite
def worlds(
    draw: st.DrawFn, aggregations: Sequence[str] | None = None, size: int = 4, max_log: int = 25
) -> World:
    """All of it, drawn together."""
    setting = draw(settings())
    plan = draw(plans(aggregations, size))
    log = draw(logs(plan, setting, max_log))
    asked = draw(st.lists(requests(setting), max_size=8))
    t = [draw(moments(setting, log)) for _ in asked]
    o = [draw(st.integers(0, len(log))) for _ in asked]
    return World(plan, log, asked, t, o)
