"""A small system with its history, its trained scorer and its running parts: for tests of serving.

A dozen users buy cups and pots; who bought big (5 or more) is the label. Everything is made from a seed, so
two processes make the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

import heptad as hp
from heptad.models.encoder import Encoder
from heptad.models.logistic import Logistic
from heptad.online.reader import Reader
from heptad.plan.batch import Column, column_of
from heptad.plan.nodes import Plan
from heptad.retrieval.fit import fit_retriever
from heptad.serving.intake import LocalIntake
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.state.open import answering, open_store
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import Clock, ReplayClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log
from heptad.streams.replay import Dated, Replay, history
from heptad.times import HOUR, MINUTE, instant

START: Final = instant("2026-01-01T00:00:00Z")
USERS: Final = tuple(range(1, 13))
PRODUCTS: Final = tuple(f"p{number:02d}" for number in range(24))
MAKERS: Final = ("acme", "bolt", "cobb")
SALES: Final = 240


class Product(hp.Table):
    product: hp.Id
    maker: str
    tags: list[str]
    price: float


class Sale(hp.Event, lateness="1h"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    product: hp.Id
    amount: float
    device: str | None
    tags: list[str] = hp.lookup(Product.tags)


big = hp.label(Sale, where=Sale.amount >= 5)


@hp.feature
def dearness(price: Any, mean_amount: Any) -> Any:
    """The price against what this user usually pays."""
    return price - mean_amount


SOURCES = (hp.EASE(6, penalty=5.0), hp.Popular(10))

tiny = hp.System(
    requirements=hp.Requirements(
        p99="50ms",
        candidates=12,
        qps=20,
        freshness="1s",
        shown=4,
        kpi=hp.KPI("big sales", hp.count(where=big)),
    ),
    framing=hp.Ranking(item=Sale.product, user=Sale.user, objective=hp.LogLoss(big)),
    data=hp.Data(
        static=dict(maker=Product.maker, tags=Product.tags, price=Product.price),
        dynamic=dict(
            had=Sale.per("user").last("product", n=50),
            user_sales=Sale.per("user").count("1d", "all"),
            mean_amount=Sale.per("user").mean("amount", "all"),
            product_sales=Sale.per("product").count("1d", "all"),
            taste=Sale.per("user", "tags").count("all"),
        ),
        contextual=dict(
            device=Sale.device,
            hour=hp.hour(),
            dearness=dearness,
            ease=hp.source_score("ease"),
            popular=hp.source_score("popular"),
        ),
    ),
    model=hp.Logistic(),
    evaluation=hp.Evaluation(hp.TimeSplit(test="1h"), gate=[hp.ece < 0.5]),
    serving=hp.Serving(
        candidates=SOURCES,
        history="had",
        rerank=[hp.Unseen(), hp.Cap("maker", 2)],
        fallback=hp.Popular(8),
    ),
    monitoring=hp.Monitoring(),
)


def sale(number: int, ts: int, user: int, product: str, amount: float) -> dict[str, Any]:
    """A row of Sale as a client would post it."""
    return {"sale": number, "ts": ts, "user": user, "product": product, "amount": amount, "device": "web"}


def past() -> list[Dated]:
    """The products, then sales over some hours, as they were posted; a user buys nothing twice."""
    draw = np.random.default_rng(3)
    products = [
        {"product": p, "maker": MAKERS[i % 3], "tags": ["cup", "red"][: 1 + i % 2], "price": float(1 + i)}
        for i, p in enumerate(PRODUCTS)
    ]
    bought: set[tuple[int, str]] = set()
    sales = []
    for number in range(SALES):
        user, product = int(draw.choice(USERS)), PRODUCTS[int(min(draw.exponential(8), len(PRODUCTS) - 1))]
        if (user, product) not in bought:
            bought.add((user, product))
            amount = float(draw.integers(1, 10))
            sales.append(sale(number, START + number * MINUTE, user, product, amount))
    return history(tiny.plan, {"Product": products, "Sale": sales})


def request(plan: Plan, user: int, products: list[str]) -> dict[str, Column]:
    """The request columns of one user and some products; the rest is null."""
    n = len(products)
    values = {f.name: column_of([None] * n, f.kind) for f in plan.request}
    fields = {f.name: f.kind for f in plan.request}
    values["user"] = column_of([user] * n, fields["user"])
    values["product"] = column_of(products, fields["product"])
    return values


def trained(directory: Path) -> Scorer:
    """A scorer trained on the past, made in a state of its own under ``directory``."""
    plan, rows = tiny.plan, past()
    clock, store = ReplayClock(START), MemoryStore(tiny.plan.state_hash)
    sales = [row.row for row in rows if row.stream == "Sale"]
    with Log.open(directory) as log:
        appender = Appender(plan, log, clock)
        Replay(appender, Applier(plan, log, store, appender), rows, clock).finish()
    reader = Reader(plan, store, clock)
    parts = [reader.read(request(plan, user, list(PRODUCTS)), len(PRODUCTS)).values for user in USERS]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "had"}
    holds = {c.name: c.holds for c in plan.columns if c.name != "had"}
    encoder = Encoder.fit(columns, holds, clock.now())  # type: ignore[arg-type]
    pulls = {(row["user"], row["product"]) for row in sales if row["amount"] >= 5}
    label = np.array([float((user, product) in pulls) for user in USERS for product in PRODUCTS])
    model = Logistic().fit(encoder.transform(columns), label)
    retriever = fit_retriever(
        SOURCES, [row["user"] for row in sales], [row["product"] for row in sales],
        trained_through=clock.now(), total=tiny.requirements.candidates,
    )  # fmt: skip
    return Scorer(encoder, model, retriever, plan.hash, version="tiny")


def opened(
    directory: Path, scorer: Scorer | None, *, clock: Clock | None = None, store: str = "memory:",
    deadline: int = HOUR,
) -> Service:  # fmt: skip
    """A service on a log, a store and a prediction log under ``directory``; its deadline is lax."""
    clock, states = clock or ReplayClock(START), open_store(store, tiny.plan.state_hash)
    letters = DeadLetters.open(directory / "dead_letters.jsonl")
    return Service(
        tiny, tiny.plan,
        intake=LocalIntake(tiny.plan, Log.open(directory / "log"), states, clock, letters),
        store=answering(store, states),
        clock=clock, predictions=PredictionLog.open(directory / "predictions"), scorer=scorer, deadline=deadline,
    )  # fmt: skip


def post_past(service: Service) -> None:
    """Post the past to a service, table rows first."""
    for stream in ("Product", "Sale"):
        service.post(stream, [dict(row.row) for row in past() if row.stream == stream]).result()
