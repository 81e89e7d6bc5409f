"""Tallies: counts kept beside the states, read again only where they changed, by old snapshots and new ones."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from heptad.plan.nodes import TallyPlan
from heptad.state.pages import PAGE
from heptad.state.store import Commit, Meta
from heptad.state.stores.memory import MemoryStore
from heptad.state.tally import Tally, TallyReader

PLAN = TallyPlan("Sale", "product")
value = st.one_of(st.integers(0, 3 * PAGE), st.integers(-3, 3), st.sampled_from(["a", "b", "1"]))
steps = st.lists(
    st.one_of(
        st.lists(value, max_size=60).map(lambda values: ("add", values)),
        st.integers(1, 3 * PAGE).map(lambda n: ("add", list(range(n)))),
        st.integers(0, 9).map(lambda back: ("read", back)),
        st.just(("again", None)),
        st.just(("lost", None)),
    ),
    max_size=30,
)


@given(steps)
def test_any_snapshot_shows_the_counts_of_its_commit(steps):
    store, offset, true = MemoryStore("hash"), 0, Counter()
    tally, reader = Tally(PLAN, store.snapshot().records), TallyReader(PLAN)
    seen = [(store.snapshot(), Counter())]
    for step, what in steps:
        if step == "add":
            offset += 1
            true = true + Counter(what)
            store.commit(Commit(Meta("hash", offset, {0: offset}), tally.add(what, [0] * len(what), 0)))
            seen.append((store.snapshot(), true))
        elif step == "again":
            tally = Tally(PLAN, store.snapshot().records)
        elif step == "lost":
            store, offset, true = MemoryStore("hash"), 0, Counter()
            tally = Tally(PLAN, store.snapshot().records)
            seen.append((store.snapshot(), true))
        else:
            snapshot, counts = seen[max(0, len(seen) - 1 - what)]
            found = reader.at(snapshot, 1)
            assert len(found.values) == len(found.counts) == len(set(found.values))
            assert dict(zip(found.values, found.counts.tolist(), strict=True)) == counts
            assert reader.newest is found


def test_a_value_keeps_its_place_and_what_did_not_change_is_not_read_again():
    store, asked = MemoryStore("hash"), []
    tally, reader = Tally(PLAN, store.snapshot().records), TallyReader(PLAN)

    class Now:
        degraded = False

        def records(self, group, keys):
            asked.extend(keys)
            return store.snapshot().records(group, keys)

    store.commit(Commit(Meta("hash", 1, {0: 1}), tally.add(range(10 * PAGE), [], 0)))
    first = reader.at(Now(), 1)
    assert len(asked) == 1 + 10 + 10
    del asked[:]
    assert reader.at(Now(), 1) is first
    assert len(asked) == 1
    store.commit(Commit(Meta("hash", 2, {0: 2}), tally.add([3, 3, "new"], [], 0)))
    second = reader.at(Now(), 1)
    assert len(asked) == 2 + 2 + 1, "the head, two pages of counts, one of values"
    assert second.values[: 10 * PAGE] == first.values
    assert second.values[10 * PAGE] == "new"
    assert second.counts[3] == 3.0
    assert first.counts[3] == 1.0
    assert second.epoch == first.epoch
