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
from heptad.retrieval.gallery import Changes, Gallery, followed
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.nearest import NearestSource
from heptad.retrieval.popular import PopularSource
from heptad.state.tally import Counts

VECTORS = {10: [1, 0], 11: [0.9, 0.1], 12: [0, 1], 13: [0.1, 0.9], 14: [-1, 0]}
IDS = list(VECTORS)
VIEWS = {"look": followed(None, "look", IDS, np.array([VECTORS[i] for i in IDS], np.float32)).view()}
item = st.sampled_from([*VECTORS, 20, 21])


def build():
    index = ItemIndex([20])
    index.add(VECTORS)
    knn = ItemKNN.fit([1, 1, 2], [10, 20, 20], trained_through=5, neighbours=3)
    popular = PopularSource(index)
    popular.observe([20, 20, 12])
    sources = {
        "near": Quota(NearestSource(Gallery("look", index), index, recent=2), 3),
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
    found = retriever.retrieve(histories, [excluded] * len(histories), views=VIEWS, only=["near"])
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
    whole = retriever.retrieve(histories, exclude, views=VIEWS)
    asked = retriever.asked(histories, exclude, views=VIEWS)
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
    with pytest.raises(DataError, match="vectors 'look'"):
        retriever.retrieve([[10]])
    with pytest.raises(DataError, match="at least one source"):
        retriever.retrieve([[10]], only=[])


def test_the_cost_of_each_source_is_told_where_a_timer_is_given():
    ticks = iter(range(0, 1000, 7))
    found = build().retrieve([[10]], views=VIEWS, timer=lambda: next(ticks))
    assert found.took == {"near": 7, "covisited": 7, "popular": 7}
    assert build().retrieve([[10]], views=VIEWS).took == {}


def test_a_new_item_is_proposed_at_once_and_no_vector_goes_to_disk(tmp_path):
    retriever = build()
    gallery, held = retriever.sources["near"].source.gallery, dict(VECTORS)

    def views(rows):
        counts = Counts(1, list(rows), np.array(list(rows.values()), np.float64))
        return {"look": gallery.at(counts, lambda items: np.array([held[i] for i in items], np.float32))}

    rows = dict.fromkeys(VECTORS, 1.0)
    assert retriever.retrieve([[10]], [[10]], views=views(rows)).items[0] == 11
    held[99] = [1, 0.01]
    found = retriever.retrieve([[10]], [[10]], views=views(rows | {99: 1.0}))
    assert found.items[0] == 99
    save_retriever(retriever, tmp_path)
    loaded = load_retriever(tmp_path)
    loaded.index.add(retriever.index.ids)
    assert (loaded.trained_through, loaded.sources["near"].source.recent) == (5, 2)
    now = views(rows | {99: 1.0})
    assert bits(loaded.retrieve([[10]], [[10]], views=now, only=["near"])) == bits(
        retriever.retrieve([[10]], [[10]], views=now, only=["near"])
    )


#: Requests and changes at places in their order: an item and its vector, none for one that loses it.
changes = st.lists(
    st.tuples(
        st.integers(0, 5), item, st.one_of(st.none(), st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
    ),
    max_size=12,
    unique_by=lambda change: change[:2],
)


@given(changes, st.lists(item, min_size=1, max_size=3))
def test_in_time_each_request_sees_the_vectors_of_its_moment(made, history):
    made.sort(key=lambda change: change[0])
    vectors = np.array([v or (np.nan, np.nan) for _, _, v in made], np.float32).reshape(-1, 2)
    found = Changes(np.array([r for r, _, _ in made], np.int64), [i for _, i, _ in made], vectors)
    retriever = build()
    got = retriever.retrieve_in_time([history] * 6, [9] * 6, None, [], [], {"look": found})
    for request in range(6):
        known = {}
        for place, one, vector in made:
            if place <= request:
                known[one] = vector
        known = {one: vector for one, vector in known.items() if vector}
        view = followed(None, "look", list(known), np.array(list(known.values()), np.float32).reshape(-1, 2))
        alone = retriever.retrieve([history], views={"look": view.view()})
        part = got.of(request)
        assert alone.items.tolist() == got.items[part].tolist()
        assert alone.scores["near"].tobytes() == got.scores["near"][part].tobytes()


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
