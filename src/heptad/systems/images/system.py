"""Visual search: which products look like this picture?"""

import heptad as hp


class Product(hp.Table):
    product: hp.Id
    photo: hp.Image
    kind: str  # sneaker, coat, ...
    category: str  # shoes, tops, ...
    colour: str | None


alike = hp.same(Product.kind)

images = hp.System(
    requirements=hp.Requirements(
        p99="150ms",
        qps=5,
        freshness="1s",
        candidates=100,
        shown=10,
        kpi=hp.KPI("similar products shown", hp.count(where=alike)),
    ),
    framing=hp.Retrieval(Product.photo, objective=hp.Contrastive(alike, temperature=0.1)),
    data=hp.Data(static=dict(kind=Product.kind, category=Product.category, colour=Product.colour)),
    model=hp.Embedding("efficientnet-lite0", size=128),
    evaluation=hp.Evaluation(
        hp.EntitySplit(test=0.25),
        gate=[
            hp.precision(10) > hp.baseline("frozen"),
            hp.average_precision > hp.baseline("frozen"),
            hp.precision(10) > hp.baseline("chance"),
            hp.precision(10) >= hp.champion,
        ],
    ),
    serving=hp.Search(
        candidates=[hp.Nearest(100)],
        filters=[Product.category, Product.colour],
        rerank=[hp.Distinct(0.97)],
    ),
    monitoring=hp.Monitoring(retrain=[hp.Weekly("Mon 03:00")]),
)
