"""Rows of a table appended in bulk, as columns: deletes leave their facts out, and events look up what counts."""

from __future__ import annotations

import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.oracle.oracle import enrich
from heptad.plan.compile import compile_features
from heptad.streams.appender import BULK, Appender
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.faults import FaultyFiles


class Shop(hp.Table, lag="2us", ttl="9us"):
    shop: hp.Id
    since: hp.Time
    rev: hp.Version
    gone: hp.Deleted
    town: str


class Visit(hp.Event):
    ts: hp.Time
    shop: hp.Id
    town: str = hp.lookup(Shop.town)


PLAN = compile_features(hp.Data(dynamic=dict(n=Visit.per("town").count())), hp.label(Visit))


@pytest.mark.parametrize("size", [1, BULK])
def test_deletes_leave_their_facts_out(size: int) -> None:
    log = Log.open("/log", files=FaultyFiles())
    appender = Appender(PLAN, log, ReplayClock(10**6))
    shops = [
        Shop.parse({"shop": i % 5, "since": i % 40, "rev": i % 3, "gone": i % 4 == 0, "town": None if i % 4 == 0 else f"t{i}"})
        for i in range(2 * BULK)
    ]  # fmt: skip
    visits = [Visit.parse({"ts": i % 50, "shop": i % 6}) for i in range(2 * BULK)]
    for stream, rows in (("Shop", shops), ("Visit", visits)):
        for start in range(0, len(rows), size):
            appender.append(stream, rows[start : start + size])
    records = Codec(PLAN).logged(log.read_columns(0))
    tables = [record for record in records if record.stream == "Shop"]
    assert [dict(record.row) for record in tables] == shops
    got = [dict(record.row) for record in records if record.stream == "Visit"]
    assert got == [enrich(PLAN, tables, "Visit", visit) for visit in visits]
    assert len({visit["town"] for visit in got}) > 5
    log.close()


def test_a_row_that_does_not_delete_must_state_its_facts() -> None:
    with pytest.raises(DataError, match=r"Shop.town: expected a value of kind text, got nothing"):
        Shop.parse({"shop": 1, "since": 0, "rev": 0, "gone": False})
    assert Shop.parse({"shop": 1, "since": 0, "rev": 0, "gone": True})["town"] is None
