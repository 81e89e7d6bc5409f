"""The store at a Redis server: commits that break off, owners, snapshots that are too old, servers that lose or hang."""

from __future__ import annotations

import pytest
import redis

from heptad.errors import StateError
from heptad.state.keys import encode
from heptad.state.open import discard_state, open_store
from heptad.state.store import Commit, Meta, OtherPlan, Saved
from heptad.state.stores.redis import CHUNK, RedisStore
from heptad.testing.servers import RedisServer, redis_state, shared_redis

ANN, BOB = encode(("ann",)), encode(("bob",))
MANY = [encode((i,)) for i in range(3 * CHUNK)]


@pytest.fixture
def url():
    with redis_state() as url:
        yield url


@pytest.fixture
def client():
    with redis.Redis(port=shared_redis().port) as client:
        yield client


@pytest.fixture
def own_server(tmp_path):
    with RedisServer(tmp_path) as server:
        yield server


def commit(store, number, **records):
    named = {(0, encode((name,))): value for name, value in records.items()}
    store.commit(Commit(Meta("hash", number, {0: number}), named, values_added=[f"v{number}"]))


def read(store, *names):
    with store.snapshot() as snapshot:
        return snapshot.records(0, [encode((name,)) for name in names])


def test_a_commit_that_the_server_breaks_off_is_undone_and_nobody_sees_it(own_server):
    with redis.Redis(port=own_server.port) as client:
        store = RedisStore(own_server.url(), "hash")
        store.commit(Commit(Meta("hash", 1, {0: 1}), {(0, key): b"standing" for key in MANY[: 2 * CHUNK]}))
        before = store.saved()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 3_000_000)
        large = Commit(
            Meta("hash", 2, {0: 2}), {(0, key): b"replaced" * 500 for key in MANY}, values_added=["new"]
        )
        with pytest.raises(StateError, match="OutOfMemory"):
            store.commit(large)
        undone = set(client.scan_iter("*:u2"))
        assert undone, "some records were put before memory ran out"
        other = RedisStore(own_server.url(), "hash", readonly=True)
        for reader in (store, other):
            with reader.snapshot() as snapshot:
                assert snapshot.meta == Meta("hash", 1, {0: 1})
                assert snapshot.records(0, MANY) == [b"standing"] * 2 * CHUNK + [None] * CHUNK
        client.config_set("maxmemory", 0)
        assert store.saved() == before
        assert client.exists(*undone) == 0
        assert read(other, "none") == [None]
        store.commit(large)
        with other.snapshot() as snapshot:
            assert snapshot.records(0, MANY) == [b"replaced" * 500] * 3 * CHUNK
            assert snapshot.values([0]) == ["new"]


def test_the_process_that_came_last_owns_the_state(url):
    first, second = RedisStore(url, "hash"), RedisStore(url, "hash")
    first.saved()
    commit(first, 1, ann=b"of first")
    assert second.saved().meta.frontier == 1
    with pytest.raises(StateError, match="one process that commits"):
        commit(first, 2, ann=b"too late")
    with pytest.raises(StateError, match="one process that commits"):
        first.saved()  # it does not take the state back
    commit(second, 2, ann=b"ofsecond")
    assert read(first, "ann") == [b"ofsecond"]


def test_two_processes_cannot_both_begin_a_state(url):
    first, second = RedisStore(url, "hash"), RedisStore(url, "hash")
    first.saved()
    second.saved()
    commit(second, 1, ann=b"ofsecond")
    with pytest.raises(StateError, match="one process that commits"):
        commit(first, 1, ann=b"of first")
    assert read(first, "ann") == [b"ofsecond"]


def test_an_owner_that_died_in_the_middle_is_cleaned_up_after(url, client):
    """What a kill leaves: records of commit 3 put, and no word of the commit itself."""
    store = RedisStore(url, "hash")
    commit(store, 1, ann=b"ann one.", bob=b"bob one.")
    commit(store, 2, ann=b"ann two.")
    prefix = next(iter(client.scan_iter(f"h:{{{url.partition('name=')[2]}}}:*:w"))).removesuffix(b"w")
    names = prefix + b"r\0\0" + ANN, prefix + b"r\0\0" + BOB, prefix + b"r\0\0" + encode(("eve",))
    old = [client.get(name) or b"" for name in names]
    client.hset(prefix + b"u3", mapping={b"": b"", **dict(zip(names, old, strict=True))})
    client.mset({prefix + b"x": 3, **dict.fromkeys(names, b"torn off")})
    assert read(store, "ann", "bob", "eve") == [b"ann two.", b"bob one.", None]
    heir = RedisStore(url, "hash")
    assert heir.saved().meta.offsets == {0: 2}
    assert [client.get(name) for name in names] == [b"ann two.", b"bob one.", None]
    commit(heir, 3, ann=b"ann 3...")
    assert read(store, "ann", "bob", "eve") == [b"ann 3...", b"bob one.", None]


