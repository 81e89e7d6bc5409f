"""States in an LMDB file: one process commits, any process on the machine reads, power may fail.

Keys begin with a letter that says what they hold::

    m                                       meta, as msgpack: format, state hash, frontier, offsets,
                                            pending_from, how many dictionary values there are, the number of the
                                            last commit, and the generation, drawn where a state begins
    c  number modulo 64 (u8)                the names of the records that commit wrote, as msgpack: its number, and
                                            group and key of each; nil where they were too many
    r  group (u16, big-endian)  key         a record (`state.record`); keys as `state.keys` makes them
    i  length (u16, big-endian)  stream  number (u64, big-endian)   a block of remembered ids (`state.ids`)
    j  BLAKE2b-256 of an `i` key too long   the length of the `i` key (u16, big-endian), the `i` key, the block
    p  offset (u64, big-endian)             time (little-endian int64) and payload of a pending event
    v  code (u64, big-endian)               a dictionary value, as msgpack
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Any, Final, NoReturn, Self, TypeVar

import lmdb
import msgspec

from heptad.durable import sync
from heptad.errors import StateError
from heptad.state.store import (
    FEW,
    RECENT,
    Asked,
    Commit,
    Meta,
    Named,
    OtherPlan,
    Saved,
    check_follows,
    other_plan,
)
from heptad.state.stores.unsynced import Unsynced

T = TypeVar("T")

FORMAT: Final = 4
LONGEST: Final = 511  #: bytes of a key, LMDB's limit
MAP_SIZE: Final = (
    16 << 30
)  #: bytes of address space to begin with; the file is only as large as what it holds
PATIENCE: Final = 30.0  #: seconds to wait for open snapshots where the map must grow
_FILES: Final = ("data.mdb", "lock.mdb")  #: of LMDB
READERS: Final = 1024  #: snapshots open at once, in all processes

_META: Final = b"m"
_U16, _U64 = Struct(">H"), Struct(">Q")
_TIME = Struct("<q")
_pack, _unpack = msgspec.msgpack.encode, msgspec.msgpack.decode


class _Kept(msgspec.Struct):
    """What the meta key holds."""

    format: int
    state_hash: str
    frontier: int | None
    offsets: dict[int, int]
    pending_from: int | None
    values: int = 0
    number: int = 0  #: since format 4; of others the format alone is looked at
    generation: bytes = b""

    def meta(self) -> Meta:
        return Meta(self.state_hash, self.frontier, self.offsets, self.pending_from)


_kept = msgspec.msgpack.Decoder(_Kept, strict=False).decode
_names = msgspec.msgpack.Decoder(tuple[int, list[Named] | None]).decode
_NOTHING: Final = _pack((0, None))


def _changed(number: int) -> bytes:
    """The key of what a commit changed."""
    return b"c" + bytes([number % RECENT])


class EmbeddedStore:
    """A store in the directory ``path``, made where it is missing.

    ``readonly``: for the processes that only read, while another commits. A commit outlives its process, whatever
    kills it, and does not wait for the disk: after a power failure the state begins anew, and the log rebuilds it.
    Raises StateError where the state is another plan's, or is to be rebuilt and ``readonly``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        state_hash: str,
        *,
        readonly: bool = False,
        map_size: int = MAP_SIZE,
    ) -> None:
        self._path, self._state_hash, self._map_size = Path(path), state_hash, map_size
        self._unsynced, self._readonly = Unsynced(self._path), readonly
        if self._unsynced.lost:
            self._begin_anew()
        self._env = _opened(self._path, readonly, map_size, synchronous=self._unsynced.boot is None)
        self._gate = (
            threading.Condition()
        )  # guards the count of snapshots, and stops new ones while the map grows
        self._count, self._growing = 0, False
        self._decoded: dict[int, Any] = {}  # dictionary values never change
        with self._env.begin() as txn:
            self._last: bytes | None = txn.get(_META)
        if self._last is not None:
            try:
                self._check(_kept(self._last))
            except StateError:
                self._env.close()
                raise

    def snapshot(self) -> EmbeddedSnapshot:
        with self._gate:
            self._gate.wait_for(lambda: not self._growing)
            try:
                txn = self._env.begin()
            except lmdb.MapResizedError:  # the writing process has grown the map
                self._resize(0)
                txn = self._env.begin()
            self._count += 1
        return EmbeddedSnapshot(txn, self._state_hash, self._decoded, self._left)

    def commit(self, change: Commit) -> None:
        while True:
            try:
                self._commit(change)
                return
            except lmdb.MapFullError:
                with self._gate:
                    self._map_size *= 2
                    self._resize(self._map_size)
            except lmdb.Error as error:
                self._unwritable(error)

    def saved(self) -> Saved:
        with self.snapshot() as snapshot:
            txn, meta = snapshot.txn, snapshot.meta
            ids = dict(_ids(txn))
            pending = {
                _U64.unpack_from(key, 1)[0]: (_TIME.unpack_from(value)[0], value[_TIME.size :])
                for key, value in _under(txn, b"p")
            }
            return Saved(meta, ids, pending, [_value(value) for _, value in _under(txn, b"v")])

    def close(self) -> None:
        with suppress(lmdb.Error, OSError):  # closed before, or a disk that refuses: then the mark stays
            if not self._readonly:
                self._env.sync(True)
                self._unsynced.clear()
        self._env.close()

    def _begin_anew(self) -> None:
        """Drop what may have lost pages without a look into it."""
        if self._readonly:
            raise StateError(
                f"the state in {self._path}", "all that was committed", "what a power failure may have left of it",
                "start the process that writes it first: it rebuilds the state from the log",
            )  # fmt: skip
        for name in _FILES:
            (self._path / name).unlink(missing_ok=True)
        self._unsynced.clear()

    def _commit(self, change: Commit) -> None:
        with self._env.begin(write=True) as txn:
            self._unsynced.mark()
            found = txn.get(_META)
            if found != self._last:
                raise StateError(
                    f"the state in {self._path}", "one process that commits", "a commit of another process",
                    "stop the other process, or open the store there with readonly=True",
                )  # fmt: skip
            before = _kept(found) if found else _Kept(
                FORMAT, self._state_hash, None, {}, None, generation=secrets.token_bytes(8)
            )  # fmt: skip
            check_follows(before.meta(), change.meta)
            put, delete = txn.put, txn.delete
            if change.filled is not None:
                empty = (
                    txn.stat()["entries"] == 0
                )  # then each record goes behind the last, and pages are full
                for group, key, record in change.filled.records():
                    put(b"r" + _U16.pack(group) + key, record, append=empty)
            prefixes = {group: b"r" + _U16.pack(group) for group in {group for group, _ in change.records}}
            records = [(prefixes[group] + key, record) for (group, key), record in change.records.items()]
            records.sort()  # neighbours lie in one page
            for name, record in records:
                put(name, record)
            for stream, number in change.ids_dropped:
                delete(_ids_key(stream, number)[0])
            for (stream, number), block in change.ids_added.items():
                name, rest = _ids_key(stream, number)
                put(name, rest + block)
            for offset in change.pending_dropped:
                delete(b"p" + _U64.pack(offset))
            for offset, (time, payload) in change.pending_added.items():
                put(b"p" + _U64.pack(offset), _TIME.pack(time) + payload)
            for code, value in enumerate(change.values_added, before.values):
                put(b"v" + _U64.pack(code), _pack(value))
            after, count = change.meta, before.values + len(change.values_added)
            kept = _Kept(
                FORMAT,
                after.state_hash,
                after.frontier,
                dict(after.offsets),
                after.pending_from,
                count,
                before.number + 1,
                before.generation,
            )
            few = list(change.records) if change.filled is None and len(change.records) <= FEW else None
            put(_changed(kept.number), _pack((kept.number, few)))
            written = _pack(kept)
            put(_META, written)
        self._last = written

    def _check(self, kept: _Kept) -> None:
        if kept.format != FORMAT:
            raise OtherPlan(
                f"the state in {self._path}", f"format {FORMAT}", kept.format,
                "delete the state and let it be rebuilt from the log",
            )  # fmt: skip
        if kept.state_hash != self._state_hash:
            raise other_plan(f"the state in {self._path}", self._state_hash, kept.state_hash)

    def _resize(self, size: int) -> None:
        """Map ``size`` bytes (0: as many as the file says) once no snapshot is open; the gate is held."""
        self._growing = True
        try:
            if not self._gate.wait_for(lambda: self._count == 0, PATIENCE):
                raise StateError(
                    f"the state in {self._path}", "no snapshot kept open while its map grows",
                    f"{self._count} open", "leave each snapshot's 'with' block, or open with a larger map_size",
                )  # fmt: skip
            self._env.set_mapsize(size)
        finally:
            self._growing = False
            self._gate.notify_all()

    def _left(self) -> None:
        with self._gate:
            self._count -= 1
            self._gate.notify_all()

    def _unwritable(self, error: Exception) -> NoReturn:
        raise StateError(
            f"the state in {self._path}", "a commit on disk", error,
            "free space, check the disk, or delete the state and let it be rebuilt from the log",
        ) from error  # fmt: skip


