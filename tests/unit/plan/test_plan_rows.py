"""Batches joined are the batch of all their rows, and a batch gives its rows back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heptad.plan.batch import batch_of
from heptad.plan.rows import joined, rows_of
from heptad.testing.compare import same
from heptad.testing.strategies import worlds


@given(worlds(max_log=20), st.data())
def test_joined_batches_are_the_batch_of_all_rows(world, data):
    for stream in world.plan.streams:
        some = [record for record in world.log if record.stream == stream.name]
        if not some:
            continue
        cuts = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=3)))
        parts = [some[a:b] for a, b in zip([0, *cuts], [*cuts, len(some)], strict=True)]
        batches = [batch_of(stream, [r.row for r in part], [r.offset for r in part]) for part in parts]
        whole, all_ = joined(batches), batch_of(stream, [r.row for r in some], [r.offset for r in some])
        for name in ("time", "tie", "offset"):
            assert getattr(whole, name).tolist() == getattr(all_, name).tolist()
        for batch in (whole, all_, joined([whole])):
            for row, record in zip(rows_of(batch), some, strict=True):
                assert row.keys() == record.row.keys()
                assert all(same(row[name], record.row[name]) for name in row)
        assert [c.valid.tolist() for c in whole.columns.values()] == [
            c.valid.tolist() for c in all_.columns.values()
        ]
