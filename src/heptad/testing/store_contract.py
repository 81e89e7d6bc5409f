"""What every store must do: subclass `StoreContract`, say how to open yours, and let pytest run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.errors import StateError
from heptad.online.reader import Reader
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.plan.nodes import TrendPlan
from heptad.state.keys import encode
from heptad.state.store import FEW, RECENT, Commit, Meta, Saved, Snapshot, Store
from heptad.state.trend import Trend, TrendReader
from heptad.testing.examples import Sale
from heptad.testing.tiny_applier import StandingClock, TinyApplier, columns_of
from heptad.times import HOUR, MINUTE, SECOND

Opener = Callable[[str], Store]

PLAN_HASH = "0123456789abcdef"
ANN, BOB = encode(("ann",)), encode(("bob",))


def meta(offset: int = 0, frontier: int | None = None, **other: Any) -> Meta:
    return Meta(other.pop("state_hash", PLAN_HASH), frontier, {0: offset}, **other)


class Broken(Exception):
    """The writing process's own failure."""


class BreaksOff(list[Any]):
    """A list that fails after its first element."""

    def __iter__(self) -> Iterator[Any]:
        yield self[0]
        raise Broken


class _Filling:
    """One record of a state that has none yet."""

    def records(self) -> Iterator[tuple[int, bytes, bytes]]:
        yield 1, ANN, b"12345678"


