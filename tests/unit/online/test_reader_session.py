"""Several reads of one moment: one snapshot and one t, whatever is applied meanwhile; parts equal the whole."""

from __future__ import annotations

import heptad as hp
from heptad.algebra.window import BEGINNING
from heptad.declare.data import Data
from heptad.online.reader import Reader
from heptad.plan.batch import Logged, column_of
from heptad.plan.compile import compile_features
from heptad.state.stores.memory import MemoryStore
from heptad.testing.tiny_applier import StandingClock, TinyApplier


class Visit(hp.Event):
    visit: hp.Key
    ts: hp.Time
    user: hp.Id
    page: hp.Id


@hp.feature
def spread(visits_all, visits_1h):
    """What is older than an hour."""
    return visits_all - visits_1h


PLAN = compile_features(
    Data(
        dynamic=dict(
            visits=Visit.per("user").count("1h", "all"),
            pages=Visit.per("user").last("page", n=3),
        ),
        contextual=dict(spread=spread),
    ),
    hp.label(Visit),
)


def visit(offset, ts, page):
    return Logged(offset, ts, "Visit", {"visit": offset, "ts": ts, "user": 1, "page": page})


def ask(n=1):
    return {
        "user": column_of([1] * n, PLAN.request[1].kind),
        "page": column_of([5] * n, PLAN.request[2].kind),
    }


def test_reads_of_a_session_see_one_moment():
    log = [visit(0, 100, 7), visit(1, 200, 8)]
    store, clock = MemoryStore(PLAN.state_hash), StandingClock(BEGINNING)
    applier, reader = TinyApplier(PLAN, store, log), Reader(PLAN, store, clock)
    applier.apply(1, None)
    with reader.open() as session:
        first = session.read(ask(), 1, ("pages",))
        applier.apply(1, None)
        clock.time = 10_000
        again = session.read(ask(), 1, ("pages",))
        assert list(first) == ["pages"]
        assert first["pages"].tolist() == again["pages"].tolist() == [(7,)]
        assert (session.t, session.meta.offsets[0], session.meta.frontier) == (101, 1, 100)
    assert reader.read(ask(), 1).values["pages"].tolist() == [(8, 7)]


def test_some_columns_are_those_of_the_whole_read():
    log = [visit(0, 100, 7), visit(1, 3_600_000_300, 8)]
    store = MemoryStore(PLAN.state_hash)
    TinyApplier(PLAN, store, log).apply(2, None)
    reader = Reader(PLAN, store, StandingClock(3_600_000_400))
    whole = reader.read(ask(2), 2).values
    with reader.open() as session:
        part = session.read(ask(2), 2, ("visits_1h", "visits_all", "spread"))
    assert set(part) == {"visits_1h", "visits_all", "spread"}
    assert all(part[name].tolist() == whole[name].tolist() for name in part)
