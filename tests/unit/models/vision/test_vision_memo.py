"""What was computed once is found again; what is torn or damaged is not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from heptad.models.vision.memo import Memo

WIDTH = 6


def key(n: int) -> bytes:
    return hashlib.sha256(bytes([n])).digest()


def row(n: int) -> np.ndarray:
    return np.arange(WIDTH, dtype=np.float32) + n


@pytest.fixture
def memo(tmp_path) -> Memo:
    return Memo.open(tmp_path / "deep" / "features", WIDTH)


def test_an_empty_memo_knows_nothing(memo):
    assert memo.find([key(1)]) == {}


def test_rows_are_found_by_digest(memo):
    memo.add({key(n): row(n) for n in range(3)})
    memo.add({key(n): row(n) for n in range(3, 5)})
    found = memo.find([key(4), key(0), key(9)])
    assert set(found) == {key(4), key(0)}
    np.testing.assert_array_equal(found[key(4)], row(4))


def test_a_digest_that_ends_in_zeros_is_kept_whole(memo):
    digest = b"\1" * 30 + b"\0\0"
    memo.add({digest: row(1)})
    assert set(memo.find([digest])) == {digest}


@pytest.mark.parametrize("cut", [1, 30, 59])
def test_a_torn_end_is_absent_and_written_over(memo, tmp_path, cut):
    path = tmp_path / "deep" / "features"
    memo.add({key(1): row(1), key(2): row(2)})
    path.write_bytes(path.read_bytes()[:-cut])
    assert set(memo.find([key(1), key(2)])) == {key(1)}
    memo.add({key(3): row(3)})
    assert set(memo.find([key(1), key(2), key(3)])) == {key(1), key(3)}


def test_a_damaged_record_is_absent(memo, tmp_path):
    path = tmp_path / "deep" / "features"
    memo.add({key(1): row(1), key(2): row(2)})
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(bytes(content))
    assert set(memo.find([key(1), key(2)])) == {key(2)}
