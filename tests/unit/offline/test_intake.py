"""What does not fit goes to the dead letters with its reason; everything else goes on, in its order."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.errors import DataError
from heptad.offline.intake import intake_lines, take_in, write_dead_letters
from heptad.plan.compile import compile_features


class Payment(hp.Event):
    payment_id: hp.Key
    ts: hp.Time
    user: hp.Id
    amount: float = hp.expect(between=(0, 500), nulls=0.25)
    parts: int | None = hp.expect(between=(1, None))
    channel: str = hp.expect(one_of=("web", "app"))


STREAM = compile_features(
    hp.Data(static={}, dynamic={"n": Payment.per("user").count("1d")}, contextual={}), hp.label(Payment)
).stream("Payment")
GOOD = {"payment_id": 1, "ts": 5, "user": "u", "amount": 3.5, "parts": 2, "channel": "web"}


def taken(rows):
    source = {name: pa.array([row[name] for row in rows], from_pandas=False) for name in GOOD}
    return take_in(STREAM, source)


def test_each_bad_row_is_named_with_the_first_thing_wrong_with_it():
    rows = [
        GOOD,
        GOOD | {"payment_id": 2, "amount": -0.5},
        GOOD | {"payment_id": 3, "channel": "fax"},
        GOOD | {"payment_id": 4, "parts": 0},
        GOOD | {"payment_id": 5, "user": None},
        GOOD | {"payment_id": 6, "amount": 500.0, "parts": None},
    ]
    got = taken(rows)
    assert got.rows == 6
    assert got.batch.columns["payment_id"].values.tolist() == [1, 6]
    assert [(r.row, r.column, r.expected, r.got) for r in got.refused] == [
        (1, "amount", "a value from 0 to 500", "-0.5"),
        (2, "channel", "one of 'web', 'app'", "'fax'"),
        (3, "parts", "a value of at least 1", "0"),
        (4, "user", "a value of kind id", "None"),
    ]
    assert got.report()["refused"] == 4
    assert got.report()["too_many_nulls"] == []


def test_too_many_nulls_are_reported_and_no_row_is_refused():
    got = taken([GOOD | {"payment_id": i, "amount": None if i < 2 else 1.0} for i in range(4)])
    assert len(got.batch) == 4
    assert got.report()["too_many_nulls"] == [{"column": "amount", "share": 0.5, "limit": 0.25}]


def test_a_csv_cell_that_is_no_number_costs_its_row_only(tmp_path):
    path = tmp_path / "payments.csv"
    path.write_text(
        "payment_id,ts,user,amount,parts,channel\n1,5,u,3.5,2,web\n2,6,u,dear,2,web\n3,soon,u,1e2,x,app\n4,7,u,,1,app\n"
    )
    got = take_in(STREAM, path)
    assert got.batch.columns["payment_id"].values.tolist() == [1, 4]
    assert [(r.row, r.column) for r in got.refused] == [(1, "amount"), (2, "ts")]


def test_a_source_that_is_wrong_throughout_is_an_error_and_not_a_pile_of_dead_letters():
    with pytest.raises(DataError, match="a column of Arrow type string"):
        take_in(STREAM, {name: pa.array(["x"]) for name in GOOD})


def test_a_person_hears_what_was_put_aside_and_what_is_missing(tmp_path):
    got = taken([GOOD, GOOD | {"amount": 501.0}, GOOD | {"amount": None}])
    assert intake_lines({"Payment": got}, tmp_path) == [
        f"1 of 3 rows of Payment put aside, most where amount should be a value from 0 to 500: {tmp_path}",
        "Payment.amount: 50.0% null, expected at most 25.0%",
    ]


def test_dead_letters_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "refused" / "rows.jsonl"
    assert write_dead_letters(path, {"Payment": taken([GOOD])}) == 0
    assert not path.exists()
    assert write_dead_letters(path, {"Payment": taken([GOOD, GOOD | {"amount": 501.0}])}) == 1
    (line,) = path.read_text().splitlines()
    assert json.loads(line) == {
        "stream": "Payment", "row": 1, "column": "amount", "expected": "a value from 0 to 500", "got": "501.0",
        "values": GOOD | {"amount": 501.0},
    }  # fmt: skip
    assert write_dead_letters(path, {"Payment": taken([GOOD])}) == 0
    assert not path.exists(), "an earlier run's letters are not this one's"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "amount": st.sampled_from([None, 0.0, 500.0, 500.5, -1.0, float("inf")]),
                "parts": st.sampled_from([None, 0, 1, 2**62]),
                "channel": st.sampled_from(["web", "app", "", "Web"]),
            }
        ),
        max_size=12,
    )
)
def test_a_row_is_taken_in_exactly_where_the_class_would_take_it_when_posted(drawn):
    rows = [GOOD | row | {"payment_id": i} for i, row in enumerate(drawn)]
    fits = []
    for row in rows:
        try:
            fits.append(bool(Payment.parse(row)))
        except DataError:
            fits.append(False)
    source = {
        "payment_id": pa.array([r["payment_id"] for r in rows], pa.int64()),
        "ts": pa.array([r["ts"] for r in rows], pa.int64()),
        "user": pa.array([r["user"] for r in rows], pa.string()),
        "amount": pa.array([r["amount"] for r in rows], pa.float64()),
        "parts": pa.array([r["parts"] for r in rows], pa.int64()),
        "channel": pa.array([r["channel"] for r in rows], pa.string()),
    }
    got = take_in(STREAM, source)
    assert got.batch.columns["payment_id"].values.tolist() == [i for i, fit in enumerate(fits) if fit]
    assert [r.row for r in got.refused] == [i for i, fit in enumerate(fits) if not fit]
