"""The approximate index in the vector index: its recall is what was asked for, it goes to disk, and it is rebuilt."""

import sys

import numpy as np
import pytest

import heptad.retrieval.vectors.index as index_module
from heptad.errors import DataError, MissingExtra, StateError
from heptad.retrieval.vectors.files import load_vectors, save_vectors
from heptad.retrieval.vectors.index import TAIL, VectorIndex
from heptad.retrieval.vectors.recall import measure_recall

N, DIMENSION = 6_000, 12


@pytest.fixture(scope="module")
def points():
    draw = np.random.default_rng(11)
    centres = draw.normal(size=(30, DIMENSION))
    return centres[draw.integers(0, 30, N + 60)] + 0.4 * draw.normal(size=(N + 60, DIMENSION))


@pytest.fixture(scope="module", params=["cosine", "dot", "l2"])
def index(points, request):
    pytest.importorskip("faiss")
    made = VectorIndex(
        DIMENSION,
        version="v1",
        metric=request.param,
        exact_below=300,
        attributes={"parity": str},
        automatic=False,
    )
    made.add(np.arange(N), points[:N], {"parity": ["even", "odd"] * (N // 2)}, version="v1")
    made.rebuild()
    return made


def test_recall_is_what_was_asked_for(index, points):
    view, queries = index.view(), points[N:]
    assert view.main is not None
    draw = np.random.default_rng(2)
    for share in (1.0, 0.5, 0.1):
        recall = measure_recall(view, queries, 100, draw.random(N) < share)
        assert recall.value >= 0.93  # .955 asked for, less what a sample may err
        assert recall.low <= recall.value <= recall.high
    assert measure_recall(view, queries, 100, {"parity": "odd"}).value >= 0.93
    assert (
        measure_recall(view, queries, 100, draw.random(N) < 0.04).value == 1.0
    )  # so few are searched exactly


def test_it_does_not_look_at_everything(index, points):
    """Else the tests of recall would hold for an exact search as well."""
    view = index.view()
    assert max(map(len, view.main.propose(view.metric.vectors("queries", points[N:], DIMENSION), 1))) < N
    assert view.main.probes[64] < 64


def test_a_filter_that_lets_pass_what_is_far_away_still_fills_the_answer(index, points):
    view = index.view()
    far = view.exactly().search(points[N : N + 1], N).ids[-600:]
    mask = np.zeros(N, np.bool_)
    mask[view.slots(far)] = True
    assert len(view.search(points[N : N + 1], 500, mask).ids) == 500


def test_saved_and_loaded_it_gives_the_same_answer(index, points, tmp_path):
    save_vectors(index, tmp_path)
    loaded = load_vectors(tmp_path)
    assert loaded.view().main is not None
    before, after = (one.search(points[N:], 20, version="v1") for one in (index, loaded))
    assert before.ids.tolist() == after.ids.tolist()
    assert before.scores.tobytes() == after.scores.tobytes()
    for damaged in ("approximate.npz", "vectors.npz", "vectors.json"):
        save_vectors(index, tmp_path)
        whole = (tmp_path / damaged).read_bytes()
        (tmp_path / damaged).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StateError):
            load_vectors(tmp_path)


def test_built_again_it_is_the_same(index, points):
    again = VectorIndex(
        DIMENSION,
        version="v1",
        metric=index.metric,
        exact_below=300,
        attributes={"parity": str},
        automatic=False,
    )
    again.add(np.arange(N), points[:N], {"parity": ["even", "odd"] * (N // 2)}, version="v1")
    again.rebuild()
    one, other = (view.search(points[N:], 50) for view in (index.view(), again.view()))
    assert one.ids.tolist() == other.ids.tolist()


def test_queries_unlike_items_can_tune_it(points):
    pytest.importorskip("faiss")
    made = VectorIndex(DIMENSION, version="v1", metric="dot", exact_below=300, automatic=False)
    made.add(np.arange(N), points[:N], version="v1")
    queries = np.random.default_rng(1).normal(size=(80, DIMENSION))
    made.rebuild(queries)
    assert measure_recall(made.view(), queries, 100).value >= 0.93


def test_it_rebuilds_itself_when_enough_has_come():
    pytest.importorskip("faiss")
    draw = np.random.default_rng(0)
    index = VectorIndex(4, version="v1", exact_below=256)
    index.add(np.arange(300), draw.normal(size=(300, 4)), version="v1")
    assert index.view().main is None
    index.add(np.arange(300, TAIL + 1), draw.normal(size=(TAIL - 299, 4)), version="v1")
    index.wait()
    assert len(index.view().main) == TAIL + 1
    index.delete(np.arange(TAIL // 2))
    index.wait()
    assert len(index.view().ids) == len(index) == TAIL + 1 - TAIL // 2


def test_without_faiss_few_items_work_and_many_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    index = VectorIndex(2, version="v1", exact_below=256)
    index.add(np.arange(256), np.ones((256, 2)), version="v1")
    assert len(index.search([[1, 1]], 5, version="v1").ids) == 5
    index.add(np.arange(200), np.ones((200, 2)), version="v1")  # replaced: no more than before
    with pytest.raises(MissingExtra, match=r"heptad\[vectors\]"):
        index.add([256], [[1, 1]], version="v1")
    assert len(index) == 256


def test_a_failed_rebuild_in_the_background_is_told(monkeypatch):
    index = VectorIndex(2, version="v1", exact_below=256)
    monkeypatch.setattr(index, "_due", lambda: True)

    def fails(*_):
        raise MemoryError("too much")

    monkeypatch.setattr(index, "rebuild", fails)
    index.add([1], [[1, 1]], version="v1")
    with pytest.raises(StateError, match="too much"):
        index.wait()


def test_what_is_written_in_the_middle_of_a_rebuild_is_carried_over(monkeypatch):
    index = VectorIndex(1, version="v1", metric="l2")
    index.add(np.arange(10), np.arange(10.0)[:, None], version="v1")
    make = index_module.Shelf

    def meanwhile(*parts):
        fresh = make(*parts)
        index.delete([2, 3, 4])
        index.add([3, 5, 5, "new"], [[30], [49], [50], [60]], version="v1")
        index.delete([6])
        index.add(["gone"], [[7.5]], version="v1")
        index.delete(["gone"])
        return fresh

    monkeypatch.setattr(index_module, "Shelf", meanwhile)
    index.rebuild()
    found = index.search([[0]], 100, version="v1")
    expected = {0: 0, 1: 1, 7: 7, 8: 8, 9: 9, 3: 30, 5: 50, "new": 60}
    assert dict(zip(found.ids.tolist(), np.sqrt(-found.scores).tolist(), strict=True)) == expected
    assert len(index) == len(expected)


def test_recall_of_nothing_and_of_no_query():
    index = VectorIndex(2, version="v1")
    assert np.isnan(measure_recall(index.view(), [[1, 1]], 5).value)
    with pytest.raises(DataError, match="sample queries"):
        measure_recall(index.view(), np.empty((0, 2)), 5)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="one of cosine, dot, l2"):
        VectorIndex(2, version="v1", metric="hamming")
    with pytest.raises(DataError, match="dimension 0"):
        VectorIndex(0, version="v1")
    with pytest.raises(DataError, match="attribute 'size'"):
        VectorIndex(2, version="v1", attributes={"size": tuple})
