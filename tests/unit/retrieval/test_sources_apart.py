"""Sources asked one by one, some left out, and the nearest by vectors among them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.models.item_knn import ItemKNN
from heptad.retrieval.artefacts import load_retriever, save_retriever
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.nearest import NearestSource
from heptad.retrieval.popular import PopularSource
from heptad.retrieval.vectors.index import VectorIndex

VECTORS = {10: [1, 0], 11: [0.9, 0.1], 12: [0, 1], 13: [0.1, 0.9], 14: [-1, 0]}
item = st.sampled_from([*VECTORS, 20, 21])


def build():
    index = ItemIndex([20])
    vectors = VectorIndex(2, version="v1")
    vectors.add(list(VECTORS), list(VECTORS.values()), version="v1")
    knn = ItemKNN.fit([1, 1, 2], [10, 20, 20], trained_through=5, neighbours=3)
    popular = PopularSource(index)
    popular.observe([20, 20, 12])
    sources = {
        "near": Quota(NearestSource(vectors, index, recent=2, trained_through=7), 3),
        "covisited": Quota(LearnedSource(knn, index), 2),
        "popular": Quota(popular, 3),
    }
    return Retriever(sources, index, 5)


def bits(found):
    return (
        found.items.tolist(),
        found.starts.tolist(),
        {name: s.tobytes() for name, s in found.scores.items()},
    )


@given(st.lists(st.lists(item, max_size=4), min_size=1, max_size=4), st.lists(item, max_size=3))
def test_the_nearest_are_those_of_the_mean_of_the_newest(histories, excluded):
    retriever = build()
    found = retriever.retrieve(histories, [excluded] * len(histories), only=["near"])
    for request, history in enumerate(histories):
        own = [VECTORS[i] for i in history[:2] if i in VECTORS]
        part = found.of(request)
        if not own:
            assert not len(found.items[part])
            continue
        unit = [np.asarray(v) / np.linalg.norm(v) for v in own]
        mean = np.mean(unit, axis=0)
        length = np.linalg.norm(mean)
        near = {i: float(np.dot(mean, v) / (np.linalg.norm(v) * length or 1)) for i, v in VECTORS.items()}
        got = dict(zip(found.items[part].tolist(), found.scores["near"][part].tolist(), strict=True))
        assert len(got) == min(3, len(set(VECTORS) - set(excluded)))
        assert not set(got) & set(excluded)
        left = [near[i] for i in VECTORS if i not in got and i not in excluded]
        if length > 1e-6:
            assert list(got.values()) == pytest.approx([near[i] for i in got], abs=1e-5)
            assert min(got.values()) >= max(left, default=-1) - 1e-5


def test_three_steps_are_one_retrieve_and_a_missing_source_scores_nothing():
    retriever = build()
    histories, exclude = [[10, 20], [12], []], [[10], [], []]
    whole = retriever.retrieve(histories, exclude)
    asked = retriever.asked(histories, exclude)
    proposals = {name: retriever.propose(name, asked) for name in reversed(retriever.names)}
    assert bits(retriever.blend(asked, proposals)) == bits(whole)
    del proposals["near"]
    rest = retriever.blend(asked, proposals)
    assert bits(rest) == bits(retriever.retrieve(histories, exclude, only=["popular", "covisited"]))
    assert list(rest.scores) == list(retriever.names)
    assert not rest.scores["near"].any()
    assert whole.scores["near"].any()
    assert not whole.scores["near"][~np.isin(whole.items, list(VECTORS))].any()


def test_what_cannot_be_asked_is_refused():
    retriever = build()
    with pytest.raises(DataError, match="some of near, covisited, popular"):
        retriever.retrieve([[10]], only=["far"])
    with pytest.raises(DataError, match="at least one source"):
        retriever.retrieve([[10]], only=[])


def test_the_cost_of_each_source_is_told_where_a_timer_is_given():
    ticks = iter(range(0, 1000, 7))
    found = build().retrieve([[10]], timer=lambda: next(ticks))
    assert found.took == {"near": 7, "covisited": 7, "popular": 7}
    assert build().retrieve([[10]]).took == {}


def test_a_new_item_is_proposed_at_once_and_all_of_it_goes_to_disk(tmp_path):
    retriever = build()
    source = retriever.sources["near"].source
    source.add([99], [[1, 0.01]], version="v1")
    before = retriever.retrieve([[10]], [[10]])
    assert before.items[0] == 99
    retriever.known = len(retriever.index)
    save_retriever(retriever, tmp_path)
    loaded = load_retriever(tmp_path)
    assert loaded.trained_through == retriever.trained_through == 7
    assert bits(loaded.retrieve([[10]], [[10]], only=["near"])) == bits(
        retriever.retrieve([[10]], [[10]], only=["near"])
    )


@given(
    st.lists(
        st.lists(st.one_of(st.integers(0, 300), st.sampled_from(["a", "b", "10"])), max_size=80), max_size=6
    )
)
def test_the_order_of_a_growing_index_is_that_of_one_made_at_once(batches):
    index, flat = ItemIndex(range(100, 260)), list(range(100, 260))
    for batch in batches:
        index.add(batch)
        flat += batch
        once = ItemIndex(flat)
        assert index.order.tolist() == once.order.tolist()
        assert index.ids.tolist() == once.ids.tolist()
        assert index.ids.dtype == once.ids.dtype
