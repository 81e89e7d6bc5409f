"""Data quality: what counts as null, out of range and new, and when it is worth a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.monitoring import QualityReference

REFERENCE = QualityReference.of(
    {
        "age": np.array([20.0, np.nan, 60.0, 40.0]),
        "city": np.array(["Bern", "Oslo", None, "Bern"], object),
        "empty": np.array([np.nan, np.nan]),
    }
)


@given(st.lists(st.one_of(st.floats(0, 100), st.just(float("nan"))), max_size=40))
def test_counts_are_the_slow_ones(ages: list[float]) -> None:
    n = len(ages)
    rows = {"age": np.array(ages, float), "city": np.array(["Bern"] * n, object), "empty": np.zeros(n)}
    age, city, empty = REFERENCE.check(rows)
    assert age.nulls == sum(value != value for value in ages)
    assert age.out_of_range == sum(value < 20 or value > 60 for value in ages)
    assert (city.nulls, city.new_names) == (0, 0)
    assert empty.out_of_range == n


def test_new_names_come_with_examples() -> None:
    towns = np.array(["Rome", "Oslo", None, "Ahlen", "Rome"], object)
    _, city, _ = REFERENCE.check({"age": np.ones(5), "city": towns, "empty": np.ones(5)})
    assert (city.new_names, city.nulls, city.examples) == (3, 1, ("Ahlen", "Rome"))
    assert city.null_share_reference == 0.25
    assert json.loads(json.dumps(city.to_json()))["examples"] == ["Ahlen", "Rome"]


def test_one_odd_row_is_not_a_problem_but_many_are() -> None:
    ages = np.full(200, 30.0)
    quiet = ages.copy()
    quiet[0] = 99.0
    loud = ages.copy()
    loud[:40] = 99.0
    rest = {"city": np.array(["Bern"] * 200), "empty": np.full(200, np.nan)}
    assert REFERENCE.check({"age": quiet, **rest})[0].problems() == ()
    assert REFERENCE.check({"age": loud, **rest})[0].problems() == (
        "age: 40 of 200 rows are out of range, more than 1.0%",
    )


def test_no_rows_is_no_problem() -> None:
    nothing = REFERENCE.check({"age": np.array([]), "city": np.array([], object), "empty": np.array([])})
    assert [column.problems() for column in nothing] == [(), (), ()]
    assert nothing[0].null_share == 0.0


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="city"):
        REFERENCE.check({"age": np.ones(1)})
    with pytest.raises(DataError, match="numbers"):
        REFERENCE.check({"age": np.array(["old"]), "city": np.array(["x"]), "empty": np.ones(1)})
