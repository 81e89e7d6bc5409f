"""The system that B6, B7 and the soak serve: 500 candidates of a shop, ranked by 50 features and 200 trees.

Views of items by users, with the item's category frozen in; windows per user, item, category and both.
"""

import heptad as hp

CANDIDATES = 500
SHORT, LONG = ("1h", "1d", "7d", "30d"), ("1d", "7d", "30d")


class Item(hp.Table):
    item: hp.Id
    category: str
    price: float


class View(hp.Event, lateness="1h"):
    view: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    device: str
    seconds: float
    category: str = hp.lookup(Item.category)


stayed = hp.label(View, where=View.seconds >= 30)


@hp.feature
def patience(price, user_seconds_7d):
    """The price per second that this user usually stays."""
    return price / (1.0 + user_seconds_7d)


shop = hp.System(
    requirements=hp.Requirements(
        p99="15ms", candidates=CANDIDATES, qps=150, freshness="20ms", shown=50,
        kpi=hp.KPI("long views among those shown", hp.count(where=stayed)),
    ),
    framing=hp.Ranking(item=View.item, user=View.user, objective=hp.LogLoss(stayed)),
    data=hp.Data(
        static=dict(category=Item.category, price=Item.price),
        dynamic=dict(
            had=View.per("user").last("item", n=20),
            user_count=View.per("user").count(*SHORT),
            user_seconds=View.per("user").mean("seconds", *LONG),
            user_longest=View.per("user").max("seconds", "7d"),
            user_since=View.per("user").since_last(),
            item_count=View.per("item").count(*SHORT, "all"),
            item_total=View.per("item").sum("seconds", *SHORT),
            item_seconds=View.per("item").mean("seconds", *SHORT),
            item_longest=View.per("item").max("seconds", "1d", "7d"),
            item_since=View.per("item").since_last(),
            item_stayed=hp.rate(
                View.per("item").where(View.seconds >= 30), View.per("item"),
                per="item", over=LONG, prior=0.3, strength=10,
            ),
            category_count=View.per("category").count(*SHORT),
            category_seconds=View.per("category").mean("seconds", *LONG),
            taste_count=View.per("user", "category").count(*SHORT),
            taste_seconds=View.per("user", "category").mean("seconds", "7d", "30d"),
            taste_since=View.per("user", "category").since_last(),
        ),
        contextual=dict(
            device=View.device,
            hour=hp.hour(),
            weekday=hp.weekday(),
            patience=patience,
            covisited=hp.source_score("covisited"),
            popular=hp.source_score("popular"),
        ),
    ),
    model=hp.GBDT(),
    evaluation=hp.Evaluation(hp.TimeSplit(test="1d"), gate=[hp.ece < 0.5]),
    serving=hp.Serving(
        candidates=[hp.CoVisited(250), hp.Popular(CANDIDATES)], history="had", rerank=[hp.Unseen()],
    ),
    monitoring=hp.Monitoring(),
)  # fmt: skip
