"""Popularity as of a state: the accepted events with time < t and offset < o of any read of it."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.oracle.admission import verdicts
from heptad.retrieval.catalog import ItemIndex
from heptad.serving.counts import CountsFor, EventCounts
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.tiny_service import START, sale, tiny
from heptad.times import HOUR, MINUTE

PLAN = tiny.plan
#: minutes that pass; then events: id, minutes before (late) or after (pending) the clock, product, dead ones too
posts = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.lists(
            st.tuples(st.integers(0, 6), st.integers(-90, 90), st.sampled_from(["p00", "p01", "p02"])),
            max_size=4,
        ),
    ),
    min_size=1,
    max_size=6,
)


def obvious(log, meta, read_t):
    """By the definition, over the raw log."""
    records = Codec(PLAN).logged(log.read_columns(0, log.end))
    counts = {}
    for record, verdict in zip(records, verdicts(PLAN, records), strict=True):
        counted = verdict == "accepted" and record.row["ts"] < read_t and record.offset < meta.offsets[0]
        if counted:
            counts[record.row["product"]] = counts.get(record.row["product"], 0) + 1
    return counts


def shown(events, counts):
    pairs = zip(events.index.ids.tolist(), counts.tolist(), strict=False)
    return {product: count for product, count in pairs if count}


@given(posts)
@settings(max_examples=40)
def test_counts_are_those_of_the_state_now_before_and_after_a_restart(posts):
    with tempfile.TemporaryDirectory() as directory, Log.open(directory) as log:
        clock, store, events = (
            ReplayClock(START),
            MemoryStore(PLAN.state_hash),
            EventCounts("Sale", "product"),
        )
        appender = Appender(PLAN, log, clock)
        applier = Applier(PLAN, log, store, appender, watch=events.watch)
        states = []
        for minutes, rows in posts:
            clock.advance_to(clock.now() + minutes * MINUTE)
            appender.append("Sale", [sale(i, clock.now() + m * MINUTE, 1, p, 1.0) for i, m, p in rows])
            meta = applier.apply().meta
            t = max(clock.now(), (meta.frontier or 0) + 1)
            states.append((meta, t if meta.pending_from is None else min(t, meta.pending_from)))
        for meta, t in states:
            assert shown(events, events.at(meta)) == obvious(log, meta, t)
        assert shown(events, events.at(None)) == shown(events, events.at(states[-1][0]))
        again = EventCounts("Sale", "product")
        again.rebuild(PLAN, log, store.saved())
        assert shown(again, again.at(None)) == shown(events, events.at(None))
        clock.advance_to(clock.now() + 2 * HOUR)  # what was pending after the restart enters once
        meta = Applier(PLAN, log, store, appender, watch=again.watch).apply().meta
        assert shown(again, again.at(meta)) == obvious(log, meta, clock.now())


def test_counts_by_the_places_of_another_index(tmp_path):
    with Log.open(tmp_path) as log:
        clock, store, events = (
            ReplayClock(START),
            MemoryStore(PLAN.state_hash),
            EventCounts("Sale", "product"),
        )
        appender = Appender(PLAN, log, clock)
        applier = Applier(PLAN, log, store, appender, watch=events.watch)
        index = ItemIndex(["p09", "p01"])
        aligned = CountsFor(events, index)
        assert aligned.at(None).tolist() == [0.0, 0.0]
        appender.append("Sale", [sale(i, START, 1, p, 1.0) for i, p in enumerate(["p01", "new", "p01"])])
        earlier = store.saved().meta
        meta = applier.apply().meta
        assert dict(zip(index.ids.tolist(), aligned.at(meta).tolist(), strict=False)) == {
            "p09": 0.0,
            "p01": 2.0,
        }
        assert dict(zip(index.ids.tolist(), aligned.at(None).tolist(), strict=True)) == {
            "p09": 0.0, "p01": 2.0, "new": 1.0,
        }  # fmt: skip
        assert earlier.offsets == {0: 0}
