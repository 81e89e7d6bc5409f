"""Ties and fingerprints of whole columns are those of the rows one by one, and they are pinned: logs are judged by them."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from heptad.declare.types import Kind
from heptad.plan.batch import Factors, Repeating, batch_of, column_of, fingerprint, fingerprints, tie_of, ties
from heptad.testing.examples import log, sale
from heptad.testing.examples_table import EXAMPLES
from heptad.testing.strategies import worlds

PLAN = next(iter(EXAMPLES)).plan


def compared(plan, records):
    for stream in plan.streams:
        some = [record for record in records if record.stream == stream.name]
        rows, offsets = [record.row for record in some], [record.offset for record in some]
        batch = batch_of(stream, rows, offsets)
        assert fingerprints(batch.columns, stream).tolist() == [fingerprint(row, stream) for row in rows]
        expected = [tie_of(row, stream, offset) for row, offset in zip(rows, offsets, strict=True)]
        assert batch.tie.tolist() == expected
        assert ties(batch.columns, stream, np.array(offsets, np.int64)).tolist() == expected


@given(worlds(max_log=20))
def test_columns_and_rows_have_one_fingerprint(world):
    compared(world.plan, world.log)


def test_extreme_cells_have_one_fingerprint():
    extremes = [2**63 - 1, -(2**63) + 1, 0, "", "0", "Größe"]
    amounts = [0.0, -0.0, float("nan"), None, 1e308, 5e-324]
    records = log(*(sale(i, "10:00", amount=a) for i, a in zip(extremes, amounts, strict=True)))
    compared(PLAN, records)
    stream = PLAN.stream("Sale")
    zero, minus, nan, null = (
        fingerprint(log(sale(7, "10:00", amount=a))[0].row, stream) for a in (0.0, -0.0, float("nan"), None)
    )
    assert zero == minus
    assert nan == null != zero


def test_golden_fingerprints():
    stream = PLAN.stream("Sale")
    rows = [
        {"sale": 1, "ts": 5, "user": "u", "shop": "s", "amount": 2.5, "tags": None},
        {"sale": "a", "ts": -5, "user": 9, "shop": "s", "amount": None, "tags": ["x", "y"]},
    ]
    assert [fingerprint(row, stream) for row in rows] == GOLDEN


GOLDEN = [-4594076089616989717, -1587874359043221285]


def test_a_column_that_knows_its_values_is_the_column():
    values = ["b", None, "a", "b", None, "c"]
    plain = column_of(values, Kind.TEXT)
    distinct = np.array(["a", "b", "c"], object)
    known = Repeating.of(Factors(distinct, np.array([1, 0, 0, 1, 2, 2])), plain.valid)
    for rows in (np.arange(6), np.array([3, 0, 4]), np.array([], np.int64), plain.valid):
        taken, again = known.take(rows), plain.take(rows)
        assert taken.values.tolist() == again.values.tolist()
        assert taken.valid.tolist() == again.valid.tolist()
        for column in (taken, again):
            different, which = column.factors()
            assert different[which][column.valid].tolist() == column.values[column.valid].tolist()
    empty = Repeating.of(Factors(np.array([], object), np.zeros(2, np.int64)), np.zeros(2, np.bool_))
    assert empty.values.tolist() == [None, None]
