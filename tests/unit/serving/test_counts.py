"""What is popular and trending as of a state: the accepted events with time < t and offset < o of any read of it."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.online.reader import Reader
from heptad.oracle.admission import verdicts
from heptad.plan.nodes import TrendPlan
from heptad.retrieval.catalog import ItemIndex
from heptad.serving.counts import CountsFor
from heptad.state.stores.memory import MemoryStore
from heptad.state.tally import Counts
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.tiny_service import START, sale, tiny
from heptad.times import HOUR, MINUTE

#: Of all time, and in two windows: one as wide as the events are apart, and one of a single hop.
WINDOWS = (TrendPlan("Sale", "product", HOUR, 5 * MINUTE), TrendPlan("Sale", "product", MINUTE, MINUTE))
PLAN = replace(tiny.plan, tallies=(*tiny.plan.tallies, *WINDOWS))
#: minutes that pass; then events: id, minutes before (late) or after (pending) the clock, product, dead ones too;
#: and whether the process begins again afterwards
posts = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.lists(
            st.tuples(st.integers(0, 6), st.integers(-90, 90), st.sampled_from(["p00", "p01", "p02"])),
            max_size=4,
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def obvious(log, meta, read_t, begin):
    """By the definition, over the raw log."""
    records = Codec(PLAN).logged(log.read_columns(0, log.end))
    counts = {}
    for record, verdict in zip(records, verdicts(PLAN, records), strict=True):
        counted = verdict == "accepted" and record.offset < meta.offsets[0]
        if counted and begin <= record.row["ts"] < read_t:
            counts[record.row["product"]] = counts.get(record.row["product"], 0) + 1
    return counts


def check(session, log, meta, t):
    assert shown(session.counts()) == obvious(log, meta, t, -math.inf)
    for place, window in enumerate(WINDOWS, 1):
        begin = (t - window.width) // window.hop * window.hop
        assert shown(session.counts(place)) == obvious(log, meta, t, begin)


def shown(counts):
    return {value: count for value, count in zip(counts.values, counts.counts.tolist(), strict=True) if count}


@given(posts)
@settings(max_examples=40)
def test_counts_are_those_of_the_state_now_before_and_after_a_restart(posts):
    with tempfile.TemporaryDirectory() as directory, Log.open(directory) as log:
        clock, store = ReplayClock(START), MemoryStore(PLAN.state_hash)
        appender, reader = Appender(PLAN, log, clock), Reader(PLAN, store, clock)
        applier = Applier(PLAN, log, store, appender)
        for minutes, rows, again in posts:
            with reader.open() as before:
                first = before.meta, before.t
                clock.advance_to(clock.now() + minutes * MINUTE)
                appender.append("Sale", [sale(i, clock.now() + m * MINUTE, 1, p, 1.0) for i, m, p in rows])
                applier.apply()
                check(before, log, *first)
            with reader.open() as session:
                check(session, log, session.meta, session.t)
            if again:
                applier = Applier(PLAN, log, store, appender)
        clock.advance_to(clock.now() + 2 * HOUR)  # what was pending after the restart enters once
        meta = Applier(PLAN, log, store, appender).apply().meta
        with reader.open() as session:
            check(session, log, meta, clock.now())


def test_counts_by_the_places_of_another_index():
    index = ItemIndex(["p09", "p01"])
    aligned = CountsFor(index)

    def of(epoch, **counts):
        found = aligned.of(Counts(epoch, list(counts), list(counts.values())))
        return dict(zip(index.ids.tolist(), found.tolist(), strict=True))

    assert of(0) == {"p09": 0.0, "p01": 0.0}
    assert of(1, p01=2.0, new=1.0) == {"p09": 0.0, "p01": 2.0, "new": 1.0}
    assert of(1, p01=1.0) == {"p09": 0.0, "p01": 1.0, "new": 0.0}  # as of an earlier state
    assert of(1, p01=2.0, new=1.0, p09=4.0) == {"p09": 4.0, "p01": 2.0, "new": 1.0}
    assert of(2, new=3.0) == {"p09": 0.0, "p01": 0.0, "new": 3.0}  # a state that was lost begins anew
