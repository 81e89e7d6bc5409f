"""Counts in a window kept beside the states: any snapshot shows those of its commit at any t after its frontier."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.plan.nodes import TrendPlan
from heptad.state.pages import PAGE
from heptad.state.store import Commit, Meta
from heptad.state.stores.memory import MemoryStore
from heptad.state.trend import Trend, TrendReader

#: On three pages, met early or late.
value = st.sampled_from([0, 1, PAGE, PAGE + 1, 2 * PAGE, "a", "1"])
plans = (
    st.tuples(st.integers(1, 12), st.integers(1, 5))
    .filter(lambda window: window[1] <= window[0])
    .map(lambda window: TrendPlan("Sale", "product", *window))
)
rows = st.lists(st.tuples(value, st.integers(-12, 4)), min_size=1, max_size=6)
#: What happens, and what is read after it: how many snapshots back, how long after its frontier.
steps = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("add"), rows),
            st.tuples(st.just("add"), rows),
            st.tuples(st.just("add"), st.just([(number, -3) for number in range(2 * PAGE + 5)])),
            st.tuples(st.just("pass"), st.integers(1, 9)),
            st.tuples(st.sampled_from(["again", "lost"]), st.none()),
        ),
        st.tuples(st.integers(0, 3), st.sampled_from([1, 1, 2, 3, 9])),
    ),
    min_size=3,
    max_size=25,
)


def obvious(plan, happened, t):
    begin = (t - plan.width) // plan.hop * plan.hop
    return Counter(value for value, when in happened if begin <= when < t)


@given(plans, st.integers(-20, 20), steps)
@settings(max_examples=400)
def test_any_snapshot_shows_its_window(plan, frontier, steps):
    store, offset, happened = MemoryStore("hash"), 0, []
    trend, reader = Trend(plan, store.snapshot().records), TrendReader(plan)
    seen = [(store.snapshot(), [], frontier)]
    for (step, what), (back, ahead) in steps:
        if step == "add" and what:
            offset += 1
            rows = [
                (one, frontier + after) for one, after in what
            ]  # out of order, too late for any read, new
            happened = happened + rows
            frontier = max(frontier, *(when for _, when in rows))
            changed = trend.add([one for one, _ in rows], [when for _, when in rows], frontier)
            store.commit(Commit(Meta("hash", frontier, {0: offset}), changed))
            seen.append((store.snapshot(), happened, frontier))
        elif step == "pass":  # events of other streams
            frontier += what
            seen.append((store.snapshot(), happened, frontier))
        elif step == "again":
            trend = Trend(plan, store.snapshot().records)
        elif step == "lost":
            store, offset, happened = MemoryStore("hash"), 0, []
            trend = Trend(plan, store.snapshot().records)
            seen.append((store.snapshot(), happened, frontier))
        snapshot, past, newest = seen[max(0, len(seen) - 1 - back)]
        found = reader.at(snapshot, newest + ahead)
        assert len(found.values) == len(found.counts) == len(set(found.values))
        counted = dict(zip(found.values, found.counts.tolist(), strict=True))
        assert {v: n for v, n in counted.items() if n} == obvious(plan, past, newest + ahead)
        assert reader.newest is found


def test_only_what_changed_is_written_and_read():
    plan = TrendPlan("Sale", "product", 100, 10)
    store, asked = MemoryStore("hash"), []
    trend, reader = Trend(plan, store.snapshot().records), TrendReader(plan)

    class Now:
        degraded = False

        def records(self, group, keys):
            asked.extend(keys)
            return store.snapshot().records(group, keys)

    def commit(offset, values, time):
        changed = trend.add(values, [time] * len(values), time)
        store.commit(Commit(Meta("hash", time, {0: offset}), changed))
        return len(changed)

    assert commit(1, list(range(10 * PAGE)), 5) == 1 + 10 + 10
    first = reader.at(Now(), 6)
    assert len(asked) == 1 + 10 + 10
    del asked[:]
    assert reader.at(Now(), 8) is first, "no event, and no hop has passed"
    assert len(asked) == 1
    assert commit(2, [3, 3, "new"], 9) == 1 + 2 + 1
    second = reader.at(Now(), 10)
    assert len(asked) == 2 + 2 + 1, "the head, two pages of one tile, one of values"
    assert (second.counts[3], first.counts[3], second.epoch) == (3.0, 1.0, first.epoch)
    assert reader.at(Now(), 109).counts.sum() == second.counts.sum()
    assert reader.at(Now(), 110).counts.sum() == 0.0, "the tile from 0 to 10 is behind the window"
    assert commit(3, [3], 500) == 1 + 1
    assert reader.at(Now(), 501).counts.sum() == 1.0
