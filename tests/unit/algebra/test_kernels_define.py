"""Kernels held to the definitions: any events, in any order, merged in any tree, give the defined value to the last bit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heptad.algebra import catalogue
from heptad.algebra.hashing import hash_value
from heptad.algebra.kernels import wide
from heptad.algebra.kernels.base import Events, kernel, sparse_kernel
from heptad.algebra.kernels.hashing import hashed
from heptad.algebra.kernels.merge import identity, layout, merge, merge_touched
from heptad.algebra.rounding import rounded, shortened, span
from heptad.algebra.spec import Params, Seen
from heptad.testing.compare import same

FLOATS = st.one_of(
    st.sampled_from(
        (0.0, -0.0, 0.1, 0.5, -2.25, 1e-320, 5e-324, 1e300, -1e300, math.inf, -math.inf, 2.0**53 + 2)
    ),
    st.floats(allow_nan=False).map(lambda x: x + 0.0),
    st.floats(-1000, 1000),
)
INTS = st.one_of(
    st.sampled_from((0, 1, -1, 2**31, 2**53 + 1, 2**61, 2**62 - 1, 2**62, 2**63 - 1, -(2**63) + 1)),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.integers(-1000, 1000),
)
T = 10**6


def state(name: str, events: Events, params: Params) -> np.ndarray[Any, Any]:
    """One state per event (n, words)."""
    spec = catalogue.get(name)
    if not spec.sparse:
        return kernel(name).lift(events, params)
    words = np.tile(identity(spec.segments(params)), (len(events.time), 1))
    touched = sparse_kernel(name).touch(events, params)
    merge_touched(words, *touched, layout(spec.segments(params)))
    return words


def folded(name: str, words: np.ndarray[Any, Any], params: Params, seed: int) -> np.ndarray[Any, Any]:
    """The states merged two by two, in an order of the seed's."""
    segments = layout(catalogue.get(name).segments(params))
    states = [identity(catalogue.get(name).segments(params)), *(row.copy() for row in words)]
    random = np.random.default_rng(seed)
    while len(states) > 1:
        into, other = (states.pop(random.integers(len(states))) for _ in range(2))
        merge(into, 0, other, 0, segments)
        states.append(into)
    return states[0][None]


def check(name: str, values: list[Any], params: Params, seed: int = 0) -> Any:
    """The kernel's value of these values, held to the definition; sees hashes and places as a plan makes them."""
    spec = catalogue.get(name)
    times = np.arange(len(values), dtype=np.int64) * 7 % 5  # ties and disorder
    order = sorted(range(len(values)), key=lambda i: (times[i], i))
    plain = [v + 0.0 if isinstance(v, float) else v for v in values]  # as a log is read: -0.0 is 0.0
    seen = [Seen(int(times[i]), i, plain[i]) for i in order]
    kinds = {str: object, float: np.float64, int: np.int64}
    numbers = np.array(values, kinds[type(values[0]) if values else int])
    if spec.sees == "hashes":
        numbers = hashed(numbers)
    if spec.sees == "places":
        known = list(params.vocabulary)
        numbers = np.array([known.index(v) if v in known else len(known) for v in values], np.int64)
    events = Events(times, np.arange(len(values), dtype=np.int64), numbers)
    words = folded(name, state(name, events, params), params, seed)
    found = kernel(name).finalize(words, np.array([T]), params)
    expected = spec.define(seen, T, params)
    if spec.returns == "choices":
        places, present = found
        return same(expected, tuple(params.vocabulary[p] for p in places[0, : present[0]])), expected
    return same(expected, found[0] if spec.returns == "number" else tuple(found[0])), expected


NUMBERS = st.one_of(st.lists(INTS, max_size=12), st.lists(FLOATS, max_size=12))


@pytest.mark.parametrize("name", ["count", "sum", "mean", "min", "max", "variance", "std", "since_last"])
@given(values=NUMBERS, decimals=st.integers(0, 15), seed=st.integers(0, 99))
@example(values=[2**61, 2**61 - 1], decimals=0, seed=0)
@example(values=[], decimals=2, seed=0)
@example(values=[2**30 + k for k in range(8)], decimals=0, seed=0)
def test_numbers(name, values, decimals, seed):
    right, expected = check(name, values, Params(decimals=decimals), seed)
    assert right, expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 6))
