"""The lookup join against the obvious loop, and facts that wait in their file until they are looked up."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.declare.schema import Event, Table
from heptad.declare.types import Deleted, Id, Kind, Time, Version
from heptad.errors import DataError
from heptad.offline.deferred import Deferred
from heptad.offline.facts import facts, newest
from heptad.offline.sources import read
from heptad.oracle.oracle import newest as defined
from heptad.plan.batch import batch_of, column_of
from heptad.plan.compile import compile_features


class Shop(Table, lag="2us", ttl="5us"):
    shop: Id
    since: Time
    rev: Version
    gone: Deleted
    town: str | None
    seats: int | None
    size: float


class Visit(Event):
    ts: Time
    shop: Id


STREAM = compile_features(Data(static={"town": Shop.town}), label(Visit)).stream("Shop")
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=40,
)
READS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 20), st.integers(0, 40)), min_size=1, max_size=40
)


def shops(rows, offsets):
    names = ("shop", "since", "rev", "gone")
    return batch_of(STREAM, [dict(zip(names, row, strict=True)) | {"size": 1.0} for row in rows], offsets)


@given(ROWS, READS, st.booleans(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_every_read_gets_the_row_the_definition_gives(rows, reads, with_offsets, threads, random) -> None:
    offsets = random.sample(range(len(rows)), len(rows))
    batch = shops(rows, offsets)
    t = np.array([read[1] for read in reads])
    o = np.array([read[2] for read in reads]) if with_offsets else None
    got = newest(batch, column_of([read[0] for read in reads], Kind.ID), t, o, threads).tolist()
    for place, (shop, time, offset) in zip(got, reads, strict=True):
        seen = [
            (row[1], at, {"rev": row[2], "gone": row[3], "place": i})
            for i, (row, at) in enumerate(zip(rows, offsets, strict=True))
            if row[0] == shop and (o is None or at < offset)
        ]
        found = defined(STREAM, seen, time)
        assert place == (-1 if found is None else found["place"])


def test_a_hundred_thousand_versions_known_later_are_no_quadratic_matter() -> None:
    """Every read knows another half of what was logged, of one entity: 10**10 looks if they were looked through."""
    n = 100_000
    time = np.random.default_rng(0).permutation(n)
    batch = shops([(1, 0, 0, False)], [0]).take(np.zeros(n, np.int64))
    batch = type(batch)(STREAM, time, time, np.arange(n), batch.columns)
    o = np.arange(n) // 2
    got = newest(batch, column_of([1] * n, Kind.ID), np.full(n, n + 2), o)
    best = np.maximum.accumulate(np.where(np.arange(n) >= 0, time, -1))
    want = np.where(o > 0, best[np.maximum(o - 1, 0)], -1)
    fresh = want >= n - 5  # the ttl is 5 microseconds
    assert np.array_equal(np.where(got >= 0, time[got], -1), np.where(fresh, want, -1))


def table(n: int) -> pa.Table:
    return pa.table(
        {
            "shop": np.arange(n) % 7, "since": pa.array(np.arange(n)), "rev": np.zeros(n, np.int64),
            "gone": np.zeros(n, bool), "town": [None if i % 3 == 0 else f"town {i % 5}" for i in range(n)],
            "seats": [None if i % 4 == 0 else i for i in range(n)], "size": np.arange(n) / 2,
        }
    )  # fmt: skip


def test_facts_that_wait_in_a_file_are_those_of_the_table(tmp_path) -> None:
    held = table(1000)
    path = tmp_path / "shops.parquet"
    parquet.write_table(held, path, row_group_size=300)
    key, t = column_of(list(range(8)) * 2, Kind.ID), np.repeat([500, 1002], 8)
    names = ("town", "seats", "size")
    lazy, plain = read(STREAM, path), read(STREAM, held)
    assert isinstance(lazy.columns["town"], Deferred)
    assert isinstance(lazy.columns["seats"], Deferred)
    one, other = (facts(STREAM, batch, names, key, t, None) for batch in (lazy, plain))
    for name in names:
        assert one[name].valid.tolist() == other[name].valid.tolist()
        assert one[name].values[one[name].valid].tolist() == other[name].values[other[name].valid].tolist()
        assert lazy.columns[name].values.tolist() == plain.columns[name].values.tolist()
    assert one["size"].valid.any()


def test_a_file_written_since_is_refused(tmp_path) -> None:
    path = tmp_path / "shops.parquet"
    parquet.write_table(table(10), path)
    batch = read(STREAM, path)
    parquet.write_table(table(11), path)
    with pytest.raises(DataError, match="the file as it was when it was opened"):
        batch.columns["town"].take(np.array([1]))


def test_a_bad_value_of_a_file_is_refused_when_it_is_read(tmp_path) -> None:
    path = tmp_path / "shops.parquet"
    held = table(10)
    place = held.column_names.index("seats")
    parquet.write_table(held.set_column(place, "seats", pa.array([-(2**63), *range(9)])), path)
    with pytest.raises(DataError, match=r"Shop.seats: expected an integer above -2\*\*63"):
        read(STREAM, path)
