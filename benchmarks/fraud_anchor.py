"""The Fraud Detection Handbook's baseline on heptad's features, and the shipped system on the same rows. Prints JSON.

    python benchmarks/fraud_anchor.py PAYMENTS.parquet [--json FILE]

PAYMENTS.parquet holds the published payments (TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT,
TX_FRAUD). First the time to compute the published columns for every payment, the plan compiled and the events
read (warm: the second of two). Then every model at its library's defaults on the published columns, the forest
over ten seeds (paired: their mean score, which is a forest of a thousand trees), and the shipped system's model on its own columns, trained on the same week: no setting of it was
chosen on these weeks. Differences are paired: the cards of the test week are drawn again, for both models the same.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from contest import machine, write
from heptad.evaluation.bootstrap import statistic_interval
from heptad.evaluation.classification import auc
from heptad.models.gbdt import GBDT
from heptad.offline.knowledge import Knowledge
from heptad.offline.training_set import training_set
from heptad.run.notebook import history
from heptad.systems.fraud import data, handbook
from heptad.systems.fraud.system import fraud as shipped
from heptad.times import instant

BEGIN = instant("2018-07-25T00:00:00Z")
DRAWS = 300


def timed(events: dict[str, Any]) -> dict[str, Any]:
    """Seconds to read the events, and to compute the published columns for every payment, cold and warm."""
    plan = handbook.published().plan
    begin = time.perf_counter()
    batches = history(plan, events)
    read = time.perf_counter() - begin
    rows, took = batches["Transaction"], []
    for _ in range(3):
        begin = time.perf_counter()
        known = Knowledge.of(batches)
        training_set(
            plan, batches, rows.columns, rows.time, None if known is None else known.before(rows.time)
        )
        took.append(round(time.perf_counter() - begin, 2))
    return {
        "rows": len(rows), "columns": len(handbook.COLUMNS), "computed": len(plan.columns),
        "read_s": round(read, 2), "cold_s": took[0], "warm_s": min(took[1:]),
    }  # fmt: skip


def columns(system: Any, names: tuple[str, ...], events: dict[str, Any], asked: Any) -> Any:
    rows = events["Transaction"].filter(asked).drop_columns("transaction_id")
    found = system.training_set(rows, events=events)
    return np.column_stack([found[name].to_numpy(zero_copy_only=False) for name in names]).astype(np.float64)


def scores(x: Any, fraud: Any, train: Any, test: Any, seeds: int = 10) -> dict[str, list[Any]]:
    """The test week's scores by model, one array per seed."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from xgboost import XGBClassifier

    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    made = {
        "logistic": [LogisticRegression(random_state=0)],
        "forest": [RandomForestClassifier(random_state=seed, n_jobs=2) for seed in range(seeds)],
        "xgboost": [XGBClassifier(random_state=0, tree_method="exact", base_score=0.5, n_jobs=2)],
        "lightgbm": [LGBMClassifier(random_state=0, n_jobs=2, verbose=-1)],
    }
    return {
        name: [model.fit(x[train], fraud[train]).predict_proba(x[test])[:, 1] for model in models]
        for name, models in made.items()
    }


def average_precision(score: Any, fraud: Any) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(fraud, score))


def paired(ours: Any, theirs: Any, fraud: Any, card: Any) -> dict[str, list[float]]:
    """AUC and average precision, ours less theirs: the difference and its 95 % interval over cards drawn again."""
    out = {}
    for name, metric in (("auc", auc), ("average_precision", average_precision)):
        found = statistic_interval(
            lambda a, b, y, metric=metric: metric(a, y) - metric(b, y),
            [ours, theirs, fraud],
            card,
            draws=DRAWS,
        )
        out[name] = [round(v, 4) for v in (found.estimate, found.low, found.high)]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("payments", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    events = data.published(asked.payments)
    payments = events["Transaction"]
    moment, card = (payments[name].to_numpy() for name in ("ts", "customer"))
    fraud = np.isin(payments["transaction_id"], events["Report"]["transaction"])
    masks = handbook.split(moment, card, fraud, BEGIN)
    either = masks[0] | masks[1]
    train, test = (mask[either] for mask in masks)
    y, when, who = fraud[either], moment[either][test], card[either][test]
    result: dict[str, Any] = {
        "split": {
            "train": int(train.sum()), "train_frauds": int(y[train].sum()),
            "test": int(test.sum()), "test_frauds": int(y[test].sum()),
        },
        "features": timed(events),
    }  # fmt: skip
    found = scores(columns(handbook.published(), handbook.COLUMNS, events, either), y, train, test)
    default_hop = columns(handbook.published(None), handbook.COLUMNS, events, either)
    names = tuple(name for _, name in shipped.data.columns())
    own = columns(shipped, names, events, either)
    declared = shipped.model
    ours = GBDT(
        trees=declared.trees, leaves=declared.leaves, learning_rate=declared.learning_rate,
        min_rows=declared.min_rows_per_leaf,
    )  # fmt: skip
    found["heptad"] = [ours.fit(own[train], y[train].astype(float)).predict_proba(own[test])]

    def measured(each: dict[str, list[Any]]) -> dict[str, list[float]]:
        return {
            name: np.mean(
                [
                    (auc(p, y[test]), average_precision(p, y[test]), handbook.card_precision(p, when, who, y[test]))
                    for p in by_seed
                ],
                axis=0,
            ).round(4).tolist()
            for name, by_seed in each.items()
        }  # fmt: skip

    result["models"] = measured(found)
    result["models_at_default_hop"] = measured(scores(default_hop, y, train, test, seeds=3))
    result["heptad_less"] = {
        name: paired(
            found["heptad"][0], np.mean(by_seed, axis=0) if len(by_seed) > 1 else by_seed[0], y[test], who
        )
        for name, by_seed in found.items()
        if name != "heptad"
    }
    result["machine"] = machine() | {"command": "python benchmarks/fraud_anchor.py PAYMENTS.parquet"}
    write(json.loads(json.dumps(result)), asked.json)


if __name__ == "__main__":
    main()