def test_variance_is_the_exact_one_of_the_rounded_values(values, decimals):
    terms = [Fraction(round(v * 10.0**decimals)) / 10**decimals for v in values]
    mean = sum(terms) / len(terms)
    exact = sum((term - mean) ** 2 for term in terms) / len(terms)
    seen = [Seen(0, i, value) for i, value in enumerate(values)]
    found = catalogue.get("variance").define(seen, 0, Params(decimals=decimals))
    assert abs(Fraction(found) - exact) <= exact * Fraction(1, 2**50)


WORD = st.one_of(
    st.sampled_from((0, 1, 2**32 - 1, 2**32, 2**53 + 1, 2**63, 2**64 - 1)), st.integers(0, 2**64 - 1)
)


def pair(x: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(x >> 64), np.uint64(x & (2**64 - 1))


def number(halves: tuple[int, int]) -> int:
    return int(halves[0]) << 64 | int(halves[1])


@given(WORD, WORD, WORD, WORD)
def test_wide_numbers(a, b, c, d):
    x, y = (pair(number(wide.times(np.uint64(u), np.uint64(v)))) for u, v in ((a, b), (c, d)))
    assert (number(x), number(y)) == (a * b, c * d)
    total = wide.plus(*x, *y)
    assert number(total) == (a * b + c * d) % 2**128
    assert number(wide.minus(*max(x, y), *min(x, y))) == abs(a * b - c * d)
    assert wide.to_float(*x) == float(a * b)


@pytest.mark.parametrize(
    "x",
    [2**53 + 1, 2**54 + 3, 2**64 - 1, 2**64 + 1, 2**117 + 2**64 + 1, 2**126 - 1, 3 * 2**73 + 1, 2**128 - 1],
)
def test_a_wide_number_is_rounded_once_half_to_even(x):
    assert wide.to_float(*pair(x)) == float(x)


@given(
    st.lists(st.one_of(INTS, st.sampled_from((3, 3, 4))), max_size=40),
    st.sampled_from((4, 5, 8, 10)),
    st.integers(0, 99),
)
def test_distinct_of_whole_numbers(values, p, seed):
    assert check("distinct", values, Params(precision=p), seed)[0]


@given(
    st.one_of(st.lists(st.text(max_size=3), max_size=20), st.lists(FLOATS, max_size=20)), st.integers(0, 9)
)
def test_distinct_of_texts_and_floats(values, seed):
    assert check("distinct", values, Params(precision=6), seed)[0]


@pytest.mark.parametrize("p", [4, 8, 12])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 20, 100, 1000, 10_000, 50_000])
def test_distinct_is_near_the_truth(p, n):
    events = Events(
        np.zeros(n, np.int64), np.zeros(n, np.int64), hashed(np.arange(n, dtype=np.int64) * 12_345)
    )
    held = np.tile(identity(catalogue.get("distinct").segments(Params(precision=p))), (1, 1))
    touched = sparse_kernel("distinct").touch(events, Params(precision=p))
    rows = np.zeros(n, np.int64)
    merge_touched(
        held,
        rows,
        touched.place,
        touched.word,
        layout(catalogue.get("distinct").segments(Params(precision=p))),
    )
    (found,) = kernel("distinct").finalize(held, np.zeros(1, np.int64), Params(precision=p))
    assert abs(found - n) <= 3.5 * 1.04 / 2 ** (p / 2) * n


@given(st.one_of(INTS, FLOATS, st.text(max_size=5)))
def test_a_hash_is_one_whoever_computes_it(value):
    dtype = object if isinstance(value, str) else np.float64 if isinstance(value, float) else np.int64
    column = np.empty(1, dtype)
    column[0] = value
    assert int(hashed(column).view(np.uint64)[0]) == hash_value(value)
    mixed = np.empty(1, object)
    mixed[0] = value
    assert int(hashed(mixed).view(np.uint64)[0]) == hash_value(value)