def test_a_snapshot_that_is_too_old_is_refused_not_answered(url, client):
    store = RedisStore(url, "hash")
    commit(store, 1, ann=b"ann one.")
    with store.snapshot() as snapshot:
        commit(store, 2, ann=b"ann two.")
        assert snapshot.records(0, [ANN]) == [b"ann one."]
        (undo,) = client.scan_iter(f"h:{{{url.partition('name=')[2]}}}:*:u2")
        assert 0 < client.pttl(undo) <= 1_000
        client.delete(undo)  # as time does
        with pytest.raises(StateError, match="open another snapshot"):
            snapshot.records(0, [ANN])
    assert read(store, "ann") == [b"ann two."]


def test_a_state_that_was_lost_is_said_and_begins_anew(own_server):
    store = RedisStore(own_server.url(), "hash")
    reader = RedisStore(own_server.url(), "hash")
    commit(store, 1, ann=b"ann one.")
    with reader.snapshot() as snapshot:
        assert snapshot.values([0]) == ["v1"]
        own_server.kill()
        with pytest.raises(StateError, match="look at the server"):
            snapshot.records(0, [ANN])
        own_server.start()
        with pytest.raises(StateError, match="was lost"):
            snapshot.records(0, [ANN])
    with pytest.raises(StateError, match="was lost"):
        commit(store, 2, ann=b"ann two.")
    assert store.saved() == Saved(Meta("hash"), {}, {}, [])
    store.commit(Commit(Meta("hash", 1, {0: 1}), {(0, BOB): b"bob one."}, values_added=["another"]))
    assert read(reader, "ann", "bob") == [None, b"bob one."]
    with reader.snapshot() as snapshot:
        assert snapshot.values([0]) == ["another"]  # not the value of this code in the state that was lost


def test_a_server_that_hangs_fails_a_read_in_time_and_answers_again(own_server):
    store = RedisStore(own_server.url(timeout="50ms"), "hash")
    commit(store, 1, ann=b"ann one.")
    own_server.hang()
    with pytest.raises(StateError, match="Timeout"):
        read(store, "ann")
    own_server.wake()
    assert read(store, "ann") == [b"ann one."]
    commit(store, 2, ann=b"ann two.")
    assert read(store, "ann") == [b"ann two."]


def test_a_server_that_evicts_is_refused(tmp_path):
    with (
        RedisServer(tmp_path, maxmemory="100mb", maxmemory_policy="allkeys-lru") as server,
        pytest.raises(StateError, match="noeviction"),
    ):
        open_store(server.url(), "hash")


def test_all_keys_of_a_state_lie_in_one_slot_of_a_cluster(tmp_path):
    with RedisServer(tmp_path, cluster_enabled="yes") as server, redis.Redis(port=server.port) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        while client.cluster("INFO")["cluster_state"] != "ok":
            pass
        store = RedisStore(server.url("shop"), "hash")
        store.commit(Commit(Meta("hash", 1, {0: 1}), {(0, key): key for key in MANY}, values_added=["v"]))
        commit(store, 2, ann=b"ann two.")
        with store.snapshot() as snapshot:
            assert snapshot.records(0, [*MANY, ANN]) == [*MANY, b"ann two."]
        assert len({client.cluster("KEYSLOT", key) for key in client.scan_iter("*")}) == 1
        discard_state(server.url("shop"))
        assert list(client.scan_iter("*")) == []


def test_a_record_lives_as_long_as_its_group_needs_it(url, client):
    store = RedisStore(url, "hash", lifetimes=[None, 60_000])
    store.commit(Commit(Meta("hash", 1, {0: 1}), {(0, ANN): b"for ever", (1, ANN): b"a minute"}))
    lives = {name: client.pttl(name) for name in client.scan_iter(f"h:{{{url.partition('name=')[2]}}}:*:r*")}
    assert [life for name, life in lives.items() if name.endswith(b"\0\0" + ANN)] == [-1]
    (life,) = [life for name, life in lives.items() if name.endswith(b"\0\1" + ANN)]
    assert 0 < life <= 60_000


def test_another_plans_state_is_refused_and_a_name_keeps_states_apart(url):
    store = RedisStore(url, "hash")
    commit(store, 1, ann=b"ann one.")
    with pytest.raises(OtherPlan, match="state hash"):
        RedisStore(url, "other")
    with pytest.raises(StateError, match="start the process that writes it"):
        RedisStore(f"{url}-beside", "other", readonly=True)
    with pytest.raises(StateError, match="readonly"):
        RedisStore(url, "hash", readonly=True).saved()
    beside = RedisStore(f"{url}-beside", "other")
    assert read(beside, "ann") == [None]
    discard_state(f"{url}-beside")
    assert read(store, "ann") == [b"ann one."]


@pytest.mark.parametrize(
    "wrong",
    ["redis:", "redis://localhost?name=", "redis://localhost?name={x}", "redis://localhost?timeout=soon"],
)
def test_a_wrong_address_is_said(wrong):
    with pytest.raises(StateError):
        open_store(wrong, "hash")


def test_a_password_is_never_shown():
    with pytest.raises(StateError) as error:
        open_store("redis://ann:secret@127.0.0.1:1/0?timeout=50ms", "hash")
    assert "secret" not in str(error.value)
