"""A single request, which sorts little, gets what the same request gets in a batch: every list, score and tie."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.models import item_knn
from heptad.models.ease import EASE
from heptad.models.item_knn import ItemKNN
from heptad.retrieval import alone as kernels
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.popular import PopularSource
from heptad.retrieval.source import Asked, proposed
from heptad.retrieval.trending import TrendingSource
from heptad.retrieval.window import Window

ITEMS = [3, "b", 1, 20, "a", 7, 5, 8, "c", 4]
NEWER = [2, "aa", 30]
LEARNED = [20, 1, 7, 5, 8]
HOUR = Window(60, 10)
item = st.sampled_from([*ITEMS, *NEWER, "unknown"])
few = st.integers(1, 16)
#: Of which the last lets what is learned stand at the first places, in its order.
catalogues = st.sampled_from([ITEMS, ITEMS, []])
#: Ties, whole and broken numbers, nothing, and more or fewer than there are places.
counts = st.lists(st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 2.5, 7.0]), max_size=len(ITEMS) + len(NEWER))


def made(pairs, quotas, total, catalogue=ITEMS):
    index = ItemIndex(catalogue)
    users, items = [user for user, _ in pairs], [one for _, one in pairs]
    sources = {
        "near": LearnedSource(ItemKNN.fit(users, items, trained_through=0, neighbours=3), index, recent=2),
        "popular": PopularSource(index),
        "ease": LearnedSource(EASE.fit(users, items, trained_through=0, regularisation=1.0), index),
        "trending": TrendingSource(HOUR),
    }
    return Retriever(
        {name: Quota(source, n) for (name, source), n in zip(sources.items(), quotas, strict=True)},
        index,
        total,
    )


def bits(candidates, request):
    part = candidates.of(request)
    scores = {name: values[part].tobytes() for name, values in candidates.scores.items()}
    return candidates.items[part].tolist(), candidates.places[part].tolist(), scores


def vector(values):
    out = np.array(values, np.float64)
    out.flags.writeable = False  # as the counts of a state are: ranked once
    return out


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(LEARNED)), min_size=1, max_size=20),
    st.tuples(few, few, few, few),
    st.integers(1, 16),
    catalogues,
    st.lists(st.tuples(st.lists(item, max_size=5), st.lists(item, max_size=14)), min_size=1, max_size=4),
    st.lists(st.tuples(counts, counts), min_size=1, max_size=3),
    st.integers(0, len(NEWER)),
)
def test_alone_is_as_in_a_batch(pairs, quotas, total, catalogue, requests, states, newer):
    retriever = made(pairs, quotas, total, catalogue)
    held = [(vector(all_time), {HOUR: vector(in_window)}) for all_time, in_window in states]
    for grown in (False, True):
        if grown:
            retriever.index.add(NEWER[:newer])
        for all_time, windows in held:
            for past, out in requests:  # all see the counts of one state
                alone = retriever.retrieve([past], [out], all_time, windows=windows)
                batch = retriever.retrieve([past, past], [out, out], all_time, windows=windows)
                assert bits(alone, 0) == bits(batch, 1)
                for name in retriever.names:
                    asked = retriever.asked([past], [out], all_time, windows)
                    many = retriever.asked([past, past], [out, out], all_time, windows)
                    one, two = retriever.propose(name, asked).places, retriever.propose(name, many).places
                    assert one.tolist() == two[1:].tolist()


@given(
    st.lists(
        st.sampled_from([-1.0, -0.0, 0.0, 5e-324, 1.0, 1.0 + 2**-52, 2.0, np.inf]),
        min_size=len(ITEMS),
        max_size=len(ITEMS),
    ),
    st.integers(0, len(ITEMS)),
    st.integers(1, 12),
    st.lists(item, max_size=14),
    st.booleans(),
)
@settings(max_examples=500)
def test_a_list_is_cut_where_it_is_in_a_batch(scores, known, k, out, evidence):
    index = ItemIndex(ITEMS)
    one, two = (Asked([()] * n, index, index.order, known, [out] * n) for n in (1, 2))
    index.add(NEWER)  # after the request was asked: no place of it
    alone = proposed(one, np.array([scores]), k, evidence)
    batch = proposed(two, np.array([scores] * 2), k, evidence)
    assert alone.places.tolist() == batch.places[1:].tolist()
    where = np.zeros(len(ITEMS), np.int64), np.arange(len(ITEMS))
    assert alone.scores_of(*where).tolist() == batch.scores_of(*where).tolist() == scores


@given(st.lists(st.floats() | st.sampled_from([0.0, -0.0, 1.0]), max_size=300), st.integers(1, 320))
def test_a_list_is_a_stable_sort_cut_short(values, k):
    scores, order = np.array(values, np.float64), np.arange(len(values))
    found = kernels.best(scores, order, len(values), order[:0], k)
    expected = np.argsort(-scores, kind="stable")[:k].tolist()
    assert found.tolist() == expected + [-1] * (k - len(expected))


@pytest.mark.parametrize("catalogue", [ITEMS, []])
def test_an_empty_request_loads_every_kernel(monkeypatch, catalogue):
    met = {}

    def noting(name, kernel):
        def noted(*arguments):
            met.setdefault(name, set()).add(tuple(map(numba.typeof, arguments)))
            return kernel(*arguments)

        return noted

    for module, name in (("source", "best"), ("source", "opened"), ("proposals", "taken")):
        monkeypatch.setattr(f"heptad.retrieval.{module}.{name}", noting(name, getattr(kernels, name)))
    monkeypatch.setattr("heptad.models.item_knn._add", noting("add", item_knn._add))
    retriever = made([(0, 20), (0, 1), (1, 1)], (3, 3, 3, 3), 9, catalogue)
    windows = {HOUR: vector([1.0])}
    retriever.retrieve([()], None, vector([0.0]), windows=windows)
    assert {name: len(types) for name, types in met.items()} == dict.fromkeys(
        ("best", "opened", "taken", "add"), 1
    )
    warm = {name: set(types) for name, types in met.items()}
    for _ in range(2):
        retriever.retrieve([(20, 1)], [(1, "unknown")], vector([2.0, 1.0]), windows=windows)
        retriever.retrieve([[1]], None, vector([2.0, 1.0]), windows=windows, only=["near", "popular"])
        retriever.index.add(NEWER)
    assert met == warm


def test_nothing_to_propose_alone_is_an_empty_answer():
    found = Retriever({"popular": Quota(PopularSource(index := ItemIndex()), 5)}, index, 5).retrieve([[]])
    assert (found.starts.tolist(), found.items.tolist()) == ([0, 0], [])


def test_counts_that_are_written_are_ranked_again():
    retriever = made([(0, 1)], (1, 3, 1, 1), 3)
    held = np.zeros(len(ITEMS))
    held[0] = 1.0
    assert retriever.retrieve([[]], None, held, only=["popular"]).items.tolist() == [3, 1, 4]
    held[1] = 2.0
    assert retriever.retrieve([[]], None, held, only=["popular"]).items.tolist() == ["b", 3, 1]
