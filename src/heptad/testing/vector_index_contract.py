"""What a vector index must do: subclass `VectorIndexContract`, say how to make yours, and let pytest run it.

The oracle is a dictionary of items, scored one by one in plain Python.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from heptad.errors import DataError, StateError
from heptad.retrieval.vectors.files import load_vectors, save_vectors
from heptad.retrieval.vectors.index import VectorIndex
from heptad.retrieval.vectors.view import Found, View
from heptad.retrieval.vectors.where import Between

Make = Callable[..., VectorIndex]
Item = tuple[tuple[float, ...], str | None, float | None]

DIMENSION = 3
KINDS: Mapping[str, type] = {"colour": str, "price": float}
METRICS = ("cosine", "dot", "l2")

_ids = st.one_of(st.integers(-3, 12), st.sampled_from(["a", "b", "aa", "1"]))
_vectors = st.tuples(*[st.sampled_from([0.0, 1.0, -1.0, 2.0, 3.0])] * DIMENSION)
_items = st.tuples(_vectors, st.sampled_from([None, "red", "blue"]), st.sampled_from([None, 1.0, 2.5, 7.0]))
_wheres = st.sampled_from(
    [
        None,
        {"colour": "red"},
        {"colour": ["red", "blue"], "price": Between(2.0, None)},
        {"price": Between(None, 2.5)},
        {"colour": "green"},
        {"price": (1, 7)},
    ]
)


def score(metric: str, vector: Sequence[float], query: Sequence[float]) -> float:
    """How near two vectors are, by the definition."""
    if metric == "l2":
        return -sum((x - y) ** 2 for x, y in zip(vector, query, strict=True))
    dot = sum(x * y for x, y in zip(vector, query, strict=True))
    lengths = math.hypot(*vector) * math.hypot(*query)
    return dot if metric == "dot" else (dot / lengths if lengths else 0.0)


def fits(item: Item, where: Mapping[str, Any] | None) -> bool:
    """Whether an item meets every condition, by the definition."""
    values = {"colour": item[1], "price": item[2]}
    for name, condition in (where or {}).items():
        value = values[name]
        if value is None:
            return False
        if type(condition) is Between:
            low = -math.inf if condition.low is None else condition.low
            high = math.inf if condition.high is None else condition.high
            if not (isinstance(value, float) and low <= value <= high):
                return False
        elif value not in (condition if type(condition) in (list, tuple) else [condition]):
            return False
    return True


def check(
    view: View,
    items: Mapping[Any, Item],
    query: Sequence[float],
    k: int,
    where: Mapping[str, Any] | None,
    exact: bool,
) -> None:
    """The answer holds items that fit, as many as there are, scored right, ties by id; an exact one is the oracle's."""
    metric = view.metric.name
    found = view.search([query], k, where)
    ids, scores = found.ids.tolist(), found.scores.tolist()
    fitting = {name: score(metric, item[0], query) for name, item in items.items() if fits(item, where)}
    order = sorted(fitting, key=lambda name: (-fitting[name], type(name) is str, name))
    if exact and metric != "cosine":  # whole numbers: nothing is rounded
        assert ids == order[:k]
        assert scores == [fitting[name] for name in order[:k]]
    assert len(ids) == len(set(ids)) == min(k, len(fitting))
    assert scores == pytest.approx([fitting[name] for name in ids], abs=1e-6)
    ranked = [(-near, type(name) is str, name) for near, name in zip(scores, ids, strict=True)]
    assert ranked == sorted(ranked)
    left_out = [near for name, near in fitting.items() if name not in set(ids)]
    assert not exact or not left_out or min(scores) >= max(left_out) - 1e-6


