"""A history cut and hashed; items renewed from a moment on; one row watched per request."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.lifecycle.history import History
from heptad.lifecycle.shift import renew_items
from heptad.lifecycle.watch import drift_trigger, monitor_of, one_per_request, watched
from heptad.plan.batch import Column
from heptad.testing import world as made
from heptad.testing.world import CUT, END
from heptad.times import DAY

SHIFT = CUT + 7 * DAY


def changed(history, stream, column, row, value, valid=True):
    """The history with one value of it replaced."""
    batch = history.batches[stream]
    held = batch.columns[column]
    values, present = held.values.copy(), held.valid.copy()
    values[row], present[row] = value, valid
    columns = dict(batch.columns) | {column: Column(values, present)}
    return History(history.plan, dict(history.batches) | {stream: replace(batch, columns=columns)})


@pytest.mark.parametrize(
    ("stream", "column", "value", "valid"),
    [
        ("Vote", "stars", np.nextafter(3.0, 4.0), True),
        ("Vote", "stars", 0.0, False),  # a null is held as 0
        ("Vote", "screen", "radio", True),
        ("Vote", "movie", 61, True),
        ("Vote", "genres", ("comedy",), True),
        ("Movie", "studio", "dent", True),
        ("Movie", "length", 1.0, True),
    ],
)
def test_the_hash_sees_every_value(history, stream, column, value, valid):
    twice = [changed(history, stream, column, 3, value, valid).hash for _ in range(2)]
    assert twice[0] == twice[1] != history.hash


def test_a_null_is_not_the_value_it_is_held_as(history):
    null, zero = (changed(history, "Vote", "stars", 3, 0.0, valid) for valid in (False, True))
    assert null.hash != zero.hash


def test_the_hash_sees_times_ties_names_and_rows(history):
    votes = history.batches["Vote"]
    others = [
        replace(votes, time=votes.time + (np.arange(len(votes)) == 5)),
        replace(votes, tie=votes.tie[::-1].copy()),
        votes.take(np.arange(len(votes) - 1)),
        replace(votes, columns={"screen_": votes.columns["screen"]} | dict(votes.columns)),
    ]
    hashes = {History(history.plan, dict(history.batches) | {"Vote": other}).hash for other in others}
    assert len(hashes | {history.hash}) == 5


@given(st.integers(0, made.DAYS * DAY))
def test_before_keeps_earlier_events_and_all_tables(history, after):
    t = made.BEGIN + after
    kept, votes = history.before(t), history.batches["Vote"]
    assert (kept.batches["Vote"].time < t).all()
    assert len(kept.batches["Vote"]) == (votes.time < t).sum()
    assert kept.batches["Movie"] is history.batches["Movie"]
    assert kept.before(t).hash == kept.hash


def test_only_cuts_the_plans_columns(history):
    plan = history.only("had", "hour")
    assert [c.name for c in plan.columns] == ["had", "hour"]
    assert plan.groups == history.plan.groups


def test_from_a_moment_on_half_of_the_items_are_new(history):
    shifted = renew_items(history, "movie", SHIFT)
    before, after = history.batches["Vote"], shifted.batches["Vote"]
    old, new = before.columns["movie"].values, after.columns["movie"].values
    late = before.time >= SHIFT
    np.testing.assert_array_equal(old[~late], new[~late])
    assert shifted.before(SHIFT).batches["Vote"].columns.keys() == before.columns.keys()
    for name in ("user", "stars", "genres", "screen"):
        assert after.columns[name] is before.columns[name]
    renewed = dict(zip(old[late].tolist(), new[late].tolist(), strict=True))
    same = [a for a, b in renewed.items() if a == b]
    assert 0.25 < len(same) / len(renewed) < 0.75
    fresh = {b for a, b in renewed.items() if a != b}
    assert len(fresh) == len(renewed) - len(same)  # each new item stands for one old one
    assert not fresh & set(old.tolist())


def test_new_items_keep_the_facts_of_the_old_ones(history):
    shifted = renew_items(history, "movie", SHIFT)
    old, new = history.batches["Movie"], shifted.batches["Movie"]
    facts = dict(
        zip(old.columns["movie"].values.tolist(), old.columns["genres"].values.tolist(), strict=True)
    )
    now = dict(zip(new.columns["movie"].values.tolist(), new.columns["genres"].values.tolist(), strict=True))
    assert {movie: now[movie] for movie in facts} == facts
    votes = shifted.batches["Vote"]
    for row in range(0, len(votes), 211):
        assert now[votes.columns["movie"].values[row]] == votes.columns["genres"].values[row]


def test_items_named_by_text_are_renewed_too():
    class Sold(hp.Event):
        sold: hp.Key
        ts: hp.Time
        user: hp.Id
        item: hp.Id | None

    from heptad.plan.compile import compile_features

    plan = compile_features(hp.Data(dynamic=dict(n=Sold.per("user").count())), hp.label(Sold))
    items = [f"i{number}" for number in range(40)] + [None]
    rows = {"sold": range(41), "ts": range(41), "user": [1] * 41, "item": items}
    shifted = renew_items(made.history(plan, Sold=rows), "item", 20).batches["Sold"].columns["item"]
    assert shifted.values[:20].tolist() == items[:20]
    renewed = [a != b for a, b in zip(items, shifted.values.tolist(), strict=True)]
    assert 5 < sum(renewed) < 15
    assert {b for b, new in zip(shifted.values.tolist(), renewed, strict=True) if new} == {
        f"{a}~new" for a, new in zip(items, renewed, strict=True) if new
    }
    assert not shifted.valid[-1]


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(0, 5))
def test_one_row_is_drawn_of_each_request(requests, seed):
    request = np.array(requests, np.int64)
    columns = {"row": np.arange(len(request)).astype(float), "request": request.astype(float)}
    found = one_per_request(request, columns, seed)
    assert sorted(found["request"].tolist()) == sorted(set(requests))
    assert (request[found["row"].astype(int)] == found["request"]).all()


def test_every_row_of_a_request_can_be_drawn():
    request = np.zeros(5, np.int64)
    drawn = {one_per_request(request, {"x": np.arange(5.0)}, seed)["x"][0] for seed in range(100)}
    assert drawn == set(range(5))


def test_what_is_watched_follows_the_trigger(tested):
    named = made.world()
    assert drift_trigger(named).window == "5d"
    assert set(watched(named, tested.columns)) == {"movie_mean", "ease"}
    without = made.world(monitoring=hp.Monitoring(retrain=[hp.Daily("03:00")]))
    assert drift_trigger(without) == hp.OnDrift()
    numbers = set(watched(without, tested.columns))
    assert {"movie_count_7d", "pull", "ease", "length"} <= numbers
    assert not numbers & {"hour", "genres", "studio", "screen"}


def test_a_named_category_is_watched_too(tested, trained):
    system = made.world(monitoring=hp.Monitoring(retrain=[hp.OnDrift(columns=["studio", "screen"])]))
    assert set(watched(system, tested.columns)) == {"studio", "screen"}
    monitor = monitor_of(system, trained)
    columns = dict(tested.columns)
    for studio, drifted in ((columns["studio"], False), (np.full(len(tested.pairs), "dent", object), True)):
        monitor.restart()
        columns["studio"] = studio
        monitor.observe(one_per_request(tested.pairs.request, watched(system, columns), 0))
        assert ("studio" in monitor.report(END).drifted) is drifted


def test_the_reference_is_one_row_of_each_calibration_request(trained, system):
    monitor = monitor_of(system, trained)
    held = np.unique(trained.rows.pairs.request[trained.rows.held_out])
    assert {column.n_reference for column in monitor.report(CUT).columns} == {len(held)}