def discard(path: str | os.PathLike[str]) -> None:
    """Empty the state in a directory, of whatever plan, in one step; nothing where there is none."""
    if not Path(path).exists():
        return
    env = _opened(Path(path), readonly=False, synchronous=True, map_size=MAP_SIZE)
    try:
        with env.begin(write=True) as txn:
            txn.drop(env.open_db(), delete=False)
    finally:
        env.close()


class EmbeddedSnapshot:
    """An LMDB read transaction: the store as of one commit."""

    degraded = False

    def __init__(self, txn: Any, state_hash: str, decoded: dict[int, Any], left: Callable[[], None]) -> None:
        self.txn, self._decoded, self._left = txn, decoded, left
        found = txn.get(_META)
        kept = _kept(found) if found else _Kept(FORMAT, state_hash, None, {0: 0}, None)
        self._meta, self.number, self.generation = kept.meta(), kept.number, kept.generation

    @property
    def meta(self) -> Meta:
        return self._meta

    def changed(self, since: int) -> list[Named] | None:
        out: list[Named] = []
        for number in range(since + 1, self.number + 1):
            found, names = _names(self.txn.get(_changed(number), _NOTHING))
            if found != number or names is None:
                return None
            out += names
        return out

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        get, prefix = self.txn.get, b"r" + _U16.pack(group)
        return [get(prefix + key) for key in keys]

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        return [self.records(group, keys) for group, keys in asked]

    def values(self, codes: Sequence[int]) -> list[Any]:
        decoded = self._decoded
        try:
            return list(map(decoded.__getitem__, codes))
        except KeyError:
            for code in codes:
                if code not in decoded:
                    decoded[code] = _value(self.txn.get(b"v" + _U64.pack(code)))
        return list(map(decoded.__getitem__, codes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.txn.abort()
        self._left()


def _opened(path: Path, readonly: bool, map_size: int, *, synchronous: bool) -> Any:
    fresh = not path.exists()
    try:
        if not readonly:
            path.mkdir(parents=True, exist_ok=True)
        env = lmdb.open(
            str(path), map_size=map_size, readonly=readonly, create=not readonly, max_readers=READERS,
            sync=synchronous, metasync=synchronous,
        )  # fmt: skip
    except (lmdb.Error, OSError) as error:
        fix = (
            "start the process that writes it first"
            if readonly and fresh
            else "close it first, or use another path"
        )
        raise StateError(f"the state in {path}", "an LMDB directory to open", error, fix) from error
    env.reader_check()  # forget the snapshots of processes that died
    if fresh:  # a new directory's name is on disk once its parent is
        for directory in (path, path.parent):
            sync(directory)
    return env


def _under(txn: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All keys that begin with a letter, in order."""
    cursor = txn.cursor()
    if cursor.set_range(prefix):
        for key, value in cursor:
            if not key.startswith(prefix):
                return
            yield key, value


def _ids_key(stream: str, number: int) -> tuple[bytes, bytes]:
    """The key of a block of ids, and what must be kept in its value to get it back."""
    name = stream.encode()
    key = b"i" + _U16.pack(len(name)) + name + _U64.pack(number)
    if len(key) <= LONGEST:
        return key, b""
    return b"j" + hashlib.blake2b(key, digest_size=32).digest(), _U16.pack(len(key)) + key


def _named(key: bytes) -> tuple[str, int]:
    """The stream and the number of an `i` key."""
    end = 3 + _U16.unpack_from(key, 1)[0]
    return key[3:end].decode(), _U64.unpack_from(key, end)[0]


def _ids(txn: Any) -> Iterator[tuple[tuple[str, int], bytes]]:
    for key, value in _under(txn, b"i"):
        yield _named(key), value
    for _, value in _under(txn, b"j"):
        end = 2 + _U16.unpack_from(value)[0]
        yield _named(value[2:end]), value[end:]


def _value(packed: bytes) -> Any:
    """A dictionary value; lists of texts are tuples, as `plan.coding` gives them."""
    value = _unpack(packed)
    return tuple(value) if isinstance(value, list) else value