class _History(RuleBasedStateMachine):
    """Writes, rebuilds and reads in any order, next to the oracle; earlier views are asked again."""

    make: ClassVar[Make]
    folder: ClassVar[Path]
    exact: ClassVar[bool]
    begin_with: ClassVar[int]

    @initialize(metric=st.sampled_from(METRICS))
    def begin(self, metric: str) -> None:
        self.index = type(self).make(
            DIMENSION, version="v1", metric=metric, attributes=KINDS, automatic=False
        )
        self.items: dict[Any, Item] = {}
        self.kept: list[tuple[View, dict[Any, Item]]] = []
        draw = np.random.default_rng(5)
        batch: list[tuple[Any, Item]] = []
        for i in range(type(self).begin_with):
            x, y, z = (float(value) for value in draw.integers(-3, 4, DIMENSION))
            batch.append((100 + i, ((x, y, z), "red" if i % 3 else "blue", float(i % 5))))
        self.add_all(batch)
        self.index.rebuild()

    def add_all(self, batch: list[tuple[Any, Item]]) -> None:
        vectors = np.asarray([item[0] for _, item in batch], np.float64).reshape(len(batch), DIMENSION)
        attributes: dict[str, list[Any]] = {
            "colour": [item[1] for _, item in batch],
            "price": [item[2] for _, item in batch],
        }
        self.index.add([name for name, _ in batch], vectors, attributes, version="v1")
        self.items |= dict(batch)

    @rule(batch=st.lists(st.tuples(_ids, _items), max_size=6))
    def add(self, batch: list[tuple[Any, Item]]) -> None:
        self.add_all(batch)

    @rule(names=st.lists(_ids, max_size=4))
    def delete(self, names: list[Any]) -> None:
        assert self.index.delete(names) == len(set(names) & set(self.items))
        for name in names:
            self.items.pop(name, None)

    @rule()
    def rebuild(self) -> None:
        self.index.rebuild()

    @rule()
    def keep_view(self) -> None:
        self.kept = [*self.kept[-2:], (self.index.view(), dict(self.items))]

    @rule()
    def save_and_load(self) -> None:
        save_vectors(self.index, type(self).folder)
        self.index = load_vectors(type(self).folder)

    @rule(query=_vectors, k=st.sampled_from([1, 2, 5, 50]), where=_wheres)
    def search(self, query: tuple[float, ...], k: int, where: Mapping[str, Any] | None) -> None:
        for view, items in [*self.kept, (self.index.view("v1"), self.items)]:
            check(view, items, query, k, where, type(self).exact)

    @rule(query=_vectors, names=st.lists(_ids, max_size=5))
    def scores(self, query: tuple[float, ...], names: list[Any]) -> None:
        for view, items in [*self.kept, (self.index.view(), self.items)]:
            metric = view.metric.name
            wanted = [score(metric, items[n][0], query) if n in items else math.nan for n in names]
            assert view.scores([query], names)[0].tolist() == pytest.approx(wanted, abs=1e-6, nan_ok=True)

    @rule(query=_vectors, draw=st.randoms(use_true_random=False))
    def search_by_mask(self, query: tuple[float, ...], draw: Any) -> None:
        view = self.index.view()
        mask = np.asarray([draw.random() < 0.5 for _ in view.ids], np.bool_)
        open_ = {name for name, let in zip(view.ids.tolist(), mask, strict=True) if let}
        slots = dict(zip(view.ids.tolist(), range(len(view.ids)), strict=True))
        items = {n: item for n, item in self.items.items() if n in open_ and mask[slots[n]]}
        found = view.search([query], 1000, mask)
        assert set(found.ids.tolist()) == set(items)

    @invariant()
    def it_counts_its_items(self) -> None:
        assert len(self.index) == len(self.items)


