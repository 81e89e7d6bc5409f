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
from itertools import chain
from typing import Any, Final

from heptad.errors import StateError
from heptad.state.store import Commit, Meta, Saved, check_follows
from heptad.state.stores.redis_address import Address
from heptad.state.stores.redis_names import (
    CODE,
    FORMAT,
    GROUP,
    TIME,
    Kept,
    Names,
    ids_field,
    ids_named,
    pack,
    prefix_of,
    value_of,
)
from heptad.state.stores.redis_reading import UNDO, Reading, RedisSnapshot
from heptad.state.stores.redis_scripts import FINISH, PUT

CHUNK: Final = 500  #: records put by one script: what other clients wait for, about a millisecond
FILL: Final = 5_000  #: records of one pipeline where a state is filled


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
        self._prefix = prefix_of(address.name)
        self._meta_key, self._generations = self._prefix + b"m", self._prefix + b"g"
        self._reads = address.client(address.timeout)
        self._writes = address.client(address.patience, again=False)
        self._reading = Reading(address, self._reads, state_hash)
        self._owning = Reading(address, self._writes, state_hash)
        self._token = secrets.token_hex(8).encode()
        self._owns = self._owned = False  # now; ever
        self._last: Kept | None = None
        with address.trouble("a store that answers"):
            found = self._reading.kept()
            self._refuse_eviction()
        if readonly and found is None:
            raise StateError(
                address.thing, "a state to read", "none yet", "start the process that writes it first"
            )

    def snapshot(self) -> RedisSnapshot:
        return self._reading.snapshot()

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
            with self._address.trouble("a commit"):
                self._commit(kept, change, values, ids, pending)
        except BaseException:
            self._owns = False  # nobody knows how far it came: the next look finds out
            raise

    def saved(self) -> Saved:
        self._take_over()
        kept = self._last
        if kept is None or kept.commit == 0:
            return Saved(Meta(self._state_hash), {}, {}, [])
        names = Names.of(self._prefix, kept.generation)
        with self._address.trouble("a store that answers"):
            ids, pending, values = (
                self._writes.hgetall(name) for name in (names.ids, names.pending, names.values)
            )
        return Saved(
            kept.meta(),
            {ids_named(field): block for field, block in ids.items()},
            {
                CODE.unpack(field)[0]: (TIME.unpack_from(value)[0], value[TIME.size :])
                for field, value in pending.items()
            },
            [value_of(values[CODE.pack(code)]) for code in range(kept.values)],
        )

    def close(self) -> None:
        for client in (self._reads, self._writes):
            client.close()

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
        with self._address.trouble("a store that answers"):
            kept = self._owning.kept()
            if kept is not None:
                kept = self._claimed(kept)
            if kept is None:  # a new state; a lost one begins anew too
                generation = secrets.token_hex(4).encode()
                kept = Kept(FORMAT, generation, 0, self._state_hash, None, {0: 0}, None, 0)
                pipe = self._writes.pipeline()
                pipe.delete(self._meta_key).sadd(self._generations, generation)
                pipe.set(Names.of(self._prefix, generation).owner, self._token).execute()
            for generation in self._writes.smembers(self._generations) - {kept.generation}:
                _remove(self._writes, self._prefix, generation)
        self._last, self._owns, self._owned = kept, True, True

    def _claimed(self, kept: Kept) -> Kept | None:
        """A state that is there made this process's own; None where a part of it was lost."""
        names = Names.of(self._prefix, kept.generation)
        if self._owned and self._writes.get(names.owner) not in (None, self._token):
            self._address.fenced()
        self._writes.set(names.owner, self._token)  # a commit under way fails from here on
        found, commit = self._owning.kept(), self._writes.get(names.commit)
        if found is None or found.generation != kept.generation or commit != b"%d" % found.commit:
            return None
        self._undo(names, found.commit + 1)
        return found

    def _undo(self, names: Names, commit: int) -> None:
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

    def _commit(self, kept: Kept, change: Commit, values: list[Any], ids: Any, pending: Any) -> None:
        names, number = Names.of(self._prefix, kept.generation), kept.commit + 1
        own = self._token, b"%d" % kept.commit, b"%d" % number
        pipe = self._writes.pipeline(transaction=False)
        keys = (names.owner, names.commit, names.begun, names.undone(number))
        pipe.eval(PUT, 4, *keys, *own, 0)
        count = 1
        fields = [part for code, v in enumerate(values, kept.values) for part in (CODE.pack(code), pack(v))]
        size = kept.values + len(values)
        if change.filled is not None:
            size += self._fill(names, kept, change)
        for life, some in self._by_life(change.records.items()):
            recorded = [names.record + GROUP.pack(group) + key for (group, key), _ in some]
            pipe.eval(PUT, 4 + len(some), *keys, *recorded, *own, life, *(record for _, record in some))
            count += len(some)
        after = Kept(
            FORMAT, kept.generation, number, self._state_hash, change.meta.frontier, dict(change.meta.offsets),
            change.meta.pending_from, size,
        )  # fmt: skip
        lists: tuple[list[bytes], ...] = (
            [ids_field(*name) for name in ids[0]],
            [part for name, block in ids[1] for part in (ids_field(*name), block)],
            [CODE.pack(offset) for offset in pending[0]],
            [p for offset, (time, payload) in pending[1] for p in (CODE.pack(offset), TIME.pack(time) + payload)],
            [],
            fields,
        )  # fmt: skip
        pipe.eval(
            FINISH, 8, *keys, self._meta_key, names.ids, names.pending, names.values, *own, count, UNDO,
            pack(kept) if kept.commit else b"", pack(after),
            *chain.from_iterable((len(some), *some) for some in lists),
        )  # fmt: skip
        pipe.execute()
        self._last = after

    def _fill(self, names: Names, kept: Kept, change: Commit) -> int:
        """Write the records and values of a state that has none yet; how many values. Nobody reads it before the
        commit stands, and a half of it is never met again.
        """
        if kept.commit or change.filled is None:
            raise StateError(
                self._address.thing, "a new state to fill", f"one of {kept.commit} commits", "commit records in steps"
            )  # fmt: skip
        pipe = self._writes.pipeline(transaction=False)
        for group, key, record in change.filled.records():
            pipe.set(names.record + GROUP.pack(group) + key, record, px=self._life(group) or None)
            if len(pipe) >= FILL:
                pipe.execute()
        code = -1
        for code, value in enumerate(change.values_added):
            pipe.hset(names.values, CODE.pack(code), pack(value))
            if len(pipe) >= FILL:
                pipe.execute()
        pipe.execute()
        return code + 1

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


def discard(url: str) -> None:
    """Remove a state from its server, of whatever plan; nothing where there is none."""
    address = Address.of(url)
    client, prefix = address.client(address.patience), prefix_of(address.name)
    with address.trouble("a store that answers"):
        client.delete(prefix + b"m")
        for generation in client.smembers(prefix + b"g"):
            _remove(client, prefix, generation)
    client.close()


def _remove(client: Any, prefix: bytes, generation: bytes) -> None:
    """All keys of a generation that nobody reads any more."""
    plain = b"".join(b"\\" + bytes([c]) if c in b"*?[]\\^-" else bytes([c]) for c in prefix + generation)
    pipe = client.pipeline(transaction=False)
    for name in client.scan_iter(plain + b":*", count=10_000):
        pipe.unlink(name)
        if len(pipe) >= FILL:
            pipe.execute()
    pipe.srem(prefix + b"g", generation).execute()
