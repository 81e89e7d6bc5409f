"""The moment a read is taken at, what it refuses, and how little it fetches."""

from __future__ import annotations

import threading

import pytest

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.errors import ReadError, StateError
from heptad.online.reader import Reader
from heptad.plan.compile import compile_features
from heptad.state.stores.memory import MemoryStore
from heptad.testing.examples import Sale, Shop, log, sale, shop
from heptad.testing.tiny_applier import StandingClock, TinyApplier, columns_of
from heptad.times import MINUTE, SECOND

FEATURES = {
    "count": Sale.per("user").count("1h"),
    "spent": Sale.per("user").sum("amount", "1d"),
    "both": Sale.per("user", "shop").count("all"),
    "liked": Sale.per("tags").count("1d"),
    "sold": Sale.per("shop").count("1d"),
}
PLAN = compile_features(Data(static={"tags": Shop.tags}, dynamic=FEATURES), label(Sale))
LOG = log(
    shop("s", "09:00", ["x", "y"], "09:59"),
    sale(1, "10:00"),
    sale(2, "10:05", user="bob", shop="t"),
    sale(3, "10:20", arrival="10:06"),
    tags={"s": ["x", "y"], "t": []},
)
START = LOG[1].arrival


class Recording:
    """A store that notes which records were asked of it."""

    def __init__(self, store):
        self.store, self.asked = store, []
        self.commit, self.saved, self.close = store.commit, store.saved, store.close

    def snapshot(self):
        snapshot, asked = self.store.snapshot(), self.asked
        inner = snapshot.records

        def records(group, keys):
            asked.append((group, *keys))
            return inner(group, keys)

        snapshot.records = records
        return snapshot


@pytest.fixture
def world():
    """A reader after the whole log at 10:06, where one sale of 10:20 is pending."""
    store, clock = Recording(MemoryStore(PLAN.state_hash)), StandingClock(START + 6 * MINUTE)
    applier = TinyApplier(PLAN, store, LOG)
    applier.apply(len(LOG))
    return Reader(PLAN, store, clock), clock, applier, store


def ask(*users, shop="s"):
    return columns_of(PLAN, [{"user": user, "shop": shop} for user in users])


def test_a_read_takes_the_clocks_time(world):
    reader, clock, _, _ = world
    clock.time = START + 7 * MINUTE
    answer = reader.read(ask("ann", "bob", "eve"), 3)
    assert (answer.t, answer.offsets) == (START + 7 * MINUTE, {0: 4})
    assert answer.values["count"].tolist() == [1.0, 1.0, 0.0]
    assert answer.values["liked"].tolist() == [2.0, 2.0, 2.0]  # one sale, under each of the shop's two tags


def test_a_clock_behind_the_frontier_does_not_take_a_read_back(world):
    reader, clock, _, _ = world
    clock.time = START
    assert reader.read(ask("bob"), 1).t == START + 5 * MINUTE + 1
    assert reader.read(ask("bob"), 1).values["count"].tolist() == [1.0]


def test_a_read_does_not_pass_a_pending_event_that_is_not_applied(world):
    reader, clock, applier, _ = world
    clock.time = START + 30 * MINUTE
    answer = reader.read(ask("ann"), 1)
    assert (answer.t, answer.values["count"].tolist()) == (START + 20 * MINUTE, [1.0])
    applier.apply(0, clock.time)
    answer = reader.read(ask("ann"), 1)
    assert (answer.t, answer.values["count"].tolist()) == (START + 30 * MINUTE, [2.0])


@pytest.mark.parametrize("at", [START + 5 * MINUTE, START, START + 20 * MINUTE + 1])
def test_a_named_time_the_states_cannot_answer_for_is_refused(world, at):
    with pytest.raises(ReadError, match="ask offline"):
        world[0].read(ask("ann"), 1, at=at)


@pytest.mark.parametrize("at", [START + 5 * MINUTE + 1, START + 20 * MINUTE])
def test_a_named_time_between_frontier_and_pending_is_answered(world, at):
    assert world[0].read(ask("ann"), 1, at=at).t == at


def test_a_new_store_answers_with_defaults():
    reader = Reader(PLAN, MemoryStore(PLAN.state_hash), StandingClock(5))
    answer = reader.read(ask("ann", None), 2)
    assert (answer.t, answer.offsets) == (5, {0: 0})
    assert answer.values["count"].tolist() == [0.0, 0.0]
    assert answer.values["tags"].tolist() == [None, None]


def test_a_store_that_knows_less_than_it_did_is_refused():
    """A server that came back empty must not answer as if nothing had ever happened."""
    store, clock = MemoryStore(PLAN.state_hash), StandingClock(START + 6 * MINUTE)
    reader = Reader(PLAN, store, clock)
    TinyApplier(PLAN, store, LOG).apply(len(LOG))
    known = reader.read(ask("ann"), 1)
    store.__init__(PLAN.state_hash)
    for applied in range(len(LOG)):
        with pytest.raises(
            StateError, match=f"one of at least {len(LOG)} records of partition 0, got one of {applied}"
        ):
            reader.read(ask("ann"), 1)
        TinyApplier(PLAN, store, LOG).apply(1)
    assert reader.read(ask("ann"), 1).values["count"].tolist() == known.values["count"].tolist()


def test_no_rows_are_no_error(world):
    answer = world[0].read(ask(), 0)
    assert {name: len(column) for name, column in answer.values.items()} == dict.fromkeys(answer.values, 0)


def test_a_key_that_is_not_brought_is_named(world):
    with pytest.raises(ReadError, match="'shop'"):
        world[0].read({"user": ask("ann")["user"]}, 1)


def test_each_record_is_fetched_once_however_many_rows_need_it(world):
    reader, _, _, store = world
    store.asked.clear()
    reader.read(ask(*["ann"] * 300, *["bob"] * 200), 500)
    # the shop for its facts and its sales; two users, each with and without the shop; the shop's two tags
    assert sorted(len(keys) - 1 for keys in store.asked) == [1, 1, 2, 2, 2]
    assert len(store.asked) == len(PLAN.groups)


def test_warm_makes_a_read_possible_before_any_state():
    Reader(PLAN, MemoryStore(PLAN.state_hash), StandingClock(0)).warm()


def test_reads_beside_a_committing_writer_are_each_of_one_commit():
    """Both groups are committed together, so that no read may see one without the other."""
    sales = log(*(sale(i, "10:00") for i in range(200)))
    store, clock = MemoryStore(PLAN.state_hash), StandingClock(START + SECOND)
    applier, reader, torn, reads = TinyApplier(PLAN, store, sales), Reader(PLAN, store, clock), [], []
    done = threading.Event()

    def read():
        while not done.is_set():
            answer = reader.read(ask("ann"), 1)
            counts = {answer.values[name][0] for name in ("count", "both", "sold")} | {
                float(answer.offsets[0])
            }
            reads.append(counts)
            if len(counts) > 1:
                torn.append(counts)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in sales:
        applier.apply(1)
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []
    assert reader.read(ask("ann"), 1).values["count"].tolist() == [200.0]
