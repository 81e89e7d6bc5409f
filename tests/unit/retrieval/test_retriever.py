"""The retriever against the obvious version of it, alone, in a batch and in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, StateError
from heptad.models.ease import EASE
from heptad.models.item_knn import ItemKNN
from heptad.retrieval.artefacts import load_retriever, save_retriever
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.popular import PopularSource

ITEMS = [3, 1, 2, 10, 7, 5, 8, 4]
item = st.sampled_from(ITEMS)
history = st.lists(item, max_size=6)
interactions = st.lists(st.tuples(st.integers(0, 4), item), min_size=1, max_size=25)


def build(pairs, total=5, quotas=(3, 2, 4), catalogue=()):
    users, items = [u for u, _ in pairs], [i for _, i in pairs]
    index = ItemIndex(catalogue)
    ease = EASE.fit(users, items, trained_through=100, regularisation=1.0)
    knn = ItemKNN.fit(users, items, trained_through=50, neighbours=4)
    popular = PopularSource(index)
    sources = {
        "ease": Quota(LearnedSource(ease, index), quotas[0]),
        "near": Quota(LearnedSource(knn, index, recent=2), quotas[1]),
        "popular": Quota(popular, quotas[2]),
    }
    return Retriever(sources, index, total), popular


def obvious(retriever, past, exclude, counts, eligible):
    """[(item, {source: score})] by the definition, one request, plain Python."""
    scores = {}
    for name, (source, _) in retriever.sources.items():
        if name == "popular":
            scores[name] = {i: float(counts.get(i, 0)) for i in eligible}
        else:
            given_ = past[: source.recent] if source.recent else past
            row = source.model.scores([given_])[0]
            known = dict(zip(source.model.items.tolist(), row.tolist(), strict=True))
            scores[name] = {i: known.get(i, 0.0) for i in eligible}
    lists = []
    for name, (source, n) in retriever.sources.items():
        open_ = [i for i in eligible if i not in exclude and (scores[name][i] > 0 or not source.evidence)]
        lists.append(sorted(open_, key=lambda i: (-scores[name][i], i))[:n])
    found = []
    for rank in range(max(map(len, lists))):
        for one in lists:
            if rank < len(one) and one[rank] not in found and len(found) < retriever.total:
                found.append(one[rank])
    return [(i, {name: scores[name][i] for name in scores}) for i in found]


def shown(candidates, request):
    part = candidates.of(request)
    rows = zip(*(candidates.scores[name][part].tolist() for name in candidates.scores), strict=True)
    names = list(candidates.scores)
    items = candidates.items[part].tolist()
    return [(i, dict(zip(names, row, strict=True))) for i, row in zip(items, rows, strict=True)]


@given(
    interactions, st.lists(st.tuples(history, history), min_size=1, max_size=5), st.lists(item, max_size=20)
)
def test_retrieve_is_the_obvious_version(pairs, requests, observed):
    retriever, popular = build(pairs)
    popular.observe(observed)
    histories, exclude = [h for h, _ in requests], [e for _, e in requests]
    found = retriever.retrieve(histories, exclude)
    counts = {i: observed.count(i) for i in observed}
    eligible = set(retriever.index.ids.tolist())
    for place, (past, out) in enumerate(requests):
        assert shown(found, place) == obvious(retriever, past, out, counts, eligible)
        alone = retriever.retrieve([past], [out])
        assert shown(alone, 0) == shown(found, place)  # batching does not matter, to the last bit


@given(
    interactions,
    st.lists(st.tuples(st.integers(100, 110), history, history), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(95, 112), st.sampled_from([*ITEMS, 90, 91])), max_size=20),
    st.lists(item, max_size=5),
)
def test_retrieve_in_time_is_one_retrieve_per_request(pairs, requests, events, before):
    requests.sort(key=lambda r: r[0])
    retriever, popular = build(pairs, catalogue=[10])
    popular.observe(before)
    start = set(retriever.index.ids.tolist())
    found = retriever.retrieve_in_time(
        [h for _, h, _ in requests], [t for t, _, _ in requests], [e for _, _, e in requests],
        [i for _, i in events], [t for t, _ in events],
    )  # fmt: skip
    for place, (t, past, out) in enumerate(requests):
        so_far = [*before, *(i for when, i in events if when < t)]
        counts = {i: so_far.count(i) for i in so_far}
        assert shown(found, place) == obvious(retriever, past, out, counts, start | set(so_far))


def test_chunks_of_requests_are_joined_and_carry_their_events(monkeypatch):
    retriever, _ = build([(0, 1), (0, 2), (1, 2), (1, 3)])
    arguments = ([[1], [2], [], [1]], [100, 101, 102, 103], [[1], [], [2], []], [3, 3, 2], [100, 101, 102])
    whole = retriever.retrieve_in_time(*arguments)
    monkeypatch.setattr("heptad.retrieval.blend._CELLS", 1)
    parts = retriever.retrieve_in_time(*arguments)
    assert [shown(parts, i) for i in range(4)] == [shown(whole, i) for i in range(4)]
    assert parts.request.tolist() == whole.request.tolist()


def test_ties_go_by_id_and_texts_follow_whole_numbers():
    index = ItemIndex(["b", 2, "a", 1])
    retriever = Retriever({"popular": Quota(PopularSource(index), 10)}, index, 10)
    assert retriever.retrieve([[]]).items.tolist() == [1, 2, "a", "b"]


def test_an_item_observed_joins_and_rises():
    retriever, popular = build([(0, 1), (0, 2)])
    popular.observe([77, 77, 1])
    assert retriever.retrieve([[]]).items.tolist() == [77, 1, 2]


def test_nothing_to_propose_is_an_empty_answer():
    index = ItemIndex()
    retriever = Retriever({"popular": Quota(PopularSource(index), 5)}, index, 5)
    assert retriever.retrieve([[], []]).starts.tolist() == [0, 0, 0]
    assert len(retriever.retrieve([])) == 0


def test_counts_given_are_counts_observed():
    given_, _ = build([(0, 1), (0, 2)], catalogue=[4])
    observing, popular = build([(0, 1), (0, 2)], catalogue=[4])
    observed = [2, 2, 9, 4]
    popular.observe(observed)
    places = given_.index.add(observed)
    found = given_.retrieve([[1], []], None, np.bincount(places).astype(float))
    expected = observing.retrieve([[1], []])
    assert [shown(found, i) for i in range(2)] == [shown(expected, i) for i in range(2)]


def test_an_item_that_joined_and_has_no_event_yet_is_not_proposed(tmp_path):
    retriever, _ = build([(0, 1), (0, 2)])
    retriever.retrieve_in_time([[1]], [100], None, [9], [100])
    assert 9 in retriever.index.ids
    assert 9 not in retriever.retrieve([[]]).items
    save_retriever(retriever, tmp_path)
    assert 9 not in load_retriever(tmp_path).index.ids


def test_a_request_before_the_end_of_training_is_refused():
    retriever, _ = build([(0, 1), (0, 2)])
    with pytest.raises(DataError, match="ease"):
        retriever.retrieve_in_time([[1]], [99], None, [], [])
    with pytest.raises(DataError, match="order of time"):
        retriever.retrieve_in_time([[1], [1]], [101, 100], None, [], [])


@pytest.mark.parametrize("texts", [False, True])
def test_a_saved_retriever_gives_the_same_bits(tmp_path, texts):
    name = (lambda i: f"item {i}") if texts else int
    pairs = [(0, name(1)), (0, name(2)), (1, name(2)), (1, name(3)), (2, name(1))]
    retriever, _ = build(pairs, catalogue=[name(9)])
    save_retriever(retriever, tmp_path)
    loaded = load_retriever(tmp_path)
    histories = [[name(1)], [name(2), name(3)], []]
    before, after = retriever.retrieve(histories), loaded.retrieve(histories)
    assert [shown(after, i) for i in range(3)] == [shown(before, i) for i in range(3)]
    assert loaded.trained_through == retriever.trained_through == 100
    assert loaded.total == retriever.total


def test_a_damaged_retriever_says_so(tmp_path):
    retriever, _ = build([(0, 1), (0, 2)])
    save_retriever(retriever, tmp_path)
    settings = tmp_path / "retriever.json"
    settings.write_text(settings.read_text().replace('"learned"', '"guessed"'))
    with pytest.raises(StateError, match="guessed"):
        load_retriever(tmp_path)


def test_places_stay_as_the_index_grows():
    index = ItemIndex([5, 3])
    assert index.add([3, 9, 5, 1]).tolist() == [1, 2, 0, 3]
    assert index.places([1, 4]).tolist() == [3, -1]
    assert index.ids[index.order].tolist() == [1, 3, 5, 9]
    assert np.array_equal(index.ids, [5, 3, 9, 1])


def test_no_source_is_refused():
    with pytest.raises(DataError, match="at least one source"):
        Retriever({}, ItemIndex(), 5)
