"""Words that were merged before: most records of a request are those of the request before, and few have changed.

What is held is true of one commit. A snapshot of a later one says which records were written since, and those are
forgotten; where it cannot say, all are. So a read gives the same words with this as without (decision record 38).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from heptad.state.layout import Ints
from heptad.state.store import Named, Snapshot

#: Bytes of words held for one query, unless said otherwise.
MOST: Final = 64 << 20
_FIRST: Final = 1_024  #: rows to begin with


_Commit = tuple[bytes, int]  #: generation and number
_NONE: Final = object()


class Found(NamedTuple):
    """What is held of the keys asked: rows (k, words), and the places of those that are not known, whose rows are
    to be filled in."""

    words: Ints
    lacking: list[int]


class Reading(Protocol):
    """What reads records as rows of words: a `state.read.Query`, or the facts of a table.

    ``blank`` (words,): the row of no record. ``place(t)``: of one record, reads in one place have the same row.
    """

    @property
    def blank(self) -> Ints: ...
    def place(self, t: int) -> bytes: ...


class _Held:
    """Rows of one query at one place of time."""

    def __init__(self, query: Reading, most: int) -> None:
        self.query = query
        self._most = most // (8 * len(query.blank))  #: rows
        self.begin(b"")

    def begin(self, place: bytes) -> None:
        self.place = place
        self.rows: dict[Any, int] = {}
        self.named: dict[bytes, Any] = {}  #: what ``rows`` calls the key of these bytes
        self.words = np.empty((_FIRST, len(self.query.blank)), np.int64)
        self.used = 0  #: rows that were given out

    def put(self, values: Sequence[Any], keys: Sequence[bytes], words: Ints) -> None:
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
        self.rows.update(zip(values, range(self.used, until), strict=True))
        self.named.update(zip(keys, values, strict=True))
        self.used = until


class Merged:
    """Merged words by query and key, for snapshots of one store; any number of threads may ask.

    Keys come as the values that rows hold, which are quicker to look up than their bytes.
    ``most``: bytes of words held for one query; with one more it begins anew.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of: _Commit | None = None  #: which it holds for
        self._held: dict[int, _Held] = {}  #: by the identity of a query, which `_Held` keeps
        self._groups: dict[int, list[_Held]] = {}

    def known(self, snapshot: Snapshot, group: int, query: Reading, values: Sequence[Any], t: int) -> Found:
        """The words of records as a read of the snapshot at ``t`` finds them, as far as they are held."""
        place, since = query.place(t), self._of
        now = snapshot.generation, snapshot.number
        changed = None
        if since is not None and since != now and since[0] == now[0] and since[1] < now[1]:
            changed = snapshot.changed(since[1])  # without the lock: a server may be slow
        with self._lock:
            if self._forward(since, now, changed):
                held = self._of_query(group, query)
                if held.place != place:
                    held.begin(place)
                rows = np.fromiter(map(held.rows.get, values, repeat(-1)), np.int64, len(values))
                return Found(held.words[rows], np.flatnonzero(rows < 0).tolist())
        return Found(np.empty((len(values), len(query.blank)), np.int64), list(range(len(values))))

    def keep(
        self,
        snapshot: Snapshot,
        query: Reading,
        values: Sequence[Any],
        keys: Sequence[bytes],
        words: Ints,
        t: int,
    ) -> None:
        """Hold what was read of the snapshot at ``t``; nothing where it is not of the moment any more."""
        if snapshot.degraded:
            return
        place = query.place(t)
        with self._lock:
            held = self._held.get(id(query))
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
                    held.rows.pop(value, None)
        self._of = now
        return True

    def _of_query(self, group: int, query: Reading) -> _Held:
        found = self._held.get(id(query))
        if found is None:
            found = self._held[id(query)] = _Held(query, self._most)
            self._groups.setdefault(group, []).append(found)
        return found
