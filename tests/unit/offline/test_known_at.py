"""Rows that are known later than their time: what a history sees of them is what a replayed log would have seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heptad as hp
from heptad.declare.data import Data
from heptad.errors import DeclarationError
from heptad.offline.history import admit_history
from heptad.offline.knowledge import Knowledge
from heptad.offline.labels import label_values, matured
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged, batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.streams.replay import history
from heptad.times import DAY, HOUR


class Payment(hp.Event):
    payment_id: hp.Key
    ts: hp.Time
    shop: hp.Id
    amount: float


class Alarm(hp.Event, lateness="3d"):
    alarm_id: hp.Key
    payment: hp.Ref[Payment]
    ts: hp.Time
    known_at: hp.KnownAt
    shop: hp.Id


bad = hp.label(Payment, followed_by=Alarm, within="2d")
FEATURES = Data(
    dynamic=dict(
        payments=Payment.per("shop").count("1d"),
        alarms=Alarm.per("shop").count("1d", "all"),
        risk=hp.rate(Alarm, Payment, per="shop", over=("1d",), delay="2d"),
    )
)
PLAN = compile_features(FEATURES, bad)
START = 40 * DAY

payments = st.lists(st.tuples(st.integers(0, 9 * 24), st.integers(0, 1)), min_size=1, max_size=25)
delays = st.lists(st.integers(-5, 80), min_size=25, max_size=25)


def world(given: list[tuple[int, int]], delays: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Payments at whole hours, and an alarm about every other one, known after some hours."""
    made = [
        {"payment_id": n, "ts": START + hour * HOUR, "shop": shop, "amount": 1.0}
        for n, (hour, shop) in enumerate(sorted(given))
    ]
    alarms = [
        {
            "alarm_id": row["payment_id"], "payment": row["payment_id"], "ts": row["ts"],
            "known_at": row["ts"] + delay * HOUR, "shop": row["shop"],
        }
        for row, delay in zip(made, delays, strict=False)
        if row["payment_id"] % 2 == 0
    ]  # fmt: skip
    return {"Payment": made, "Alarm": alarms}


def logged(rows: dict[str, list[dict[str, Any]]]) -> list[Logged]:
    """The log a replay would write."""
    return [Logged(n, row.at, row.stream, row.row) for n, row in enumerate(history(PLAN, rows))]


def batches(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {s.name: batch_of(s, rows[s.name], range(len(rows[s.name]))) for s in PLAN.streams}


@settings(max_examples=60, deadline=None)
@given(payments, delays, st.lists(st.integers(0, 15 * 24 * 60), min_size=1, max_size=8))
def test_a_history_sees_what_a_replayed_log_would_have_seen(some, later, moments):
    rows = world(some, later)
    log = logged(rows)
    oracle = Oracle(PLAN, log)
    admitted, report = admit_history(PLAN, batches(rows))
    refused = {log[n].row["alarm_id"] for n, said in enumerate(oracle.verdicts) if said == "late"}
    assert {rows["Alarm"][n]["alarm_id"] for n in report["Alarm"].late} == refused
    knowledge = Knowledge.of(admitted)
    assert knowledge is not None
    t = np.array([START + m * HOUR // 60 for m in moments for _ in (0, 1)], np.int64)
    shop = [0, 1] * len(moments)
    found = training_set(
        PLAN, admitted, {"shop": column_of(shop, PLAN.request[1].kind)}, t, knowledge.before(t)
    )
    for place in range(len(t)):
        known = sum(record.arrival < t[place] for record in log)
        right = oracle.read({"shop": shop[place]}, int(t[place]), known)
        assert {name: float(values[place]) for name, values in found.items()} == right


@settings(max_examples=60, deadline=None)
@given(payments, delays, st.integers(0, 15 * 24))
def test_a_label_is_that_of_the_outcomes_known_by_then(some, later, hour):
    rows, now = world(some, later), START + hour * HOUR
    admitted, _ = admit_history(PLAN, batches(rows))
    labels = label_values(bad, admitted, now=now)
    accepted = dict(
        zip(
            admitted["Alarm"].columns["payment"].values.tolist(),
            admitted["Alarm"].columns["known_at"].values,
            strict=True,
        )
    )
    batch = admitted["Payment"]
    for n, payment in enumerate(batch.columns["payment_id"].values.tolist()):
        told = payment in accepted and max(accepted[payment], batch.time[n]) < now
        assert labels.value[n] == told
    assert (matured(bad, batch.time, now) == (batch.time + 2 * DAY < now)).all()


def test_a_label_taken_before_it_could_be_known_is_found_as_a_leak():
    rows = world([(0, 0), (1, 0), (2, 0)], [48] * 25)
    admitted, _ = admit_history(PLAN, batches(rows))
    knowledge = Knowledge.of(admitted)
    assert knowledge is not None
    t = np.array([START + 5 * HOUR], np.int64)
    request = {"shop": column_of([0], PLAN.request[1].kind)}
    right = training_set(PLAN, admitted, request, t, knowledge.before(t))
    leaking = training_set(PLAN, admitted, request, t)
    assert (right["alarms_all"][0], leaking["alarms_all"][0]) == (0.0, 2.0)
    oracle = Oracle(PLAN, logged(rows))
    assert oracle.read({"shop": 0}, int(t[0]), 3)["alarms_all"] == 0.0


def test_without_such_a_column_every_row_is_known_at_its_time():
    plan = compile_features(Data(dynamic=dict(n=Payment.per("shop").count("1d"))), hp.label(Payment))
    rows = world([(0, 0)], [0] * 25)["Payment"]
    assert Knowledge.of({"Payment": batch_of(plan.streams[0], rows, [0])}) is None


def test_two_columns_of_known_at_are_refused():
    with pytest.raises(DeclarationError, match=r"at most one column of hp\.KnownAt"):

        class Twice(hp.Event):
            ts: hp.Time
            one: hp.KnownAt
            two: hp.KnownAt
