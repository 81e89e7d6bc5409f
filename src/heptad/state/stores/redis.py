"""States in Redis or Valkey: one process commits, any process on any machine reads (decision record 27).

All keys of a state share one hash tag, so that they lie in one slot of a cluster. ``G`` is the generation, drawn
anew for every state that begins empty: what another one left behind is never read::

    h:{name}:m          meta, as msgpack: format, generation, commit, state hash, frontier, offsets, pending_from,
                        and how many dictionary values there are
    h:{name}:g          the set of generations that were begun and not yet removed
    h:{name}:G:w        the owner: the token of the process that may commit
    h:{name}:G:c        the number of the last commit
    h:{name}:G:x        the number of the commit that was begun last
    h:{name}:G:r...     a record (`state.record`): group (u16, big-endian) and key follow
    h:{name}:G:uN       what commit N replaced: a hash from the record's whole name to its bytes before ('' for none),
                        and '' to ''. It expires once the commit has stood for `UNDO`
    h:{name}:G:i, p, v  hashes: blocks of remembered ids, pending events, dictionary values by code

A commit puts its records, keeping what they replace in ``uN``, and then makes itself visible in one script. So a
reader of commit N finds in uN+1, uN+2, ... what later ones have replaced, and a commit that broke off is undone by
the next owner.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from struct import Struct
from typing import Any, Final, NamedTuple, NoReturn, Self

import msgspec

from heptad.errors import MissingExtra, StateError
from heptad.state.store import Asked, Commit, Meta, OtherPlan, Saved, check_follows, other_plan
from heptad.state.stores.redis_address import Address
from heptad.state.stores.redis_scripts import FINISH, PUT

try:
    import redis
except ImportError as error:
    raise MissingExtra.of("the store redis://", "redis", "redis") from error

FORMAT: Final = 1
UNDO: Final = 1_000  #: milliseconds for which a snapshot can be read while others are committed
CHUNK: Final = 500  #: records put by one script: what other clients wait for, about a millisecond
_FILL: Final = 5_000  #: records of one pipeline where a state is filled

_U16, _U64 = Struct(">H"), Struct(">Q")
_TIME = Struct("<q")
_pack, _unpack = msgspec.msgpack.encode, msgspec.msgpack.decode


class _Kept(msgspec.Struct, frozen=True):
    """What the meta key holds."""

    format: int
    generation: bytes
    commit: int
    state_hash: str
    frontier: int | None
    offsets: dict[int, int]
    pending_from: int | None
    values: int

    def meta(self) -> Meta:
        return Meta(self.state_hash, self.frontier, self.offsets, self.pending_from)


_kept = msgspec.msgpack.Decoder(_Kept, strict=False).decode


class _Names(NamedTuple):
    """The keys of one generation."""

    owner: bytes
    commit: bytes
    begun: bytes
    ids: bytes
    pending: bytes
    values: bytes
    record: bytes
    undo: bytes

    @classmethod
    def of(cls, prefix: bytes, generation: bytes) -> _Names:
        inside = prefix + generation + b":"
        return cls(*(inside + letter for letter in (b"w", b"c", b"x", b"i", b"p", b"v", b"r", b"u")))

    def undone(self, commit: int) -> bytes:
        """What a commit replaced."""
        return self.undo + b"%d" % commit


class RedisStore:
    """A store at ``redis://host:port/db?name=NAME``; every other parameter of the query is redis-py's.

    ``lifetimes``: per group the milliseconds after which a record that was not written again can hold nothing that
    a read still needs, None for never; a margin of safety against keys that nobody asks for again.
    A process owns the state from its first `saved` or `commit` on, and a former owner is refused.
    Raises StateError where the state is another plan's, or the server might evict records.
    """

    def __init__(
        self, url: str, state_hash: str, *, readonly: bool = False, lifetimes: Sequence[int | None] = ()
    ) -> None:
        self._address = address = Address.of(url)
        self._state_hash, self._readonly, self._lifetimes = state_hash, readonly, lifetimes
        self._prefix = _prefix(address)
        self._meta_key, self._generations = self._prefix + b"m", self._prefix + b"g"
        self._reads, self._writes = (
            address.client(address.timeout),
            address.client(address.patience, again=False),
        )
        self._token = secrets.token_hex(8).encode()
        self._owns = self._owned = False  # now; ever
        self._last: _Kept | None = None
        self._decoded: dict[
            bytes, dict[int, Any]
        ] = {}  # of a generation: dictionary values never change there
        with _trouble(self._address, "a store that answers"):
            found = self._found(self._reads)
            self._refuse_eviction()
        if readonly and found is None:
            raise StateError(
                self._address.thing, "a state to read", "none yet", "start the process that writes it first"
            )

    def snapshot(self) -> RedisSnapshot:
        with _trouble(self._address, "a store that answers"):
            kept = self._found(self._reads)
        if kept is None:
            return RedisSnapshot(self, Meta(self._state_hash), None, None)
        return RedisSnapshot(self, kept.meta(), kept, _Names.of(self._prefix, kept.generation))

    def commit(self, change: Commit) -> None:
        before, owned = self._last, self._owns
        if not owned:
            self._take_over()
        kept = self._last
        if kept is None or (before is not None and not owned and before != kept):
            raise StateError(
                self._address.thing, "the state as this process left it", "another, since a commit failed",
                "read it anew with saved(), then commit",
            )  # fmt: skip
        check_follows(kept.meta(), change.meta)
        ids = list(change.ids_dropped), list(change.ids_added.items())
        pending = list(change.pending_dropped), list(change.pending_added.items())
        values = list(change.values_added) if change.filled is None else []
        try:
            with _trouble(self._address, "a commit"):
                self._commit(kept, change, values, ids, pending)
        except BaseException:
            self._owns = False  # nobody knows how far it came: the next look finds out
            raise

    def saved(self) -> Saved:
        self._take_over()
        kept = self._last
        if kept is None or kept.commit == 0:
            return Saved(Meta(self._state_hash), {}, {}, [])
        names = _Names.of(self._prefix, kept.generation)
        with _trouble(self._address, "a store that answers"):
            ids, pending, values = (
                self._writes.hgetall(name) for name in (names.ids, names.pending, names.values)
            )
        return Saved(
            kept.meta(),
            {_ids_named(field): block for field, block in ids.items()},
            {
                _U64.unpack(field)[0]: (_TIME.unpack_from(value)[0], value[_TIME.size :])
                for field, value in pending.items()
            },
            [_value(values[_U64.pack(code)]) for code in range(kept.values)],
        )

    def close(self) -> None:
        for client in (self._reads, self._writes):
            client.close()

    def read(self, commit: int, names: _Names, wanted: Sequence[bytes]) -> list[bytes | None]:
        """Records by their whole names, as of a commit."""
        with _trouble(self._address, "a store that answers"):
            last, begun, *found = self._reads.execute_command("MGET", names.commit, names.begun, *wanted)
            if last is None or int(last) < commit:
                raise StateError(
                    self._address.thing, f"the state of commit {commit}", "an older one, or none: it was lost",
                    "nothing: the process that commits rebuilds it from the log",
                )  # fmt: skip
            if int(begun) > commit:
                self._overlay(found, commit, int(begun), names, wanted)
        return found

    def _overlay(
        self, found: list[bytes | None], commit: int, begun: int, names: _Names, wanted: Sequence[bytes]
    ) -> None:
        """Put back into ``found`` what the commits after ``commit`` have replaced, the newest first."""
        pipe = self._reads.pipeline(transaction=False)
        for number in range(begun, commit, -1):
            pipe.hmget(names.undone(number), [b"", *wanted])
        for stands, *replaced in pipe.execute():
            if stands is None:
                raise StateError(
                    self._address.thing,
                    f"a snapshot of less than {UNDO} ms",
                    "an older one",
                    "open another snapshot",
                )
            for place, old in enumerate(replaced):
                if old is not None:
                    found[place] = old or None

    def decoded(self, generation: bytes) -> dict[int, Any]:
        """The dictionary values of a generation that this process has met."""
        return self._decoded.setdefault(generation, {})

    def values(self, names: _Names, codes: Sequence[int]) -> list[Any]:
        """Dictionary values of codes, read."""
        with _trouble(self._address, "a store that answers"):
            return [_value(value) for value in self._reads.hmget(names.values, [_U64.pack(c) for c in codes])]

    def _found(self, client: Any) -> _Kept | None:
        """The committed state; StateError for another plan's."""
        found = client.get(self._meta_key)
        if found is None:
            return None
        kept = _kept(found)
        if kept.format != FORMAT:
            raise OtherPlan(
                self._address.thing, f"format {FORMAT}", kept.format,
                "delete the state and let it be rebuilt from the log",
            )  # fmt: skip
        if kept.state_hash != self._state_hash:
            raise other_plan(self._address.thing, self._state_hash, kept.state_hash)
        return kept

    def _refuse_eviction(self) -> None:
        info = self._reads.info("memory")
        if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
            raise StateError(
                self._address.shown, "a server that evicts nothing: a record lost in silence is a wrong feature",
                f"maxmemory-policy {info['maxmemory_policy']}", "CONFIG SET maxmemory-policy noeviction",
            )  # fmt: skip

    def _take_over(self) -> None:
        """Own the state: nobody else can commit from now on, and what another commit left half-done is undone."""
        if self._readonly:
            raise StateError(
                self._address.thing, "a store opened to write", "readonly=True", "open it without"
            )
        self._owns = False
        with _trouble(self._address, "a store that answers"):
            kept = self._found(self._writes)
            if kept is not None:
                kept = self._claimed(kept)
            if kept is None:  # a new state; a lost one begins anew too
                generation = secrets.token_hex(4).encode()
                kept = _Kept(FORMAT, generation, 0, self._state_hash, None, {0: 0}, None, 0)
                pipe = self._writes.pipeline()
                pipe.delete(self._meta_key).sadd(self._generations, generation)
                pipe.set(_Names.of(self._prefix, generation).owner, self._token).execute()
            for generation in self._writes.smembers(self._generations) - {kept.generation}:
                _remove(self._writes, self._prefix, generation)
        self._last, self._owns, self._owned = kept, True, True

    def _claimed(self, kept: _Kept) -> _Kept | None:
        """A state that is there made this process's own; None where a part of it was lost."""
        names = _Names.of(self._prefix, kept.generation)
        if self._owned and self._writes.get(names.owner) not in (None, self._token):
            _fenced(self._address)
        self._writes.set(names.owner, self._token)  # a commit under way fails from here on
        found, commit = self._found(self._writes), self._writes.get(names.commit)
        if found is None or found.generation != kept.generation or commit != b"%d" % found.commit:
            return None
        self._undo(names, found.commit + 1)
        return found

    def _undo(self, names: _Names, commit: int) -> None:
        """Put back what a commit that broke off has replaced; may be broken off itself."""
        undo = names.undone(commit)
        pipe = self._writes.pipeline(transaction=False)
        for name, old in self._writes.hscan_iter(undo, count=CHUNK):
            if old:
                pipe.set(name, old, keepttl=True)
            elif name:
                pipe.delete(name)
            if len(pipe) >= CHUNK:
                pipe.execute()
        pipe.execute()
        pipe.set(names.begun, commit - 1).unlink(undo).execute()

    def _commit(self, kept: _Kept, change: Commit, values: list[Any], ids: Any, pending: Any) -> None:
        names, number = _Names.of(self._prefix, kept.generation), kept.commit + 1
        own = self._token, b"%d" % kept.commit, b"%d" % number
        pipe = self._writes.pipeline(transaction=False)
        keys = (names.owner, names.commit, names.begun, names.undone(number))
        pipe.eval(PUT, 4, *keys, *own, 0)
        count = 1
        if change.filled is not None:
            self._fill(names, kept, change.filled.records(), own, keys)
            values = list(change.values_added)
        for life, some in self._by_life(change.records.items()):
            recorded = [names.record + _U16.pack(group) + key for (group, key), _ in some]
            pipe.eval(PUT, 4 + len(some), *keys, *recorded, *own, life, *(record for _, record in some))
            count += len(some)
        if values:
            fields = {_U64.pack(code): _pack(value) for code, value in enumerate(values, kept.values)}
            pipe.hset(names.values, mapping=fields)
        after = _Kept(
            FORMAT, kept.generation, number, self._state_hash, change.meta.frontier, dict(change.meta.offsets),
            change.meta.pending_from, kept.values + len(values),
        )  # fmt: skip
        lists = (
            [_ids_field(*name) for name in ids[0]],
            [part for name, block in ids[1] for part in (_ids_field(*name), block)],
            [_U64.pack(offset) for offset in pending[0]],
            [p for offset, (time, payload) in pending[1] for p in (_U64.pack(offset), _TIME.pack(time) + payload)],
        )  # fmt: skip
        pipe.eval(
            FINISH, 7, *keys, self._meta_key, names.ids, names.pending, *own, count, UNDO,
            _pack(kept) if kept.commit else b"", _pack(after),
            *chain.from_iterable((len(some), *some) for some in lists),
        )  # fmt: skip
        pipe.execute()
        self._last = after

    def _fill(
        self, names: _Names, kept: _Kept, records: Iterator[tuple[int, bytes, bytes]], own: Any, keys: Any
    ) -> None:
        """Write the records of a state that has none yet: nobody reads it, and a half of it is never met again."""
        if kept.commit:
            raise StateError(
                self._address.thing,
                "a new state to fill",
                f"one of {kept.commit} commits",
                "commit records in steps",
            )
        pipe = self._writes.pipeline(transaction=False)
        for group, key, record in records:
            pipe.set(names.record + _U16.pack(group) + key, record, px=self._life(group) or None)
            if len(pipe) >= _FILL:
                pipe.execute()
        pipe.execute()

    def _by_life(self, records: Any) -> Iterator[tuple[int, list[Any]]]:
        """Records in chunks of one time to live."""
        by_life: dict[int, list[Any]] = {}
        for item in records:
            by_life.setdefault(self._life(item[0][0]), []).append(item)
        for life, items in by_life.items():
            for start in range(0, len(items), CHUNK):
                yield life, items[start : start + CHUNK]

    def _life(self, group: int) -> int:
        """Milliseconds that a record of a group lives, 0 for ever."""
        return (self._lifetimes[group] or 0) if group < len(self._lifetimes) else 0


