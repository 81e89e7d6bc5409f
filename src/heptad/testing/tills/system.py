"""Thefts at tills: which payment should a person look at?"""

import heptad as hp


class Payment(hp.Event, lateness="1h"):
    payment_id: hp.Key
    ts: hp.Time
    card: hp.Id
    till: hp.Id
    amount: float


class Theft(hp.Event, lateness="4d"):
    theft_id: hp.Key
    payment: hp.Ref[Payment]
    ts: hp.Time
    known_at: hp.KnownAt
    card: hp.Id
    till: hp.Id


stolen = hp.label(Payment, followed_by=Theft, within="3d")

tills = hp.System(
    requirements=hp.Requirements(
        p99="50ms", qps=20, freshness="1s", kpi=hp.KPI("loss prevented", hp.sum(Payment.amount, where=stolen))
    ),
    framing=hp.Classification(Payment, objective=hp.LogLoss(stolen), entity=Payment.card),
    data=hp.Data(
        dynamic=dict(
            count=Payment.per("card").count("1d", "7d"),
            mean=Payment.per("card").mean("amount", "7d"),
            risk=hp.rate(Theft, Payment, per="till", over=("1d", "7d"), delay="3d", prior=0.02, strength=5),
            told=Theft.per("till").count("7d"),
        ),
        contextual=dict(amount=Payment.amount, hour=hp.hour()),
    ),
    model=hp.GBDT(trees=30, leaves=7, min_rows_per_leaf=20),
    evaluation=hp.Evaluation(
        hp.TimeSplit(test="5d"),
        gate=[
            hp.average_precision > hp.baseline("prior"),
            hp.average_precision >= hp.champion,
            hp.precision_at(5, per="card", every="1d") > 0.1,
            hp.ece < 0.05,
        ],
    ),
    serving=hp.Review(load=10, every="1d", rules=[Payment.amount > 190]),
    monitoring=hp.Monitoring(retrain=[hp.OnDrift(columns=["amount", "mean"], window="3d")]),
)
