"""Matrices in few bytes: every bit comes back, and what is no such matrix is refused."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heptad.errors import StateError
from heptad.serving.narrow import packed, unpacked

EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, 0.1, 127.0, 128.0, -127.0, -128.0, 32767.0, -32768.0, 2.0**31 - 1, -(2.0**31), 2.0**31,
    2.0**53, 1e300, -1e-310, np.inf, -np.inf, np.nan, float(np.float32(0.1)), 16777217.0,
]  # fmt: skip
#: NaN of another payload: bits that no arithmetic of ours makes, and that come back all the same
ODD = np.array([0x7FF8000000000001, -1], np.int64).view(np.float64)
shapes = st.tuples(st.integers(0, 7), st.integers(0, 5))
numbers = st.one_of(
    st.sampled_from(EDGES), st.sampled_from(list(ODD)), st.integers(-200, 200).map(float),
    st.integers(-(2**33), 2**33).map(float), st.floats(width=32), st.floats(),
)  # fmt: skip


@given(shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=numbers, fill=st.sampled_from(EDGES))))
def test_every_bit_comes_back(matrix):
    raw = packed(matrix)
    found = unpacked(raw, *matrix.shape)
    assert found.shape == matrix.shape
    assert np.ascontiguousarray(found).tobytes() == matrix.tobytes()
    assert len(raw) <= matrix.shape[1] * (9 + 8 * matrix.shape[0])


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([3.5] * 10, 9), ([1.0, np.nan, -127.0], 4), ([1.0, 128.0, np.nan], 7), ([1.0, 40_000.0, np.nan], 13),
        ([0.5, 1.0, np.nan], 13), ([0.1, 1.0, 2.0], 25), ([-0.0, 1.0, 2.0], 13), ([2.0**40, 1.0, 2.0], 13), ([16777217.0, 0.5, 1.0], 25),
    ],
)  # fmt: skip
def test_a_column_takes_the_narrowest_kind_that_holds_it(values, size):
    assert len(packed(np.array(values)[:, None])) == size


@given(st.binary(max_size=40), st.integers(0, 4), st.integers(0, 4))
def test_other_bytes_are_refused_or_are_a_matrix(raw, m, d):
    with suppress(StateError):
        assert unpacked(raw, m, d).shape == (m, d)


def test_cut_and_longer_bytes_are_refused():
    raw = packed(np.arange(12.0).reshape(4, 3))
    for wrong in (raw[:-1], raw + b"x", b"", b"\x09" + raw[1:]):
        with pytest.raises(StateError, match="damaged"):
            unpacked(wrong, 4, 3)
