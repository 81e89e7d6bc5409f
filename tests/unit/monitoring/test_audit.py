"""The audit: it passes what is right, finds one changed bit and a leak, and tells late from wrong."""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.monitoring.audit import Served, audit, same_bits
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Logged, batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.times import HOUR, MINUTE


class Buy(hp.Event):
    buy: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    price: float
    where: str | None
    tags: list[str]


PLAN = compile_features(
    hp.Data(
        dynamic=dict(
            count=Buy.per("user").count("1h", "all"),
            mean=Buy.per("user").mean("price", "all"),
            where=Buy.per("user").last("where"),
            items=Buy.per("user").last("item", n=3),
            tag=Buy.per("tags").count("all"),
        ),
        contextual=dict(hour=hp.hour(), tags=Buy.tags),
    ),
    hp.label(Buy),
)
USERS = ["u1", "u2", 3]
LATE = 40  #: offset of an event that came late, for user u1


def row(number: int, ts: int) -> dict[str, Any]:
    return {
        "buy": number,
        "ts": ts,
        "user": USERS[number % 3],
        "item": f"i{number % 7}",
        "price": 0.1 * number,
        "where": [None, "shop", "web"][number % 3],
        "tags": [["red"], ["red", "cup"], []][number % 3],
    }


@cache
def log() -> list[Logged]:
    """Fifty events a minute apart; the one at offset 40 happened twenty minutes before it came."""
    rows = [row(number, (number - 20 * (number == LATE)) * MINUTE) for number in range(50)]
    return [Logged(offset, offset * MINUTE, "Buy", one) for offset, one in enumerate(rows)]


@cache
def oracle() -> Oracle:
    return Oracle(PLAN, log())


def served(name: str, t: int, o: int) -> Served:
    """A read of all users at (t, o), by the offline engine."""
    request = {"user": USERS, "tags": [["red", "cup"], [], ["red"]]}
    columns = {
        field.name: column_of(request[field.name], field.kind)
        for field in PLAN.request
        if field.name in request
    }
    batch = batch_of(PLAN.stream("Buy"), [one.row for one in log()], range(len(log())))
    values = training_set(PLAN, {"Buy": batch}, columns, np.full(3, t), np.full(3, o))
    return Served(name, t, o, request, values)


READS = [(HOUR, 30), (35 * MINUTE, 35), (39 * MINUTE, 39), (51 * MINUTE, 50), (2 * HOUR, 50), (5, 0)]


@cache
def reads() -> list[Served]:
    return [served(f"r{place}", t, o) for place, (t, o) in enumerate(READS)]


def audited(wrong, values=10_000, **options):
    return audit(oracle(), len(log()), wrong, values=values, **options)


def test_what_the_engine_served_is_equal_to_the_last_bit():
    found = audited(reads())
    assert found.mismatches == 0
    assert found.compared == found.equal == len(READS) * len(USERS) * len(PLAN.columns)


def test_values_that_later_events_changed_are_late_not_wrong():
    """r2 read at 39 minutes; the event of minute 20 came at 40 and belongs to one user."""
    found = audited([reads()[2]])
    assert found.mismatches == 0
    changed = served("today", *READS[2][:1], len(log())).values
    differ = sum(
        not same_bits(one, other)
        for name in changed
        for one, other in zip(plain(changed[name]), plain(reads()[2].values[name]), strict=True)
    )
    assert found.late == differ > 0
    assert audited([reads()[3]]).late == 0  # it knew the whole log


def plain(values):
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def spoilt(read: Served, name: str, place: int, value: Any) -> Served:
    values = list(read.values[name])
    values[place] = value
    return read._replace(values={**read.values, name: values})


def flipped(value: float) -> float:
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    (out,) = struct.unpack("<d", struct.pack("<q", bits ^ 1))
    return float(out)


