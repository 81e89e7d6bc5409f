"""What a training set promises whatever the data: N in, N out, defaults for the unknown, errors that say so."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.declare.data import Data
from heptad.declare.features import feature, rate
from heptad.errors import DataError, ReadError
from heptad.offline.training_set import training_set
from heptad.plan.batch import batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.testing.strategies import BOUGHT, Buy, Item, View
from heptad.times import SECOND


@feature
def doubled(bought):
    return 2 * bought


PLAN = compile_features(
    Data(
        static={"tags": Item.fields["tags"], "price": Item.fields["price"]},
        dynamic={
            "bought": Buy.per("user").count("30s"),
            "last": Buy.per("user").last("device"),
            "recent": Buy.per("user").last("item", n=3),
            "tagged": Buy.per("tags").count(),
            "rate": rate(Buy, View, per="user", prior=0.25, strength=4.0),
        },
        contextual={"doubled": doubled},
    ),
    BOUGHT,
)
STREAMS = {stream.name: stream for stream in PLAN.streams}


def buy(key, second, user, item, tags=None, device=None):
    row = {"buy_id": key, "ts": second * SECOND, "user": user, "item": item, "tags": tags, "device": device}
    return {name: row.get(name) for name in Buy.fields}


def events(*rows):
    return {"Buy": batch_of(STREAMS["Buy"], rows, range(len(rows)))}


def request(users, items, tags=None):
    n = len(users)
    given = {"user": users, "item": items, "tags": tags}
    return {f.name: column_of(given.get(f.name) or [None] * n, f.kind) for f in PLAN.request}


def at(*seconds):
    return np.array(seconds, np.int64) * SECOND


def test_no_events_at_all_give_the_defaults():
    got = training_set(PLAN, {}, request([1, 2], [1, 1]), at(5, 5))
    assert {name: values.tolist() for name, values in got.items() if name != "price"} == {
        "tags": [None, None],
        "bought": [0.0, 0.0],
        "last": [None, None],
        "recent": [(), ()],
        "tagged": [0.0, 0.0],
        "rate": [0.25, 0.25],
        "doubled": [0.0, 0.0],
    }
    assert np.isnan(got["price"]).all()


def test_no_rows_give_no_rows():
    got = training_set(PLAN, events(buy(1, 1, 1, 1)), request([], []), at())
    assert {name: len(values) for name, values in got.items()} == dict.fromkeys(got, 0)


def test_rows_keep_their_order_and_the_unknown_and_null_are_not_dropped():
    held = events(buy(1, 1, 7, 1, device="web"), buy(2, 2, 8, 3))
    got = training_set(PLAN, held, request([8, None, 7, "?", 7], [1] * 5), at(9, 9, 9, 9, 1))
    assert got["bought"].tolist() == [1.0, 0.0, 1.0, 0.0, 0.0]
    assert got["last"].tolist() == [None, None, "web", None, None]
    assert got["recent"].tolist() == [(3,), (), (1,), (), ()]
    assert got["doubled"].tolist() == [2.0, 0.0, 2.0, 0.0, 0.0]


def test_as_many_list_elements_as_rows_are_still_told_apart():
    """Three rows with three elements in all, but not one each, and times out of order."""
    facts = [(1, ("x", "y")), (2, ("x",)), (3, ())]
    blank = {"since": 0, "brand": None, "shelf": None, "price": None}
    held = events(buy(1, 1, 1, 1, tags=("x",)), buy(2, 3, 1, 1, tags=("x",)))
    held["Item"] = batch_of(
        STREAMS["Item"], [{"item": i, "tags": tags} | blank for i, tags in facts], range(3)
    )
    got = training_set(PLAN, held, request([1, 1, 1], [1, 2, 3]), at(2, 9, 1))
    assert got["tagged"].tolist() == [1.0, 2.0, 0.0]


def test_offsets_hide_what_was_not_known():
    held = events(buy(1, 1, 1, 1), buy(2, 2, 1, 2), buy(3, 3, 1, 3))
    rows, t = request([1] * 4, [1] * 4), at(4, 4, 4, 3)
    o = np.array([0, 1, 3, 3])
    assert training_set(PLAN, held, rows, t, o)["bought"].tolist() == [0.0, 1.0, 3.0, 2.0]
    assert training_set(PLAN, held, rows, t, o, "as_happened")["bought"].tolist() == [3.0, 3.0, 3.0, 2.0]
    assert training_set(PLAN, held, rows, t)["bought"].tolist() == [3.0, 3.0, 3.0, 2.0]


def test_progress_names_every_group_once():
    seen = []
    training_set(PLAN, {}, request([1], [1]), at(1), progress=seen.append)
    assert sorted(seen) == sorted(group.name for group in PLAN.groups)


def test_columns_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"rows\['user'\]: expected 1 values"):
        training_set(
            PLAN,
            {},
            request([1], [1]) | {"user": column_of([1, 2], STREAMS["Buy"].by_name["user"].kind)},
            at(1),
        )
    with pytest.raises(DataError, match=r"rows\['o'\]"):
        training_set(PLAN, {}, request([1], [1]), at(1), np.array([1, 2]))


def test_a_missing_key_column_and_an_unknown_mode_are_refused():
    rows = request([1], [1])
    del rows["user"]
    with pytest.raises(ReadError, match="'user'"):
        training_set(PLAN, {}, rows, at(1))
    with pytest.raises(DataError, match="as_happened"):
        training_set(PLAN, {}, request([1], [1]), at(1), mode="soon")
