"""Rows that were made before: most records of a request are those of the request before, and few have changed.

What is held is true of one commit. A snapshot of a later one says which records were written since, and those are
forgotten; where it cannot say, all are. So a read gives the same with this as without (decision records 38, 41).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from heptad.online.index import Index, Keys, index_of
from heptad.state.layout import Ints
from heptad.state.store import Named, Snapshot

#: Bytes of words held for one query, unless said otherwise.
MOST: Final = 64 << 20
_FIRST: Final = 1_024  #: rows to begin with


_Commit = tuple[bytes, int]  #: generation and number
_NONE: Final = object()


class Asked(NamedTuple):
    """Rows asked for: those of a query of a group, of the records of these keys."""

    group: int
    query: Reading
    values: Keys


class Found(NamedTuple):
    """What is held of the k keys asked: key i has row ``rows[i]`` of ``words``. ``lacking`` are the places of those that
    are not known, which `with_those` brings. What is held is never written again, so it is not copied."""

    words: Ints
    rows: Ints
    lacking: list[int]

    def with_those(self, fresh: Ints) -> Found:
        """The same with the rows that were lacking."""
        words = self.taken()
        words[self.lacking] = fresh
        return Found(words, np.arange(len(words)), [])

    def taken(self) -> Ints:
        """(k, words): the row of each key; of those that are lacking, anything."""
        return self.words.take(self.rows, axis=0, mode="clip")


class Reading(Protocol):
    """What reads records as rows of words: the windows of a group, or the facts of a table.

    ``blank`` (words,): the row of no record. ``place(t)``: of one record, reads in one place have the same row.
    """

    @property
    def blank(self) -> Ints: ...
    def place(self, t: int) -> bytes: ...


class _Held:
    """Rows of one query at one place of time, by keys like these."""

    def __init__(self, query: Reading, keys: Keys, most: int) -> None:
        self.query = query
        self._keys = keys[:0]
        self._most = most // (8 * len(query.blank))  #: rows
        self.begin(b"")

    def begin(self, place: bytes) -> None:
        self.place = place
        self.index: Index = index_of(self._keys)
        self.named: dict[bytes, Any] = {}  #: what the index calls the key of these bytes
        self.words = np.empty((_FIRST, len(self.query.blank)), np.int64)
        self.used = 0  #: rows that were given out

    def put(self, values: Keys, keys: Sequence[bytes], words: Ints) -> None:
        """Hold one more row for each key; nothing where there are too many."""
        if len(keys) > self._most:
            return
        if self.used + len(keys) > self._most:
            self.begin(self.place)
        until = self.used + len(keys)
        if until > len(self.words):
            more = np.empty((max(until, 2 * len(self.words)), words.shape[1]), np.int64)
            more[: self.used] = self.words[: self.used]
            self.words = more
        self.words[self.used : until] = words
        self.index.add(values, self.used)
        self.named.update(zip(keys, values, strict=True))
        self.used = until


class Merged:
    """Rows by query and key, for snapshots of one store; any number of threads may ask.

    Keys come as the values that rows hold, which are quicker to look up than their bytes.
    ``most``: bytes of words held for one query; with one more it begins anew.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of: _Commit | None = None  #: which it holds for
        #: by the identity of a query, which `_Held` keeps, and the type of keys
        self._held: dict[tuple[int, type], _Held] = {}
        self._groups: dict[int, list[_Held]] = {}

    def known(self, snapshot: Snapshot, asked: Sequence[Asked], t: int) -> list[Found]:
        """The rows of records as a read of the snapshot at ``t`` finds them, as far as they are held."""
        since = self._of
        now = snapshot.generation, snapshot.number
        changed = None
        if since is not None and since != now and since[0] == now[0] and since[1] < now[1]:
            changed = snapshot.changed(since[1])  # without the lock: a server may be slow
        with self._lock:
            if self._forward(since, now, changed):
                return [self._found(*one, t) for one in asked]
        return [
            Found(
                np.empty((1, len(query.blank)), np.int64), np.full(len(values), -1), list(range(len(values)))
            )
            for _, query, values in asked
        ]

    def _found(self, group: int, query: Reading, values: Keys, t: int) -> Found:
        held, place = self._of_query(group, query, values), query.place(t)
        if held.place != place:
            held.begin(place)
        rows = held.index.find(values)
        return Found(held.words, rows, (rows < 0).nonzero()[0].tolist())

    def keep(
        self,
        snapshot: Snapshot,
        query: Reading,
        values: Keys,
        keys: Sequence[bytes],
        words: Ints,
        t: int,
    ) -> None:
        """Hold what was read of the snapshot at ``t``; nothing where it is not of the moment any more."""
        if snapshot.degraded:
            return
        place = query.place(t)
        with self._lock:
            held = self._held.get((id(query), type(values)))
            if (
                held is not None
                and held.place == place
                and self._of == (snapshot.generation, snapshot.number)
            ):
                held.put(values, keys, words)

    def _forward(self, since: _Commit | None, now: _Commit, changed: Iterable[Named] | None) -> bool:
        """Bring what is held to commit ``now``, before which others ``changed`` records after ``since``; whether it is
        there. A snapshot of an earlier commit goes without, and so does one that another thread has overtaken.
        """
        if self._of == now:
            return True
        if self._of != since or (since is not None and since[0] == now[0] and since[1] > now[1]):
            return False
        if changed is None:
            self._held, self._groups = {}, {}
        else:
            for group, key in changed:
                for held in self._groups.get(group, ()):
                    value = held.named.pop(key, _NONE)
                    if value is not _NONE:
                        held.index.forget(value)
        self._of = now
        return True

    def _of_query(self, group: int, query: Reading, keys: Keys) -> _Held:
        name = id(query), type(keys)
        found = self._held.get(name)
        if found is None:
            found = self._held[name] = _Held(query, keys, self._most)
            self._groups.setdefault(group, []).append(found)
        return found