def test_hashes_stay_what_they_are():
    """Stored states hold them: a change would need another name."""
    assert [hex(hash_value(v)) for v in (0, 1, -1, True, "", "ann", 0.5, -0.0)] == HASHES


HASHES = [
    "0xe220a8397b1dcdaf",  # SplitMix64 from the seed 0
    "0x910a2dec89025cc1", "0xe4d971771b652c20", "0x910a2dec89025cc1", "0xb4b2797457a0a6e4", "0xa5f323bf6adf3a8d",
    "0xf456984dd1d8ce6d", "0xe220a8397b1dcdaf",
]  # fmt: skip

RANGES = st.sampled_from(
    [
        Params(low=0.0, high=1e6, unit=0.01, bits=4),
        Params(low=-100.0, high=1000.0, unit=0.5, bits=1),
        Params(low=1.0, high=2.0, unit=1e-3, bits=9),
        Params(low=-1e300, high=-1e-3, unit=1e-2, bits=2),
        Params(low=-5.0, high=0.0, unit=1.0, bits=3),
        Params(low=-1e9, high=1e9, unit=1e-3, bits=5),
    ]
)


@given(
    NUMBERS, RANGES, st.sampled_from((0, 1, 100_000, 500_000, 990_000, 999_999, 1_000_000)), st.integers(0, 9)
)
def test_quantiles(values, within, q, seed):
    params = Params(q=q, low=within.low, high=within.high, unit=within.unit, bits=within.bits)
    assert check("quantile", values, params, seed)[0]


@given(st.floats(allow_nan=False), RANGES)
def test_a_rounded_value_is_near_the_value_and_rounds_to_itself(value, within):
    found = rounded(value, within)
    inside = min(max(value, within.low), within.high)
    assert abs(found - inside) <= max(abs(inside) * 2.0**-within.bits, shortened(within.unit, within.bits))
    assert rounded(found, within) == found or found in (
        rounded(within.low, within),
        rounded(within.high, within),
    )


@given(RANGES, st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_rounding_keeps_the_order(within, a, b):
    low, high = sorted((a, b))
    assert rounded(low, within) <= rounded(high, within)


@given(st.integers(2, 9))
def test_small_whole_numbers_are_exact(bits):
    within = Params(low=0.0, high=1e6, unit=1.0, bits=bits)
    assert all(rounded(float(n), within) == n for n in range(2**bits + 1))
    first, last, _ = span(within)
    assert first == 0
    assert last > 2**bits


WORDS = st.sampled_from(("a", "b", "c", "d", ""))


@given(
    st.lists(WORDS, max_size=30),
    st.lists(WORDS, min_size=1, unique=True),
    st.integers(1, 5),
    st.integers(0, 99),
)
def test_vocabularies(values, vocabulary, k, seed):
    params = Params(vocabulary=tuple(vocabulary), k=min(k, len(vocabulary)))
    for name in ("histogram", "top_k"):
        right, expected = check(name, values, params, seed)
        assert right, expected


@given(st.lists(INTS, max_size=12), st.integers(1, 4), st.integers(0, 99))
def test_entries(values, n, seed):
    for name in ("first", "last", "first_n", "last_n"):
        spec, params = catalogue.get(name), Params(n=n if name.endswith("_n") else 1)
        times = np.arange(len(values), dtype=np.int64) * 7 % 5
        ties = np.arange(len(values), dtype=np.int64)
        words = state(name, Events(times, ties, np.array(values, np.int64)), params)
        codes, present = kernel(name).finalize(folded(name, words, params, seed), np.array([T]), params)
        seen = [
            Seen(int(times[i]), i, values[i]) for i in sorted(range(len(values)), key=lambda i: (times[i], i))
        ]
        expected = spec.define(seen, T, params)
        found = tuple(codes[0, : present[0]].tolist())
        assert found == (expected if spec.returns == "values" else (() if expected is None else (expected,)))
