"""Trending items against counting by the definition: in a batch in time, from tiles, and from the events themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, ReadError
from heptad.retrieval.artefacts import load_retriever, save_retriever
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.trending import TrendingSource, WindowCounts, counts_in_window
from heptad.retrieval.window import Window

windows = (
    st.tuples(st.integers(1, 60), st.integers(1, 20)).filter(lambda w: w[1] <= w[0]).map(lambda w: Window(*w))
)
events = st.lists(st.tuples(st.integers(-50, 200), st.integers(1, 6)), max_size=40)


def obvious(happened, window, t):
    """{item: count} by the definition of a window."""
    begin = (t - window.width) // window.hop * window.hop
    covered = [item for when, item in happened if begin <= when < t]
    return {item: covered.count(item) for item in covered}


def ranked(counts, exclude=()):
    return [(i, float(n)) for i, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])) if i not in exclude]


def shown(found, request):
    part = found.of(request)
    return list(zip(found.items[part].tolist(), found.scores["trending"][part].tolist(), strict=True))


@given(windows, events, st.lists(st.integers(0, 260), min_size=1, max_size=5), st.integers(0, 7))
def test_in_time_each_request_sees_its_window(window, happened, moments, excluded):
    moments.sort()
    index = ItemIndex()
    retriever = Retriever({"trending": Quota(TrendingSource(window), 10)}, index, 10)
    found = retriever.retrieve_in_time(
        [[]] * len(moments), moments, [[excluded]] * len(moments),
        [item for _, item in happened], [when for when, _ in happened],
    )  # fmt: skip
    for request, t in enumerate(moments):
        assert shown(found, request) == ranked(obvious(happened, window, t), [excluded])


@given(windows, st.lists(events, max_size=4), st.integers(1, 80))
def test_tiles_and_the_events_themselves_give_the_same(window, batches, ahead):
    index = ItemIndex([3])
    kept, happened = WindowCounts(index, window), []
    for batch in batches:
        kept.observe([item for _, item in batch], [when for when, _ in batch])
        happened += batch
        t = (kept.frontier or 0) + ahead
        counts = kept.at(t)
        again = counts_in_window(index, window, [i for _, i in happened], [w for w, _ in happened], t)
        assert counts.tolist() == again.tolist()
        found = {i: int(n) for i, n in zip(index.ids.tolist(), counts.tolist(), strict=True) if n}
        assert found == obvious(happened, window, t)


def test_a_read_behind_the_frontier_is_for_the_log():
    index = ItemIndex()
    kept = WindowCounts(index, Window(10, 5))
    assert kept.at(0).tolist() == []
    kept.observe([1, 1, 2], [7, 3, 9])
    assert kept.at(10).tolist() == [2.0, 1.0]
    assert kept.at(100).tolist() == [0.0, 0.0]
    with pytest.raises(ReadError, match="after the newest event"):
        kept.at(9)
    with pytest.raises(DataError, match="one time per item"):
        kept.observe([1], [1, 2])


def test_counts_come_with_the_request(tmp_path):
    window, index = Window(10, 5), ItemIndex([1, 2, 3])
    retriever = Retriever({"trending": Quota(TrendingSource(window), 2)}, index, 2)
    save_retriever(retriever, tmp_path)
    for one in (retriever, load_retriever(tmp_path)):
        assert shown(one.retrieve([[]], windows={window: np.array([0.0, 4.0, 5.0])}), 0) == [
            (3, 5.0),
            (2, 4.0),
        ]
        with pytest.raises(DataError, match="WindowCounts"):
            one.retrieve([[]])


def test_a_window_that_cannot_be_is_refused():
    with pytest.raises(DataError, match="hop"):
        Window(5, 10)
