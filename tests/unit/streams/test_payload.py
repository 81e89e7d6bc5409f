"""Rows as log records: what comes back, what is refused, what a changed class does."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.errors import DataError, StateError
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.streams.log import Columns
from heptad.streams.payload import Codec
from heptad.testing.compare import same
from heptad.testing.strategies import Buy, View, rows, settings
from heptad.times import EARLIEST, LATEST


def plan_of(*events: type[hp.Event]) -> Plan:
    data = hp.Data(dynamic={f"n{i}": event.per("user").count("5s") for i, event in enumerate(events)})
    return compile_features(data, hp.label(events[0]))


PLAN = plan_of(Buy, View)
GOOD = Buy.parse({"buy_id": 1, "ts": 5, "user": "u", "item": 2, "paid": 1.5})


@given(st.data(), st.sampled_from(["Buy", "View", "Item"]), st.integers(EARLIEST, LATEST))
def test_a_row_comes_back_as_it_was(data: st.DataObject, stream: str, time: int) -> None:
    row = data.draw(rows(stream, data.draw(settings()), time))
    codec = Codec(PLAN)
    name, back = codec.decode(codec.encode(stream, row))
    assert name == stream
    assert back.keys() == row.keys()
    assert all(same(row[column], back[column]) for column in row)


def test_records_come_back_in_their_order_with_their_offsets() -> None:
    codec = Codec(PLAN)
    payloads = [codec.encode("Buy", GOOD | {"buy_id": i}) for i in range(3)]
    records = codec.logged(Columns(np.arange(4, 7), np.array([1, 1, 2]), payloads))
    assert records == [Logged(4 + i, (1, 1, 2)[i], "Buy", GOOD | {"buy_id": i}) for i in range(3)]


def test_null_is_null_however_it_is_sent() -> None:
    codec = Codec(PLAN)
    sent = {k: v for k, v in GOOD.items() if v is not None} | {"paid": math.nan}
    assert codec.decode(codec.encode("Buy", sent)) == ("Buy", GOOD | {"paid": None})


def test_an_int_in_a_float_column_is_a_float() -> None:
    codec = Codec(PLAN)
    paid = codec.decode(codec.encode("Buy", GOOD | {"paid": 2}))[1]["paid"]
    assert type(paid) is float


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("paid", "x", "Buy.paid: expected float | null, got 'x'"),
        ("ts", None, "Buy.ts: expected int, got None"),
        ("ts", 2**62, "Buy.ts: expected int <= 2305843009213693952, got 4611686018427387904"),
        ("user", True, "Buy.user: expected int | str, got True"),
        ("amount", -(2**63), "Buy.amount: expected int >= -9223372036854775807, got -9223372036854775808"),
        ("amount", 2**70, "row of Buy: expected values of its columns' types"),
        ("device", object(), "row of Buy: expected values of its columns' types"),
        ("colour", "red", "Buy.colour: expected one of buy_id, ts, user"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_logged(column: str, value: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        Codec(PLAN).encode("Buy", GOOD | {column: value})
    assert str(caught.value).startswith(says)


def test_a_stream_the_plan_does_not_know() -> None:
    with pytest.raises(DataError, match="stream 'Sell': expected one of Item, Buy, View"):
        Codec(PLAN).encode("Sell", {})


def changed(**columns: Any) -> Plan:
    return plan_of(
        type(
            "Buy",
            (hp.Event,),
            {"__annotations__": {"buy_id": hp.Key, "ts": hp.Time, "user": hp.Id, **columns}},
        )
    )


def test_a_class_that_changed_is_an_error_and_never_a_wrong_value() -> None:
    was, now = (
        Codec(changed(a=float, b=float)),
        [changed(b=float, a=float), changed(a=float), changed(a=float, b=int)],
    )
    record = was.encode("Buy", {"buy_id": 1, "ts": 1, "user": 1, "a": 1.0, "b": 2.0})
    for plan in now:
        with pytest.raises(
            StateError, match=r"record 7 of the log: expected the columns of Buy: .*, got a row of other"
        ):
            Codec(plan).decode(record, 7)
    relaxed = changed(a=float | None, b=float)  # may be missing from now on: nothing else changed
    assert Codec(relaxed).decode(record)[1]["b"] == 2.0


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "got format None"),
        (b"\x93\x02\xa3Buy\x00", "expected a row in format 1, got format 2"),
        (b"\x93\x01\xa4Sell\x00", "expected a stream of the plan: Item, Buy, View, got 'Sell'"),
        (b"\x93\x01\x90\x00", "expected a stream of the plan: Item, Buy, View, got \\[\\]"),
    ],
)
def test_bytes_that_are_no_row_of_the_plan(payload: bytes, says: str) -> None:
    with pytest.raises(StateError, match=says):
        Codec(PLAN).decode(payload)


def test_every_record_of_a_stream_and_no_other_begins_with_its_mark() -> None:
    codec = Codec(PLAN)
    buy, view = codec.encode("Buy", GOOD), codec.encode("View", {"ts": 1, "user": 1})
    assert [buy.startswith(codec.begins(s)) for s in ("Buy", "View", "Item")] == [True, False, False]
    assert [view.startswith(codec.begins(s)) for s in ("Buy", "View", "Item")] == [False, True, False]
