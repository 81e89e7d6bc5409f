"""Requests rebuilt from interactions, against a plain loop over the rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.lifecycle.requests import as_column, factorize, requests_of
from heptad.lifecycle.training import settled_requests
from heptad.plan.batch import batch_of
from heptad.plan.compile import compile_features
from heptad.testing import world as made
from heptad.times import HOUR, MINUTE


class Look(hp.Event):
    look: hp.Key
    ts: hp.Time
    user: hp.Id | None
    item: hp.Id | None
    place: str | None
    price: float | None


chosen = hp.label(Look, where=Look.price >= 2)
framing = hp.Ranking(item=Look.item, user=Look.user, objective=hp.LogLoss(chosen))
PLAN = compile_features(hp.Data(dynamic=dict(n=Look.per("user").count())), chosen)


class Row(NamedTuple):
    ts: int
    user: int | str | None
    item: int | str | None
    place: str | None
    label: float
    worth: float


def batch_of_rows(rows):
    named = [
        {"look": n, "ts": r.ts, "user": r.user, "item": r.item, "place": r.place, "price": 1.0}
        for n, r in enumerate(rows)
    ]
    return batch_of(PLAN.stream("Look"), named, range(len(rows)))


def built(rows):
    label, worth = (np.array([getattr(r, name) for r in rows], np.float64) for name in ("label", "worth"))
    return requests_of(batch_of_rows(rows), label, framing, worth)


def obvious(rows):
    """{(ts, user): (place of its first row, {item: [any label, total worth]})} in the order of rows."""
    out = {}
    for row in rows:
        if row.user is None or row.item is None or math.isnan(row.label):
            continue
        _, items = out.setdefault((row.ts, row.user), (row.place, {}))
        held = items.setdefault(row.item, [0.0, 0.0])
        held[0], held[1] = max(held[0], row.label), held[1] + row.worth
    return out


def plainly(requests):
    out = {}
    for n, (t, user) in enumerate(zip(requests.t.tolist(), requests.user.tolist(), strict=True)):
        place = requests.context["place"]
        outcomes = {
            requests.item[m]: [requests.label[m], requests.value[m]]
            for m in np.flatnonzero(requests.of == n).tolist()
        }
        out[t, user] = (place.values[n] if place.valid[n] else None, outcomes)
    return out


ROWS = st.lists(
    st.builds(
        Row,
        ts=st.integers(0, 3),
        user=st.sampled_from([1, 2, None]),
        item=st.sampled_from(["a", "b", "c", None]),
        place=st.sampled_from(["home", None]),
        label=st.sampled_from([0.0, 1.0, math.nan]),
        worth=st.integers(-2, 3).map(float),
    ),
    max_size=14,
)


@given(ROWS)
def test_requests_are_the_rows_of_one_user_and_moment(rows):
    rows.sort(key=lambda row: row.ts)
    requests = built(rows)
    assert plainly(requests) == obvious(rows)
    assert (np.diff(requests.t) >= 0).all()
    assert len(set(zip(requests.of.tolist(), requests.item.tolist(), strict=True))) == len(requests.of)
    relevant = [sum(label > 0 for label, _ in items.values()) for _, items in plainly(requests).values()]
    assert requests.relevant().tolist() == relevant


@given(ROWS, st.randoms(use_true_random=False))
def test_chosen_requests_keep_their_outcomes(rows, draw):
    requests = built(sorted(rows, key=lambda row: row.ts))
    chosen = np.array([draw.random() < 0.5 for _ in range(len(requests))], np.bool_)
    whole = list(plainly(requests).items())
    assert list(plainly(requests.select(chosen)).items()) == [
        one for one, kept in zip(whole, chosen.tolist(), strict=True) if kept
    ]


def test_the_first_row_of_a_moment_is_told_by_its_tie_not_by_its_place():
    rows = [Row(5, 1, "a", "home", 1.0, 1.0), Row(5, 1, "b", "away", 1.0, 1.0)]
    batch = batch_of_rows(rows).take(np.array([1, 0]))  # the tie is the id, 0 for home
    requests = requests_of(batch, np.ones(2), framing, np.ones(2))
    assert requests.context["place"].values.tolist() == ["home"]


def test_no_usable_row_gives_no_request():
    assert len(built([])) == 0
    assert len(built([Row(0, None, "a", None, 1.0, 1.0), Row(0, 1, "a", None, math.nan, 1.0)])) == 0


def test_users_of_both_kinds_of_id_keep_apart():
    requests = built([Row(0, 1, "a", None, 1.0, 1.0), Row(0, "1", "a", None, 1.0, 1.0)])
    assert len(requests) == 2
    assert set(map(type, requests.user.tolist())) == {int, str}


@given(st.lists(st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y"])), max_size=20))
def test_codes_name_the_values(values):
    held = np.fromiter(values, object, len(values))
    whole = np.array([value for value in values if type(value) is int], np.int64)
    for given_values in (held, whole):
        codes, distinct = factorize(given_values)
        assert distinct[codes].tolist() == given_values.tolist()
        assert len(set(distinct.tolist())) == len(distinct)


def test_values_as_a_column_are_all_present():
    values, valid = as_column(np.arange(3))
    assert (values.tolist(), valid.tolist()) == ([0, 1, 2], [True] * 3)


class Shown(hp.Event):
    shown: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    earlier: hp.Ref[Look] | None
    price: float | None


class Click(hp.Event):
    click: hp.Key
    ts: hp.Time
    shown: hp.Ref[Shown]
    user: hp.Id
    item: hp.Id


clicked = hp.label(Shown, followed_by=Click, within="1h")
clicked_late = hp.label(Shown, followed_by=Click, within="3h")


def shown_system(kpi):
    return hp.System(
        requirements=hp.Requirements(
            p99="1s", candidates=5, qps=1, freshness="1s", shown=2, kpi=hp.KPI("k", kpi)
        ),
        framing=hp.Ranking(item=Shown.item, user=Shown.user, objective=hp.LogLoss(clicked)),
        data=hp.Data(dynamic=dict(had=Click.per("user").last("item", n=5))),
        model=hp.GBDT(),
        evaluation=hp.Evaluation(hp.TimeSplit(test=0.2)),
        serving=hp.Serving(candidates=[hp.Popular(5)], history="had"),
        monitoring=hp.Monitoring(),
    )


def settled(kpi, now):
    system = shown_system(kpi)
    shown = [(1, 0, 1, "a", None, 2.0), (2, 0, 1, "b", 7, None), (3, HOUR, 1, "a", None, 5.0)]
    sources = {
        "Shown": {
            name: [row[place] for row in shown]
            for place, name in enumerate(("shown", "ts", "user", "item", "earlier", "price"))
        },
        "Click": {
            "click": [1, 2, 3],
            "ts": [10 * MINUTE, 2 * HOUR, HOUR + MINUTE],
            "shown": [1, 2, 3],
            "user": [1, 1, 1],
            "item": ["a", "b", "a"],
        },
    }
    return settled_requests(made.history(system.plan, **sources), system, now)


def test_a_label_counts_once_its_window_has_passed():
    count = hp.count(where=clicked)
    assert len(settled(count, HOUR - 1)) == 0
    one = settled(count, HOUR)
    assert plain_outcomes(one) == [(0, "a", 1.0), (0, "b", 0.0)]  # b was clicked after an hour: too late
    assert plain_outcomes(settled(count, 2 * HOUR)) == [(0, "a", 1.0), (0, "b", 0.0), (1, "a", 1.0)]


def plain_outcomes(requests):
    return list(zip(requests.of.tolist(), requests.item.tolist(), requests.label.tolist(), strict=True))


@pytest.mark.parametrize(
    ("kpi", "now", "value"),
    [
        (hp.count(where=clicked), 2 * HOUR, [1.0, 0.0, 1.0]),
        (hp.sum(Shown.price, where=clicked), 2 * HOUR, [2.0, 0.0, 5.0]),
        # the KPI has a label of its own: it may be settled later, and see more
        (hp.count(where=clicked_late), 4 * HOUR, [1.0, 1.0, 1.0]),
        (hp.count(where=clicked_late), 3 * HOUR, [1.0, 1.0, math.nan]),
        (hp.sum(Shown.price, where=clicked_late), 4 * HOUR, [2.0, 0.0, 5.0]),  # a null price adds nothing
        (hp.count(where=hp.label(Shown, where=Shown.price > 2)), 2 * HOUR, [0.0, 0.0, 1.0]),
    ],
)
def test_the_kpi_is_counted_by_its_own_label(kpi, now, value):
    np.testing.assert_equal(settled(kpi, now).value, np.array(value))


def test_a_reference_to_another_event_is_context_as_it_is_in_serving():
    context = settled(hp.count(where=clicked), 2 * HOUR).context
    assert set(context) == {"earlier", "price"}
    assert context["earlier"].valid.tolist() == [False, False]