@pytest.mark.parametrize("name", ["count_1h", "count_all", "mean", "tag", "hour"])
@pytest.mark.parametrize("place", range(3))
def test_one_flipped_bit_is_found_and_named(name, place):
    read = reads()[3]
    wrong = spoilt(read, name, place, flipped(float(read.values[name][place])))
    found = audited([*reads(), wrong._replace(name="spoilt")])
    (mismatch,) = found.wrong
    assert (mismatch.served_as, mismatch.row, mismatch.column) == ("spoilt", place, name)
    assert not same_bits(mismatch.served, mismatch.recomputed)
    assert found.equal == found.compared - 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("where", "shop "),
        ("where", 1),
        ("items", ("i6", "i3")),
        ("items", ("i6", "i3", "i0", "i4")),
        ("items", ()),
        ("items", None),
        ("tags", ("cup", "red")),
        ("mean", math.nan),
        ("mean", None),
        ("count_all", 17),  # right but for its type
    ],
)
def test_categories_lists_nulls_and_types_are_compared(name, value):
    assert audited([spoilt(reads()[3], name, 0, value)]).mismatches == 1


def test_a_list_may_be_served_as_a_list():
    read = reads()[3]
    as_lists = [list(items) for items in read.values["items"]]
    assert audited([read._replace(values={**read.values, "items": as_lists})]).mismatches == 0


def test_a_leak_is_found():
    """Values read later, logged as if known at (t, o)."""
    before, after = reads()[1], reads()[2]
    found = audited([before._replace(values=after.values)])
    assert found.mismatches > 0
    assert {mismatch.column for mismatch in found.wrong} >= {"count_all", "items"}


def test_a_wrong_offset_is_a_leak_too():
    """The late event itself was counted, though the log held it only afterwards."""
    t, o = READS[2]
    found = audited([served("leak", t, LATE + 1)._replace(o=o)])
    assert {wrong.row for wrong in found.wrong if wrong.column == "count_all"} == {LATE % 3}


@given(st.integers(1, 200), st.integers(0, 50))
def test_as_many_values_as_asked_are_compared_and_not_a_row_more(values, seed):
    found = audited(reads(), values=values, seed=seed)
    width, most = len(PLAN.columns), len(READS) * len(USERS) * len(PLAN.columns)
    assert found.compared == min(-(-values // width) * width, most)
    assert found.mismatches == 0


def test_every_row_can_be_drawn():
    """One row is wrong: small samples miss it or find it, and over many seeds each row is looked at."""
    seen = set()
    for read in range(len(READS)):
        for place in range(3):
            wrong = list(reads())
            wrong[read] = spoilt(wrong[read], "hour", place, -1.0)
            hits = [audited(wrong, values=60, seed=seed).mismatches for seed in range(12)]
            assert 0 in hits
            if 1 in hits:
                seen.add((read, place))
    assert len(seen) == len(READS) * 3


def test_nothing_served_is_nothing_compared():
    assert (audited([]).compared, audited([]).mismatches) == (0, 0)
    assert audited([Served("empty", 0, 0, {}, {})]).compared == 0


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=3),
        st.just(math.nan),
        st.just(-0.0),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_same_bits_is_an_equivalence(one, other):
    assert same_bits(one, one)
    assert same_bits(one, other) == same_bits(other, one)
    if same_bits(one, other):
        assert repr(one).replace("-nan", "nan") == repr(other).replace("-nan", "nan")


@given(st.floats(), st.floats())
def test_floats_are_the_same_where_their_bits_are(one, other):
    bits = [struct.pack("<d", value) for value in (one, other)]
    both_null = math.isnan(one) and math.isnan(other)
    assert same_bits(one, other) == (bits[0] == bits[1] or both_null)


def test_a_number_of_another_type_is_another_value():
    assert not same_bits(1, 1.0)
    assert not same_bits(True, 1)
    assert not same_bits(0.0, -0.0)
    assert not same_bits(None, math.nan)
    assert not same_bits(("a",), "a")
    assert same_bits(np.float64(0.5), 0.5)