class VectorIndexContract:
    """Give a fixture ``make``, called as `VectorIndex` is. ``begin_with`` items are in the index of a drawn history."""

    exact: ClassVar[bool] = True
    begin_with: ClassVar[int] = 0

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    def filled(self, make: Make, n: int = 60, metric: str = "l2", **other: Any) -> VectorIndex:
        """An index of n items on a line: item i at (i, 0, 0)."""
        index = make(DIMENSION, version="v1", metric=metric, **other)
        vectors = np.zeros((n, DIMENSION))
        vectors[:, 0] = np.arange(n)
        index.add(np.arange(n), vectors, version="v1")
        return index

    def test_any_history_gives_the_answers_of_a_list(self, make: Make, tmp_path: Path) -> None:
        ours = {"exact": self.exact, "begin_with": self.begin_with}
        machine = type("History", (_History,), {"make": staticmethod(make), "folder": tmp_path, **ours})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=15,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

    def test_nothing_is_found_in_nothing(self, make: Make) -> None:
        index = make(DIMENSION, version="v1")
        found = index.search([[1, 0, 0], [0, 1, 0]], 5, version="v1")
        assert found.starts.tolist() == [0, 0, 0]
        index.rebuild()
        assert len(index.search(np.empty((0, DIMENSION)), 5, version="v1")) == 0
        assert index.delete([1]) == 0

    def test_a_query_alone_is_a_query_in_a_batch(self, make: Make) -> None:
        draw = np.random.default_rng(3)
        index = make(8, version="v1")
        index.add(np.arange(500), draw.normal(size=(500, 8)), version="v1")
        queries = draw.normal(size=(20, 8))
        batch = index.search(queries, 7, version="v1")
        for place, query in enumerate(queries):
            alone = index.search([query], 7, version="v1")
            assert alone.ids.tolist() == batch.ids[batch.of(place)].tolist()
            assert alone.scores.tobytes() == batch.scores[batch.of(place)].tobytes()

    def test_vectors_alike_go_by_id(self, make: Make) -> None:
        index = make(2, version="v1", metric="dot")
        index.add([9, "b", 3, "a", 5], np.tile([0.1, 0.7], (5, 1)), version="v1")
        assert index.search([[0.3, 0.9]], 4, version="v1").ids.tolist() == [3, 5, 9, "a"]
        index.rebuild()
        index.add([4], [[0.1, 0.7]], version="v1")
        assert index.search([[0.3, 0.9]], 2, version="v1").ids.tolist() == [3, 4]

    def test_another_version_is_refused(self, make: Make) -> None:
        index = self.filled(make)
        with pytest.raises(StateError, match=r"'v1'.*'v2'"):
            index.search([[1, 0, 0]], 1, version="v2")
        with pytest.raises(StateError, match=r"'v1'.*'v2'"):
            index.add([1], [[1, 0, 0]], version="v2")

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
    def test_a_vector_that_is_none_is_refused(self, make: Make, bad: float) -> None:
        index = self.filled(make)
        with pytest.raises(DataError, match=r"vectors\[1\]"):
            index.add([100, 101], np.array([[1, 0, 0], [0, bad, 0]]), version="v1")
        assert len(index) == 60
        with pytest.raises(DataError, match=r"queries\[0\]"):
            index.search([[bad, 0, 0]], 1, version="v1")

    def test_what_does_not_fit_is_refused_whole(self, make: Make) -> None:
        index = make(2, version="v1", attributes=KINDS)
        good: dict[str, list[Any]] = {"colour": ["red"], "price": [1.0]}
        refused: list[tuple[list[Any], list[list[Any]], dict[str, list[Any]] | None, str]] = [
            ([1, 2], [[1, 0]], good, "items"),
            ([1.5], [[1, 0]], good, "items"),
            ([True], [[1, 0]], good, "items"),
            ([1], [[1, 0, 0]], good, "vectors"),
            ([1], [["a", "b"]], good, "vectors"),
            ([1], [[1, 0]], None, "attributes"),
            ([1], [[1, 0]], {**good, "size": [1]}, "attributes"),
            ([1], [[1, 0]], {**good, "colour": [7]}, "'colour'"),
            ([1], [[1, 0]], {**good, "price": ["dear"]}, "'price'"),
        ]
        for items, vectors, attributes, said in refused:
            with pytest.raises(DataError, match=said):
                index.add(items, vectors, attributes, version="v1")
        assert len(index) == 0
        view = index.view()
        conditions: list[tuple[dict[str, Any], str]] = [
            ({"size": 1}, "size"),
            ({"colour": 1}, "colour"),
            ({"colour": Between(1)}, "colour"),
        ]
        for where, said in conditions:
            with pytest.raises(DataError, match=said):
                view.search([[1, 0]], 1, where)
        with pytest.raises(DataError, match="mask"):
            view.search([[1, 0]], 1, np.ones(3, np.bool_))
        with pytest.raises(DataError, match="from 1"):
            view.search([[1, 0]], 0)

    def test_a_write_is_seen_at_once(self, make: Make) -> None:
        index = self.filled(make)
        index.rebuild()
        index.add(["new"], [[30.25, 0, 0]], version="v1")
        assert index.search([[30.25, 0, 0]], 2, version="v1").ids.tolist() == ["new", 30]
        index.add([30], [[-5, 0, 0]], version="v1")
        assert index.delete(["new", "new", "never"]) == 1
        assert index.search([[30.25, 0, 0]], 1, version="v1").ids.tolist() == [31]
        assert index.search([[-5, 0, 0]], 1, version="v1").ids.tolist() == [30]

    def test_readers_never_fail_nor_see_half_a_write(self, make: Make) -> None:
        """Each write moves all items at once, rebuilds and successions run beside it: an answer is of one write."""
        n = 60 + self.begin_with
        index = self.filled(make, n, metric="dot")
        names, ahead = np.arange(n), np.zeros((n, DIMENSION))
        stop, wrong = threading.Event(), []

        def read() -> None:
            while not stop.is_set():
                version = index.version  # as a request that embeds, and then asks
                try:
                    found: Found = index.search([[1, 0, 0]], 60, version=version)
                except StateError as error:
                    wrong.append(repr(error))
                    return
                moments = set(found.scores.tolist())
                if len(found.ids) != 60 or len(moments) != 1 or (version == "v2") != (moments.pop() > 1000):
                    wrong.append(f"{len(found.ids)} items of moments {sorted(set(found.scores.tolist()))}")
                    return

        index.add(names, ahead, version="v1")
        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for turn in range(1, 40):
                ahead[:, 0] = turn
                index.add(names, ahead, version="v1")
                if turn % 8 == 0:
                    index.rebuild()
            other = make(DIMENSION, version="v2", metric="dot")
            ahead[:, 0] = 5000
            other.add(names, ahead, version="v2")
            other.rebuild()
            index.succeed(other)
            for turn in range(1, 20):
                ahead[:, 0] = 5000 + turn
                index.add(names, ahead, version="v2")
        finally:
            stop.set()
            for reader in readers:
                reader.join()
        assert not wrong

    def test_a_view_stays_what_it_was(self, make: Make) -> None:
        index = self.filled(make)
        view, names = index.view(), [3, 4, 5, 6]
        before = view.search([[4, 0, 0]], 3), view.scores([[4, 0, 0]], names)
        index.add([4, 4, 5], [[9, 9, 9], [8, 8, 8], [7, 7, 7]], version="v1")
        index.delete([3, 5])
        index.add([3], [[1, 1, 1]], version="v1")
        for _ in range(2):
            assert view.search([[4, 0, 0]], 3).ids.tolist() == before[0].ids.tolist()
            assert view.scores([[4, 0, 0]], names).tolist() == before[1].tolist()
            index.rebuild()
        moved = index.view().scores([[8, 8, 8]], [4, 5])[0].tolist()
        assert moved == pytest.approx([0.0, math.nan], nan_ok=True)

    def test_writes_during_a_rebuild_are_kept(self, make: Make) -> None:
        index = self.filled(make)
        expected = dict.fromkeys(range(60))

        def write() -> None:
            for turn in range(30):
                index.add([1000 + turn], [[turn, 1, 0]], version="v1")
                index.delete([turn])
                index.add([40], [[turn, 2, 0]], version="v1")
                expected[1000 + turn] = None
                expected.pop(turn)

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(10):
            index.rebuild()
        writer.join()
        found = index.search([[29, 2, 0]], 500, version="v1")
        assert sorted(found.ids.tolist()) == sorted(expected)
        assert found.ids[0] == 40

    def test_the_former_version_answers_until_the_next_succession(self, make: Make) -> None:
        index = self.filled(make)
        for version in ("v2", "v3"):
            other = make(DIMENSION + 1, version=version, metric="l2")
            other.add([version], np.ones((1, DIMENSION + 1)), version=version)
            former = index.version
            index.succeed(other)
            assert index.search(np.ones((1, DIMENSION + 1)), 5, version=version).ids.tolist() == [version]
            assert len(index.view(former).search(np.ones((1, index.view(former).dimension)), 100)) == 1
            assert len(other) == 0
        with pytest.raises(StateError, match=r"'v3'.*'v1'"):
            index.search([[1, 0, 0]], 1, version="v1")
        with pytest.raises(DataError, match="metric"):
            index.succeed(make(DIMENSION, version="v4", metric="dot"))
