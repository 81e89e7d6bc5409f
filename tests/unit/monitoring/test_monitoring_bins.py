"""Bins: every value has one, ties and nulls are told apart, and the slow loop agrees."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.monitoring.bins import Bins, CategoryBins, NumericBins, bins_for, bins_from_json
from heptad.monitoring.histogram import Histogram

numbers = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=True, width=32), st.sampled_from([0.0, 0.0, 1.0])),
    max_size=60,
)
names = st.lists(st.one_of(st.none(), st.sampled_from("abcde"), st.text(max_size=3)), max_size=40)


def slow_numeric_index(edges: Sequence[float], value: float) -> int:
    """Walk the edges one by one."""
    if math.isnan(value):
        return len(edges) + 1
    for position, edge in enumerate(edges):
        if value <= edge:
            return position
    return len(edges)


@given(reference=numbers, values=numbers, bins=st.integers(1, 12))
def test_numeric_index_is_the_slow_walk(reference: list[float], values: list[float], bins: int) -> None:
    fixed = NumericBins.of(np.array(reference, float), bins)
    assert list(fixed.edges) == sorted(set(fixed.edges))
    assert all(math.isfinite(edge) for edge in fixed.edges)
    expected = [slow_numeric_index(fixed.edges, value) for value in values]
    assert fixed.index(np.array(values, float)).tolist() == expected


@given(reference=names, values=names, top=st.integers(1, 4))
def test_category_index_is_the_slow_walk(
    reference: list[str | None], values: list[str | None], top: int
) -> None:
    fixed = CategoryBins.of(np.array(reference, object), top)
    kept = list(fixed.names)
    assert len(kept) <= top
    expected = [
        len(kept) + 1 if value is None else kept.index(value) if value in kept else len(kept)
        for value in values
    ]
    assert fixed.index(np.array(values, object)).tolist() == expected


@given(reference=numbers, order=st.randoms(use_true_random=False))
def test_edges_do_not_depend_on_row_order(reference: list[float], order: object) -> None:
    mixed = list(reference)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    assert NumericBins.of(np.array(mixed, float)) == NumericBins.of(np.array(reference, float))


def test_continuous_reference_gives_equal_bins() -> None:
    counts = Histogram.empty(fixed := NumericBins.of(np.arange(1000.0))).add(np.arange(1000.0)).counts
    assert counts == (100,) * 10 + (0,)
    assert fixed.labels[-2:] == ("> 899", "null")


def test_a_heavy_tie_has_a_range_of_its_own() -> None:
    values = np.concatenate([np.zeros(600), np.arange(1.0, 401.0)])
    fixed = NumericBins.of(values)
    inside, under = fixed.index(np.array([0.0, -1e-300]))
    assert Histogram.empty(fixed).add(values).counts[inside] == 600
    assert under == inside - 1


def test_a_constant_reference_tells_both_sides_apart() -> None:
    fixed = NumericBins.of(np.full(50, 7.0))
    assert fixed.index(np.array([6.0, 7.0, 8.0, np.nan])).tolist() == [0, 1, 2, 3]


def test_ties_in_frequency_are_ordered_by_name() -> None:
    assert CategoryBins.of(np.array(["b", "a", "c", "c"]), top=2).names == ("c", "a")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.array([1, 2]), NumericBins),
        (np.array([True, False]), NumericBins),
        (np.array([1.5]), NumericBins),
        (np.array(["x"]), CategoryBins),
        (np.array(["x", None], object), CategoryBins),
    ],
)
def test_the_dtype_decides(column: np.ndarray, expected: type) -> None:
    assert type(bins_for(column)) is expected


@pytest.mark.parametrize("bins", [NumericBins((0.1, 2.0)), NumericBins(()), CategoryBins(("a", "é"))])
def test_json_round_trip(bins: Bins) -> None:
    assert bins_from_json(json.loads(json.dumps(bins.to_json(), allow_nan=False))) == bins


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="one dimension of numbers"):
        NumericBins((1.0,)).index(np.array(["a"]))
    with pytest.raises(DataError, match="2 dimensions"):
        NumericBins((1.0,)).index(np.zeros((2, 2)))
    with pytest.raises(DataError, match="text or objects"):
        CategoryBins(("a",)).index(np.array([1.0]))
    with pytest.raises(DataError, match="kind"):
        bins_from_json({"kind": "spiral"})
    with pytest.raises(DataError, match="same bins"):
        Histogram.empty(NumericBins((1.0,))).merge(Histogram.empty(NumericBins((2.0,))))
    with pytest.raises(DataError, match="3 counts"):
        Histogram.from_json({"bins": NumericBins((1.0,)).to_json(), "counts": [1]})