class StoreContract:
    """Give a fixture ``opener``: a function from a state hash to a store, of the same place each time it is called."""

    @pytest.fixture
    def opener(self) -> Opener:
        raise NotImplementedError

    @pytest.fixture
    def store(self, opener: Opener) -> Iterator[Store]:
        store = opener(PLAN_HASH)
        yield store
        store.close()

    def test_a_new_store_knows_nothing(self, store: Store) -> None:
        assert store.saved() == Saved(Meta(PLAN_HASH), {}, {}, [])
        with store.snapshot() as snapshot:
            assert snapshot.meta == Meta(PLAN_HASH)
            assert snapshot.records(0, [ANN, BOB]) == [None, None]
            assert snapshot.records(0, []) == []
            assert snapshot.values([]) == []

    def test_a_commit_is_read_back(self, store: Store) -> None:
        store.commit(Commit(meta(1), {(0, ANN): b"12345678", (7, ANN): b"x" * 16, (0, BOB): b""}))
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [BOB, ANN, encode(("eve",)), ANN]) == [
                b"",
                b"12345678",
                None,
                b"12345678",
            ]
            assert snapshot.records(7, [ANN, BOB]) == [b"x" * 16, None]
            assert snapshot.records(256 * 7, [ANN]) == [None]
            asked = [(7, [ANN, BOB]), (0, []), (0, [BOB, ANN]), (9, [ANN])]
            assert snapshot.many(asked) == [[b"x" * 16, None], [], [b"", b"12345678"], [None]]
            assert snapshot.many([]) == []
        store.commit(Commit(meta(2), {(0, ANN): b"87654321"}))
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [ANN]) == [b"87654321"]

    def test_a_record_cannot_pass_for_another(self, store: Store) -> None:
        """Group 0x6d00 is an 'm' and a zero in bytes: prefixes of meta, ids and records must not meet."""
        keys = [encode((1,)), encode(("1",)), encode((1, 1)), encode(("",)), encode((b"\0".decode(),))]
        groups = [0, 1, 0x6D00, 0x6900, 0xFFFF]
        records = {(g, k): bytes([i, j] * 4) for i, g in enumerate(groups) for j, k in enumerate(keys)}
        store.commit(
            Commit(
                meta(1, 5, pending_from=6), records, ids_added={("r", 1): b"ids"}, pending_added={0: (6, b"p")},
                values_added=["v"],
            )
        )  # fmt: skip
        with store.snapshot() as snapshot:
            for group in groups:
                assert snapshot.records(group, keys) == [records[group, key] for key in keys]
        assert store.saved() == Saved(meta(1, 5, pending_from=6), {("r", 1): b"ids"}, {0: (6, b"p")}, ["v"])

    def test_a_snapshot_stands_still_while_others_commit(self, store: Store) -> None:
        store.commit(Commit(meta(1, 10), {(0, ANN): b"ann-one."}, values_added=["a"]))
        with store.snapshot() as first:
            store.commit(
                Commit(meta(2, 20), {(0, ANN): b"ann-two.", (0, BOB): b"bob-two."}, values_added=["b"])
            )
            with store.snapshot() as second:
                store.commit(Commit(meta(3, 30), {(0, ANN): b"annthree", (0, BOB): b"bobthree"}))
                assert second.meta == meta(2, 20)
                assert second.records(0, [ANN, BOB]) == [b"ann-two.", b"bob-two."]
                assert first.meta == meta(1, 10)
                assert first.records(0, [ANN, BOB]) == [b"ann-one.", None]
                assert first.values([0]) == ["a"]
                assert second.values([1, 0]) == ["b", "a"]
            assert first.records(0, [BOB, ANN]) == [None, b"ann-one."]
        with store.snapshot() as third:
            assert third.meta == meta(3, 30)
            assert third.records(0, [ANN, BOB]) == [b"annthree", b"bobthree"]

    @pytest.mark.parametrize(
        "worse",
        [
            meta(4, 50), meta(5, 49), meta(5, None), Meta(PLAN_HASH, 50, {1: 9}),
            meta(9, 90, state_hash="another"),
        ],
        ids=["offset back", "frontier back", "frontier lost", "partition lost", "another plan"],
    )  # fmt: skip
    def test_a_commit_that_does_not_follow_is_refused_whole(self, store: Store, worse: Meta) -> None:
        store.commit(Commit(meta(5, 50), {(0, ANN): b"standing"}))
        with pytest.raises(StateError):
            store.commit(
                Commit(
                    worse, {(0, ANN): b"replaced", (0, BOB): b"sneaked."}, {("Sale", 1): b"one"},
                    pending_added={9: (99, b"")}, values_added=["v"],
                )
            )  # fmt: skip
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [ANN, BOB]) == [b"standing", None]
        assert store.saved() == Saved(meta(5, 50), {}, {}, [])
        store.commit(
            Commit(Meta(PLAN_HASH, 50, {0: 5, 1: 1}), {(0, ANN): b"goes on."})
        )  # as far is far enough
        assert store.saved().meta.offsets == {0: 5, 1: 1}

    def test_a_commit_that_fails_half_way_leaves_nothing(self, store: Store) -> None:
        store.commit(Commit(meta(1, 10), {(0, ANN): b"standing"}, {("Sale", 1): b"one"}, values_added=["a"]))
        before = store.saved()
        with pytest.raises(Broken):
            store.commit(
                Commit(
                    meta(2, 20), {(0, ANN): b"replaced", (0, BOB): b"sneaked."}, {("Sale", 2): b"two"},
                    [("Sale", 1)], {1: (30, b"")}, values_added=BreaksOff(["b", "c"]),
                )
            )  # fmt: skip
        assert store.saved() == before
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [ANN, BOB]) == [b"standing", None]

    def test_ids_come_and_go(self, store: Store) -> None:
        ids = {
            ("Sale", 0): b"", ("Sale", 2**63): b"x" * 64, ("Größe" * 60, 1): b"a", ("S" * 900, 7): b"y" * 5_000,
            ("Click", 0): b"b", ("S" * 900, 8): b"",
        }  # fmt: skip
        store.commit(Commit(meta(1), ids_added=ids))
        assert store.saved().ids == ids
        gone = [("Sale", 0), ("S" * 900, 7), ("Sale", 99)]
        store.commit(Commit(meta(2), ids_dropped=gone, ids_added={("Sale", 0): b"again"}))
        del ids["S" * 900, 7]
        assert store.saved().ids == ids | {("Sale", 0): b"again"}

    def test_pending_events_come_and_go(self, store: Store) -> None:
        pending = {0: (-5, b"payload"), 300: (2**62, b""), 2: (7, b"\0" * 10_000)}
        store.commit(Commit(meta(301, pending_from=-5), pending_added=pending))
        assert store.saved().pending == pending
        assert store.saved().meta.pending_from == -5
        store.commit(Commit(meta(301, -5, pending_from=7), pending_dropped=[0, 1]))
        assert store.saved().pending == {300: (2**62, b""), 2: (7, b"\0" * 10_000)}
        assert store.saved().meta == meta(301, -5, pending_from=7)

    def test_values_keep_their_codes_and_types(self, store: Store) -> None:
        first, more = ["a", "", 2**63 - 1, ("x", "y"), ()], [-(2**63) + 1, "1", "z" * 5000, ("1",)]
        store.commit(Commit(meta(1), values_added=first))
        store.commit(Commit(meta(2), values_added=more))
        assert store.saved().values == [*first, *more]
        with store.snapshot() as snapshot:
            assert snapshot.values([8, 0, 3, 0, 4, 5]) == [("1",), "a", ("x", "y"), "a", (), -(2**63) + 1]

    def test_counts_in_a_window_are_those_of_each_commit(self, store: Store) -> None:
        """A window of 3 over hops of 1, by one writer and by the next; read out of order, as several threads do."""
        plan, values = TrendPlan("Sale", "product", 3, 1), list(range(200))
        once: dict[Any, float] = dict.fromkeys(values, 1.0)
        with store.snapshot() as snapshot:
            trend, reader = Trend(plan, snapshot.records), TrendReader(plan)
        at = ExitStack()

        def commit(offset: int, some: list[Any], time: int) -> Snapshot:
            store.commit(Commit(meta(offset, time), trend.add(some, [time] * len(some), time)))
            return at.enter_context(store.snapshot())

        def shown(snapshot: Snapshot, t: int) -> dict[Any, float]:
            found = reader.at(snapshot, t)
            return {value: n for value, n in zip(found.values, found.counts.tolist(), strict=True) if n}

        with at:
            one = commit(1, [7, 7, "a"], 10)
            two = commit(2, values, 12)
            assert shown(two, 13) == once | {7: 3.0, "a": 1.0}
            with store.snapshot() as snapshot:
                trend = Trend(plan, snapshot.records)
            three = commit(3, ["a", 150], 13)
            assert shown(three, 14) == once | {150: 2.0, "a": 1.0}
            assert shown(one, 11) == {7: 2.0, "a": 1.0}
            assert shown(two, 14) == once, "the first tile is behind the window"
            assert shown(three, 16) == {"a": 1.0, 150: 1.0}
            assert shown(three, 17) == {}

    def test_large_records_and_many_keys(self, store: Store) -> None:
        keys = [encode((i, f"user {i}")) for i in range(10_000)]
        records = {(3, key): i.to_bytes(8, "little") for i, key in enumerate(keys)}
        large = bytes(range(256)) * 8_000
        store.commit(Commit(meta(1), records | {(0, ANN): large}))
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [ANN]) == [large]
            assert snapshot.records(3, keys[::-1]) == [records[3, key] for key in keys[::-1]]

    def test_what_was_committed_is_there_after_close(self, store: Store, opener: Opener) -> None:
        store.commit(
            Commit(meta(9, 3, pending_from=4), {(1, ANN): b"12345678"}, {("Sale", 3): b"ids"}, (), {8: (4, b"p")}, (), ["v"])
        )  # fmt: skip
        saved = store.saved()
        store.close()
        again = opener(PLAN_HASH)
        assert again.saved() == saved
        with again.snapshot() as snapshot:
            assert snapshot.meta == saved.meta
            assert snapshot.records(1, [ANN]) == [b"12345678"]
            assert snapshot.values([0]) == ["v"]
        again.commit(Commit(meta(10, 3), pending_dropped=[8], values_added=["w"]))
        assert again.saved() == Saved(meta(10, 3), {("Sale", 3): b"ids"}, {}, ["v", "w"])
        again.close()

    def test_a_snapshot_says_what_commits_changed(self, store: Store, opener: Opener) -> None:
        assert store.snapshot().number == 0
        for number in range(1, 4):
            store.commit(
                Commit(meta(number, number), {(1, ANN): b"%08d" % number, (number, BOB): b"other..."})
            )
        with store.snapshot() as old:
            assert old.number == 3
            assert sorted(set(old.changed(1) or [])) == sorted({(1, ANN), (2, BOB), (3, BOB)})
            assert list(old.changed(3) or []) == []
            store.commit(Commit(meta(4, 4), {(1, BOB): b"12345678"}))
            with store.snapshot() as new:
                assert (new.number, new.generation) == (4, old.generation)
                assert list(new.changed(3) or []) == [(1, BOB)]
            assert (1, BOB) not in (old.changed(1) or []), "a later commit is none of its business"

    def test_what_changed_is_not_known_for_ever(self, store: Store) -> None:
        store.commit(Commit(meta(1, 1), {(1, ANN): b"12345678"}))
        for number in range(2, RECENT + 3):
            store.commit(Commit(meta(number, number), {(1, ANN): b"12345678"}))
        with store.snapshot() as snapshot:
            assert snapshot.changed(1) is None
            assert set(snapshot.changed(snapshot.number - 5) or []) == {(1, ANN)}
        many = {(1, encode((i,))): b"12345678" for i in range(FEW + 1)}
        store.commit(Commit(meta(number + 1, number), many))
        with store.snapshot() as snapshot:
            assert snapshot.changed(snapshot.number - 1) is None, "too many to name"

    def test_what_a_fill_changed_is_not_known(self, store: Store) -> None:
        with store.snapshot() as snapshot:
            before = snapshot.number
        store.commit(Commit(meta(1, 1), filled=_Filling()))
        with store.snapshot() as snapshot:
            assert snapshot.records(1, [ANN]) == [b"12345678"]
            changed = snapshot.changed(before)
            assert changed is None or (1, ANN) in changed

    def test_values_move_with_time(self, opener: Opener) -> None:
        """P3: a window empties as time passes, though nothing is committed."""
        per = Sale.per("user")
        features = {
            "count": per.count("1h", "1d"),
            "since": per.since_last("1d"),
            "last": per.last("shop", "1h"),
        }
        plan = compile_features(Data(dynamic=features), label(Sale))
        rows = [
            {"sale": i, "ts": i * 10 * MINUTE, "user": "ann", "shop": f"s{i}", "amount": 1.0, "tags": None}
            for i in range(3)
        ]
        log = [Logged(i, row["ts"], "Sale", row) for i, row in enumerate(rows)]  # type: ignore[arg-type]
        store, clock = opener(plan.state_hash), StandingClock(0)
        TinyApplier(plan, store, log).apply(len(log))
        asked, reader = columns_of(plan, [{"user": "ann"}]), Reader(plan, store, clock)

        def at(time: int) -> list[Any]:
            clock.time = time
            answer = reader.read(asked, 1)
            return [answer.t - time, *(column[0] for column in answer.values.values())]

        assert at(21 * MINUTE) == [0, 3.0, 3.0, 60.0, "s2"]
        assert at(61 * MINUTE + SECOND) == [0, 2.0, 3.0, 2461.0, "s2"]
        assert at(81 * MINUTE) == [0, 0.0, 3.0, 3660.0, None]
        assert at(24 * HOUR + 21 * MINUTE)[1:3] == [0.0, 3.0]
        assert at(49 * HOUR)[1:3] == [0.0, 0.0]
        assert at(0)[0] == 20 * MINUTE + 1  # a clock behind the frontier does not take the reader back
        store.close()
