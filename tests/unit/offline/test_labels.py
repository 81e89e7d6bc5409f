"""Labels: the edges of the attribution window, what settles them, and what is reported instead of lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.declare.schema import Event
from heptad.declare.types import Id, Key, Ref, Time
from heptad.errors import DataError
from heptad.offline.labels import label_values, matured
from heptad.plan.batch import batch_of
from heptad.plan.compile import compile_features


class Shown(Event):
    shown_id: Key
    ts: Time
    user: Id
    bid: float | None


class Clicked(Event):
    ts: Time
    shown: Ref[Shown] | None


CLICKED = label(Shown, followed_by=Clicked, within="10us")
DEAR = label(Shown, where=Shown.fields["bid"] >= 2)
PLAN = compile_features(Data(), CLICKED)


def events(shown, clicks):
    """(id, time) of impressions and (id, time) of clicks."""
    rows = [{"shown_id": k, "ts": t, "user": 1, "bid": None} for k, t in shown]
    after = [{"ts": t, "shown": k} for k, t in clicks]
    return {
        "Shown": batch_of(PLAN.stream("Shown"), rows, range(len(rows))),
        "Clicked": batch_of(PLAN.stream("Clicked"), after, range(len(after))),
    }


@pytest.mark.parametrize(
    ("at", "value"), [(99, 0.0), (100, 1.0), (101, 1.0), (109, 1.0), (110, 0.0), (111, 0.0)]
)
def test_the_window_is_closed_at_the_event_and_open_at_its_end(at, value):
    got = label_values(CLICKED, events([("a", 100)], [("a", at)]))
    assert got.value.tolist() == [value]
    assert got.known_at.tolist() == [at + 1 if value else 110]


def test_what_settles_nothing_is_reported_by_row():
    clicks = [("a", 99), ("zz", 100), (None, 100), ("a", 110), ("b", 205), (1, 100)]
    got = label_values(CLICKED, events([("a", 100), ("b", 200), ("c", 300)], clicks))
    assert got.value.tolist() == [0.0, 1.0, 0.0]
    assert (got.early.tolist(), got.unknown.tolist(), got.late.tolist()) == ([0], [1, 2, 5], [3])


def test_no_outcomes_leave_every_event_a_negative():
    for held in (events([("a", 1)], []), {"Shown": events([("a", 1)], [])["Shown"]}):
        assert label_values(CLICKED, held).value.tolist() == [0.0]
    with pytest.raises(DataError, match="events of Shown"):
        label_values(CLICKED, {})


def test_a_condition_on_the_event_is_known_with_it():
    rows = [{"shown_id": i, "ts": 5, "user": 1, "bid": bid} for i, bid in enumerate((1.0, 2.0, None, 9.0))]
    held = {"Shown": batch_of(PLAN.stream("Shown"), rows, range(4))}
    assert label_values(DEAR, held).value.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert label_values(label(Shown), held).value.tolist() == [1.0] * 4
    assert label_values(DEAR, held).known_at.tolist() == [6] * 4


def test_a_label_matures_when_its_window_has_passed():
    times = np.array([89, 90, 91])
    assert matured(CLICKED, times, 100).tolist() == [True, True, False]
    assert matured(DEAR, np.array([99, 100]), 100).tolist() == [True, False]


IDS = st.sampled_from((1, 2, "1", -7, "u"))


@given(
    st.dictionaries(IDS, st.integers(0, 20)),
    st.lists(st.tuples(st.one_of(st.none(), IDS), st.integers(-5, 40))),
    st.integers(0, 60),
)
def test_labels_by_definition_and_nothing_settled_changes(shown, clicks, now):
    held = events(list(shown.items()), clicks)
    got = label_values(CLICKED, held)
    for place, (key, t) in enumerate(shown.items()):
        hits = [c for k, c in clicks if type(k) is type(key) and k == key and t <= c < t + 10]
        assert got.value[place] == float(bool(hits))
        assert got.known_at[place] == (min(hits) + 1 if hits else t + 10)
    seen = events(list(shown.items()), [click for click in clicks if click[1] < now])
    settled = matured(CLICKED, held["Shown"].time, now)
    np.testing.assert_array_equal(label_values(CLICKED, seen).value[settled], got.value[settled])
