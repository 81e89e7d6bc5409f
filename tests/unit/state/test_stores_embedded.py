"""What the LMDB store does beyond the contract: other processes, power, growth, other plans."""

from __future__ import annotations

import signal
import subprocess
import sys

import lmdb
import pytest

from heptad.errors import StateError
from heptad.state.keys import encode
from heptad.state.open import open_store
from heptad.state.store import Commit, Meta
from heptad.state.stores import embedded, unsynced
from heptad.state.stores.embedded import EmbeddedStore, discard

KEY = encode(("ann",))

CHILD = """
import os, signal, sys
from heptad.state.keys import encode
from heptad.state.open import open_store
from heptad.state.store import Commit, Meta
KEY = encode(("ann",))
store = open_store(sys.argv[1], "hash", readonly=sys.argv[2] == "readonly")
def read():
    with store.snapshot() as snapshot:
        print(snapshot.meta.frontier, snapshot.records(0, [KEY])[0], flush=True)
for line in sys.stdin:
    match line.split():
        case ["read"]: read()
        case ["commit", n]:
            store.commit(Commit(Meta("hash", int(n), {0: int(n)}), {(0, KEY): n.encode()}))
            print("done", flush=True)
        case ["die"]: os.kill(os.getpid(), signal.SIGKILL)
"""


class Child:
    """Another process with the same store, told what to do line by line."""

    def __init__(self, path, mode):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, f"embedded://{path}", mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.communicate(timeout=60)


def commit(store, n, size=8):
    store.commit(Commit(Meta("hash", n, {0: n}), {(0, KEY): bytes([n]) * size}))


def test_another_process_reads_what_is_committed(tmp_path):
    store = EmbeddedStore(tmp_path, "hash", map_size=1 << 20)
    commit(store, 1)
    with Child(tmp_path, "readonly") as child:
        assert child.tell("read") == f"1 {bytes([1]) * 8}"
        commit(store, 2)
        assert child.tell("read") == f"2 {bytes([2]) * 8}"
        store.commit(Commit(Meta("hash", 3, {0: 3}), {(1, KEY): b"x" * (8 << 20)}))  # the map grows
        assert child.tell("read") == f"3 {bytes([2]) * 8}"
    store.close()


def test_a_committed_state_survives_a_killed_writer(tmp_path):
    with Child(tmp_path, "writer") as child:
        assert child.tell("commit 7") == "done"
        child.tell("die")
    assert child.process.returncode == -signal.SIGKILL
    store = EmbeddedStore(tmp_path, "hash")
    assert store.saved().meta == Meta("hash", 7, {0: 7})
    store.close()


def test_a_second_process_that_commits_is_noticed(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    with Child(tmp_path, "writer") as child:
        assert child.tell("commit 2") == "done"
        with pytest.raises(StateError, match="readonly=True"):
            commit(store, 3)
        assert child.tell("read") == "2 b'2'"
    store.close()


def test_a_reader_does_not_commit(tmp_path):
    EmbeddedStore(tmp_path, "hash").close()
    reader = EmbeddedStore(tmp_path, "hash", readonly=True)
    with pytest.raises(StateError):
        commit(reader, 1)
    assert reader.saved().meta == Meta("hash")
    reader.close()


def test_a_reader_finds_no_state(tmp_path):
    with pytest.raises(StateError, match="start the process that writes it first"):
        EmbeddedStore(tmp_path / "none", "hash", readonly=True)
    assert not (tmp_path / "none").exists()


def test_the_map_grows_as_often_as_it_must(tmp_path):
    store = EmbeddedStore(tmp_path, "hash", map_size=64 << 10)
    for n in range(1, 6):
        store.commit(Commit(Meta("hash", n, {0: n}), {(n, KEY): bytes([n]) * (1 << 20)}))
    with store.snapshot() as snapshot:
        assert [snapshot.records(n, [KEY])[0] for n in range(1, 6)] == [
            bytes([n]) * (1 << 20) for n in range(1, 6)
        ]
    store.close()


def test_a_snapshot_kept_open_stops_the_map_from_growing_and_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "PATIENCE", 0.0)
    store = EmbeddedStore(tmp_path, "hash", map_size=64 << 10)
    commit(store, 1)
    with store.snapshot() as snapshot:
        with pytest.raises(StateError, match="1 open"):
            commit(store, 2, 1 << 20)
        assert snapshot.records(0, [KEY]) == [bytes([1]) * 8]
    commit(store, 2, 1 << 20)
    with store.snapshot() as snapshot:
        assert snapshot.meta.frontier == 2
    store.close()


