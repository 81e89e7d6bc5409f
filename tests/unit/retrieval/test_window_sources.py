"""Trending items against counting by the definition: in a batch in time, and with counts that come with the request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.retrieval.artefacts import load_retriever, save_retriever
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.trending import TrendingSource
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


def test_counts_come_with_the_request(tmp_path):
    window, index = Window(10, 5), ItemIndex([1, 2, 3])
    retriever = Retriever({"trending": Quota(TrendingSource(window), 2)}, index, 2)
    save_retriever(retriever, tmp_path)
    for one in (retriever, load_retriever(tmp_path)):
        assert shown(one.retrieve([[]], windows={window: np.array([0.0, 4.0, 5.0])}), 0) == [
            (3, 5.0),
            (2, 4.0),
        ]
        with pytest.raises(DataError, match="declare this window"):
            one.retrieve([[]])


def test_a_window_that_cannot_be_is_refused():
    with pytest.raises(DataError, match="hop"):
        Window(5, 10)
