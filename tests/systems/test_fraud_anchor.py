"""The Fraud Detection Handbook's published baseline, reproduced with heptad's own training sets.

Its table of baseline models (chapter 3, "Baseline fraud detection system") gives the AUC, the average precision and
the card precision at 100 of models at their library's defaults, seed 0, on standardised columns; so are they fitted
here. XGBoost's defaults have changed since, so the two that were meant are named: exact splits and a base score of a
half. LightGBM is no row of that table: it was measured at its defaults on the published features.

Where the features differ from the published ones is said in `heptad.systems.fraud.handbook.data`: an equal second
of one card, a payment exactly as old as a window, and a window that begins at the second. Nothing is tuned.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from heptad.evaluation.classification import auc
from heptad.offline.history import admit_history
from heptad.offline.sources import read
from heptad.offline.training_set import training_set
from heptad.plan.compile import compile_features
from heptad.systems.fraud import handbook
from heptad.times import instant

FILE = Path(__file__).resolve().parents[2].parent / "shared/data/fraud/transactions.parquet"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="needs ../shared/data/fraud/transactions.parquet")

BEGIN = instant("2018-07-25T00:00:00Z")
SEEDS = range(10)
#: AUC, average precision, card precision at 100.
PUBLISHED = {
    "logistic": (0.871, 0.606, 0.291),
    "forest": (0.867, 0.658, 0.287),
    "xgboost": (0.862, 0.639, 0.273),
    "lightgbm": (0.881, 0.607, 0.274),
}


class Part(NamedTuple):
    """The rows of one week: their columns (n, 15), truth, and what card precision needs."""

    x: np.ndarray
    fraud: np.ndarray
    time: np.ndarray
    customer: np.ndarray


@pytest.fixture(scope="module")
def payments() -> pa.Table:
    """The published payments, in heptad's names."""
    held = parquet.read_table(FILE)
    return pa.table(
        {
            "payment_id": held["TRANSACTION_ID"],
            "ts": pc.cast(pc.cast(held["TX_DATETIME"], pa.timestamp("us")), pa.int64()),
            "customer": held["CUSTOMER_ID"],
            "terminal": held["TERMINAL_ID"],
            "amount": held["TX_AMOUNT"],
            "fraud": pc.equal(held["TX_FRAUD"], 1),
        }
    )


@pytest.fixture(scope="module")
def masks(payments) -> tuple[np.ndarray, np.ndarray]:
    time, customer, fraud = (payments[name].to_numpy() for name in ("ts", "customer", "fraud"))
    return handbook.split(time, customer, fraud, BEGIN)


@pytest.fixture(scope="module")
def parts(payments, masks) -> tuple[Part, Part]:
    """The training and the test week."""
    plan = compile_features(handbook.data(), handbook.fraud)
    events, _ = admit_history(plan, {"Payment": read(plan.streams[0], payments)})
    weeks = []
    for mask in masks:
        rows = read(plan.streams[0], payments.filter(mask))
        found = training_set(plan, events, rows.columns, rows.time)
        x = np.column_stack([found[name] for name in handbook.COLUMNS])
        held = rows.columns
        weeks.append(Part(x, held["fraud"].values, rows.time, held["customer"].values))
    return weeks[0], weeks[1]


def estimator(name: str, seed: int):
    """The model at its library's defaults."""
    match name:
        case "logistic":
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(random_state=seed)
        case "forest":
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(random_state=seed, n_jobs=2)
        case "xgboost":
            xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed")
            return xgboost.XGBClassifier(random_state=seed, tree_method="exact", base_score=0.5, n_jobs=2)
        case _:
            from lightgbm import LGBMClassifier

            return LGBMClassifier(random_state=seed, n_jobs=2, verbose=-1)


def measured(name: str, parts: tuple[Part, Part], seed: int) -> tuple[float, float, float]:
    from sklearn.metrics import average_precision_score

    train, test = parts
    mean, spread = (
        train.x.mean(axis=0),
        train.x.std(axis=0),
    )  # as published: columns standardised for every model
    fitted = estimator(name, seed).fit((train.x - mean) / spread, train.fraud)
    score = fitted.predict_proba((test.x - mean) / spread)[:, 1]
    return (
        auc(score, test.fraud),
        average_precision_score(test.fraud, score),
        handbook.card_precision(score, test.time, test.customer, test.fraud == 1),
    )


def test_row_and_fraud_counts_of_the_split(payments, masks):
    fraud = payments["fraud"].to_numpy()
    assert (len(fraud), fraud.sum()) == (1_754_155, 14_681)
    train, test = masks
    assert (train.sum(), fraud[train].sum()) == (67_240, 598)
    assert (test.sum(), fraud[test].sum()) == (58_264, 385)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name, parts):
    seeds = SEEDS if name == "forest" else (0,)
    found = np.mean([measured(name, parts, seed) for seed in seeds], axis=0)
    off = np.abs(found - PUBLISHED[name])
    assert off[0] <= 0.012, found
    assert off[1] <= 0.025, found
    assert off[2] <= 0.010, found  # seven cards of the week's seven hundred


@pytest.mark.slow
def test_the_columns_are_those_of_an_obvious_computation(payments, masks, parts):
    """Two hundred rows, recomputed from the published definition in a loop."""
    time, customer, terminal, amount, fraud = (
        payments[name].to_numpy() for name in ("ts", "customer", "terminal", "amount", "fraud")
    )
    train = np.flatnonzero(masks[0])
    picked = np.random.default_rng(0).choice(len(train), 200, replace=False)
    expected = np.empty((len(picked), len(handbook.COLUMNS)))
    for place, row in enumerate(train[picked]):
        card = (customer == customer[row]) & (time < time[row])
        card[row] = True
        values = []
        for days in (1, 7, 30):
            spent = amount[card & (time >= time[row] - days * handbook.DAY)]
            values += [len(spent), spent.mean()]
        for days in (1, 7, 30):
            end = time[row] - 7 * handbook.DAY
            there = fraud[(terminal == terminal[row]) & (time >= end - days * handbook.DAY) & (time < end)]
            values += [len(there), there.mean() if len(there) else 0.0]
        day, hour = time[row] // handbook.DAY, time[row] % handbook.DAY // 3_600_000_000
        expected[place] = amount[row], (day + 3) % 7 >= 5, hour <= 6, *values  # 1970-01-01 was a Thursday
    np.testing.assert_allclose(parts[0].x[picked], expected, rtol=1e-12)
