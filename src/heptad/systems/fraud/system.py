"""Card fraud: which payments should a person look at today?"""

import heptad as hp


class Transaction(hp.Event, lateness="1h"):
    transaction_id: hp.Key
    ts: hp.Time
    customer: hp.Id
    terminal: hp.Id
    amount: float


class Report(hp.Event, lateness="8d"):
    report_id: hp.Key
    transaction: hp.Ref[Transaction]
    ts: hp.Time  # of the payment it is about
    known_at: hp.KnownAt  # seven days later
    customer: hp.Id
    terminal: hp.Id


reported = hp.label(Transaction, followed_by=Report, within="7d")

fraud = hp.System(
    requirements=hp.Requirements(
        p99="50ms",
        qps=50,
        freshness="1s",
        kpi=hp.KPI("loss prevented", hp.sum(Transaction.amount, where=reported)),
    ),
    framing=hp.Classification(Transaction, objective=hp.LogLoss(reported), entity=Transaction.customer),
    data=hp.Data(
        dynamic=dict(
            count=Transaction.per("customer").count("1d", "7d", "30d"),
            mean=Transaction.per("customer").mean("amount", "1d", "7d", "30d", "60d"),
            highest=Transaction.per("customer").max("amount", "7d", "30d"),
            stolen=Report.per("customer").count("30d", delay="7d"),
            risk=hp.rate(
                Report,
                Transaction,
                per="terminal",
                over=("1d", "3d", "7d", "14d", "21d", "30d"),
                delay="7d",
                prior=0.005,
                strength=2,
            ),
            frauds=Report.per("terminal").count("7d", "30d", delay="7d"),
            since_fraud=Report.per("terminal").since_last("60d"),
        ),
        contextual=dict(
            amount=Transaction.amount,
            excess=Transaction.amount / hp.col("mean_60d"),
            swing=hp.col("highest_7d") / hp.col("mean_60d"),
            night=hp.hour() <= 6,
            weekend=hp.weekday() >= 5,
        ),
    ),
    model=hp.GBDT(trees=150, leaves=15, learning_rate=0.04),
    evaluation=hp.Evaluation(
        hp.TimeSplit(test="7d", train="21d"),
        gate=[
            hp.average_precision > hp.baseline("logistic"),
            hp.caught >= hp.baseline("logistic"),
            hp.average_precision >= hp.champion,
            hp.ece < 0.01,
        ],
    ),
    serving=hp.Review(load=30, every="1d", rules=[Transaction.amount > 220], fallback=hp.Prior()),
    monitoring=hp.Monitoring(
        retrain=[
            hp.Weekly("Mon 03:00"),
            hp.OnDrift(columns=["amount", "excess", "risk_7d_delay_7d"], window="3d"),
        ],
        canary=0.05,
    ),
)
