"""States in this process's memory: lost with it, and then rebuilt from the log."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any, Self

from heptad.state.store import FEW, RECENT, Asked, Commit, Meta, Named, Saved, check_follows

_Records = dict[tuple[int, bytes], bytes]


class MemoryStore:
    """A store whose snapshots are copies made on write: a commit hands every open snapshot what it replaces.

    So taking a snapshot costs nothing, reading costs one look-up, and a commit costs its own size times the
    snapshots that are open. Closing keeps the states: they live as long as this object does.
    """

    def __init__(self, state_hash: str) -> None:
        self._meta = Meta(state_hash)
        self._records: _Records = {}
        self._values: list[Any] = []  # only ever appended to
        self._ids: dict[tuple[str, int], bytes] = {}
        self._pending: dict[int, tuple[int, bytes]] = {}
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[MemorySnapshot] = weakref.WeakSet()
        self._number = 0
        self._changed: dict[int, list[Named] | None] = {}  #: of the newest commits, what they wrote

    def snapshot(self) -> MemorySnapshot:
        with self._lock:
            snapshot = MemorySnapshot(
                self._meta, self._number, self._changed, self._records, self._values, self._lock, self._open
            )
            self._open.add(snapshot)
            return snapshot

    def commit(self, change: Commit) -> None:
        check_follows(self._meta, change.meta)
        records = dict(change.records)
        if change.filled is not None:
            records |= {(group, key): record for group, key, record in change.filled.records()}
        values = list(change.values_added)
        forgotten, ids = list(change.ids_dropped), dict(change.ids_added)
        applied, pending = list(change.pending_dropped), dict(change.pending_added)
        with self._lock:  # nothing below can fail
            for snapshot in self._open:
                snapshot.keep(records)
            self._records.update(records)
            self._values.extend(values)
            for id_ in forgotten:
                self._ids.pop(id_, None)
            self._ids.update(ids)
            for offset in applied:
                self._pending.pop(offset, None)
            self._pending.update(pending)
            self._meta = change.meta
            self._number += 1
            self._changed.pop(self._number - RECENT, None)
            self._changed[self._number] = list(records) if len(records) <= FEW else None

    def saved(self) -> Saved:
        with self._lock:
            return Saved(self._meta, dict(self._ids), dict(self._pending), list(self._values))

    def close(self) -> None:
        """Nothing to release."""


class MemorySnapshot:
    """The store as of one commit: the live records, under those that later commits replaced."""

    degraded, generation = False, b""

    def __init__(
        self,
        meta: Meta,
        number: int,
        changed: dict[int, list[Named] | None],
        live: _Records,
        values: list[Any],
        lock: threading.Lock,
        opened: weakref.WeakSet[MemorySnapshot],
    ) -> None:
        self._meta, self._live, self._values, self._lock, self._opened = meta, live, values, lock, opened
        self.number, self._changed = number, changed
        self._kept: dict[tuple[int, bytes], bytes | None] = {}

    @property
    def meta(self) -> Meta:
        return self._meta

    def changed(self, since: int) -> list[Named] | None:
        out: list[Named] = []
        for number in range(since + 1, self.number + 1):
            names = self._changed.get(number)
            if names is None:
                return None
            out += names
        return out

    def keep(self, replaced: _Records) -> None:
        """Remember what the records that are about to be replaced hold; the store's lock is held."""
        for key in replaced:
            if key not in self._kept:
                self._kept[key] = self._live.get(key)

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        with self._lock:
            live, kept = self._live, self._kept
            if not kept:
                return [live.get((group, key)) for key in keys]
            return [kept[group, key] if (group, key) in kept else live.get((group, key)) for key in keys]

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        return [self.records(group, keys) for group, keys in asked]

    def values(self, codes: Sequence[int]) -> list[Any]:
        return list(map(self._values.__getitem__, codes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._opened.discard(self)