class RedisSnapshot:
    """The store as of one commit; it can be read for `UNDO` after the next commit."""

    def __init__(self, store: RedisStore, meta: Meta, kept: _Kept | None, names: _Names | None) -> None:
        self._store, self._meta, self._kept, self._names = store, meta, kept, names

    @property
    def meta(self) -> Meta:
        return self._meta

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.many([(group, keys)])[0]

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        kept, names = self._kept, self._names
        if kept is None or names is None:
            return [[None] * len(keys) for _, keys in asked]
        wanted: list[bytes] = []
        for group, keys in asked:
            prefix = names.record + _U16.pack(group)
            wanted += [prefix + key for key in keys]
        found = iter(self._store.read(kept.commit, names, wanted))
        return [list(islice(found, len(keys))) for _, keys in asked]

    def values(self, codes: Sequence[int]) -> list[Any]:
        if self._kept is None or self._names is None:
            return []
        decoded = self._store.decoded(self._kept.generation)
        try:
            return list(map(decoded.__getitem__, codes))
        except KeyError:
            lacking = [code for code in dict.fromkeys(codes) if code not in decoded]
            decoded |= zip(lacking, self._store.values(self._names, lacking), strict=True)
        return list(map(decoded.__getitem__, codes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held at the server."""


def _ids_field(stream: str, number: int) -> bytes:
    return _U64.pack(number) + stream.encode()


def _ids_named(field: bytes) -> tuple[str, int]:
    return field[_U64.size :].decode(), _U64.unpack_from(field)[0]


def _value(packed: bytes) -> Any:
    """A dictionary value; lists of texts are tuples, as `plan.coding` gives them."""
    value = _unpack(packed)
    return tuple(value) if isinstance(value, list) else value


def discard(url: str) -> None:
    """Remove a state from its server, of whatever plan; nothing where there is none."""
    address = Address.of(url)
    client, prefix = address.client(address.patience), _prefix(address)
    with _trouble(address, "a store that answers"):
        client.delete(prefix + b"m")
        for generation in client.smembers(prefix + b"g"):
            _remove(client, prefix, generation)
    client.close()


def _prefix(address: Address) -> bytes:
    return b"h:{" + address.name.encode() + b"}:"


def _remove(client: Any, prefix: bytes, generation: bytes) -> None:
    """All keys of a generation that nobody reads any more."""
    plain = b"".join(b"\\" + bytes([c]) if c in b"*?[]\\^-" else bytes([c]) for c in prefix + generation)
    pipe = client.pipeline(transaction=False)
    for name in client.scan_iter(plain + b":*", count=10_000):
        pipe.unlink(name)
        if len(pipe) >= _FILL:
            pipe.execute()
    pipe.srem(prefix + b"g", generation).execute()


@contextmanager
def _trouble(address: Address, expected: str) -> Iterator[None]:
    """What the server or the way to it does wrong, as a StateError."""
    try:
        yield
    except redis.RedisError as error:
        if "NOTOWNER" in str(error):
            _fenced(address)
        raise StateError(
            address.thing, expected, f"{type(error).__name__}: {error}",
            "look at the server: what was not committed is safe in the log and is applied once it answers",
        ) from error  # fmt: skip


def _fenced(address: Address) -> NoReturn:
    raise StateError(
        address.thing, "one process that commits", "a commit of another process, or a state that was lost",
        "stop the other process, or give each its own ?name=",
    )  # fmt: skip