def test_the_state_of_another_plan_is_refused(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    store.close()
    for readonly in (False, True):
        with pytest.raises(StateError, match="rebuilt from the log") as error:
            open_store(f"embedded://{tmp_path}", "other", readonly=readonly)
        assert "other" in error.value.expected
        assert error.value.got == "hash"
    EmbeddedStore(tmp_path, "hash").close()  # and it is left as it was


def test_the_state_of_another_format_is_refused(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    store.close()
    with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as txn:
        txn.put(b"m", txn.get(b"m").replace(b"\xa6format\x04", b"\xa6format\x02"))
    with pytest.raises(StateError, match="expected format 4, got 2"):
        EmbeddedStore(tmp_path, "hash")


def test_a_file_that_is_no_state_is_refused(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"nothing of the sort" * 1000)
    with pytest.raises(StateError, match="LMDB"):
        EmbeddedStore(tmp_path, "hash")


def test_a_commit_the_disk_cannot_take_is_a_state_error_and_changes_nothing(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    with pytest.raises(StateError, match="a commit on disk"):
        store.commit(Commit(Meta("hash", 2, {0: 2}), {(0, b"k" * 600): b"a key longer than LMDB takes"}))
    assert store.saved().meta.frontier == 1
    store.close()


def test_long_stream_names_and_ids_keep_their_ids(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    ids = {("S" * 600, 1): b"ab", ("S" * 600, 2): b"", ("S", 1): b"c"}
    store.commit(Commit(Meta("hash"), ids_added=ids))
    assert store.saved().ids == ids
    store.commit(Commit(Meta("hash"), ids_dropped=[("S" * 600, 2)]))
    assert store.saved().ids == {k: v for k, v in ids.items() if v != b""}
    store.close()


def test_a_state_that_is_begun_anew_is_of_another_generation(tmp_path):
    """Its commits count from 1 again: what a reader holds by their numbers must not pass for the new ones'."""
    found = []
    for _ in range(2):
        store = EmbeddedStore(tmp_path / "state", "hash")
        commit(store, 1)
        with store.snapshot() as snapshot:
            found.append((snapshot.number, snapshot.generation))
        store.close()
        discard(tmp_path / "state")
    assert found[0][0] == found[1][0] == 1
    assert found[0][1] != found[1][1]


BOOTED_ANEW = "0d6a7b1e-5c1f-4c0e-9a51-2f0a4d4b2f4e\n"


def test_what_a_power_failure_may_have_torn_is_begun_anew(tmp_path):
    with Child(tmp_path, "writer") as child:
        assert child.tell("commit 7") == "done"
        child.tell("die")
    (tmp_path / unsynced.NAME).write_text(BOOTED_ANEW)  # as after the machine has gone down
    (tmp_path / "data.mdb").write_bytes(b"\0" * 8192)  # and pages were lost: nothing of it may be looked at
    with pytest.raises(StateError, match="start the process that writes it first"):
        EmbeddedStore(tmp_path, "hash", readonly=True)
    store = EmbeddedStore(tmp_path, "hash")
    assert store.saved().meta == Meta("hash")
    commit(store, 1)
    store.close()
    store = EmbeddedStore(tmp_path, "hash")
    assert store.saved().meta.frontier == 1
    store.close()


def test_a_state_that_was_closed_is_on_disk_whatever_boots(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    assert (tmp_path / unsynced.NAME).read_text() == unsynced.BOOT.read_text().strip()
    store.close()
    store.close()
    assert not (tmp_path / unsynced.NAME).exists()


def test_a_mark_that_another_process_has_taken_away_is_made_again(tmp_path):
    store = EmbeddedStore(tmp_path, "hash")
    commit(store, 1)
    unsynced.Unsynced(tmp_path).clear()
    commit(store, 2)
    assert (tmp_path / unsynced.NAME).exists()
    store.close()


def test_a_machine_that_says_no_boot_commits_to_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(unsynced, "BOOT", tmp_path / "none")
    store = EmbeddedStore(tmp_path / "state", "hash")
    commit(store, 1)
    assert not (tmp_path / "state" / unsynced.NAME).exists()
    assert store._env.flags()["sync"]
    store.close()
