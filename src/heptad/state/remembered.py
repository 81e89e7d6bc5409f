"""The reading side of a store at a server: what was read is remembered, and answers while the server cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

from heptad.errors import StateError
from heptad.state.breaker import Breaker
from heptad.state.store import Asked, Commit, Meta, Named, Saved, Snapshot, Store, check_forward

#: Records of one generation; two generations are remembered, about 100 MB at a kilobyte each.
GENERATION: Final = 50_000

_Records = dict[tuple[int, bytes], bytes | None]


class _Newest(NamedTuple):
    """What the server said last."""

    meta: Meta
    generation: bytes
    number: int


class Remembered:
    """A store whose snapshots fail only before the first that did not.

    Where the server does not answer, or has lost what it held, a snapshot is of what it last said: the newest
    meta that was read, the records as they were last read, and none (the defaults) for keys that nobody has read.
    Such a snapshot says that it is ``degraded``. A circuit breaker keeps the waiting for a dead server short.
    """

    def __init__(self, store: Store, breaker: Breaker | None = None) -> None:
        self._store = store
        self.breaker = Breaker() if breaker is None else breaker
        self.failure: StateError | None = None  #: of the last look at the server
        self._newest: _Newest | None = None
        self._young: _Records = {}
        self._old: _Records = {}
        self._values: dict[int, Any] = {}
        self._lost = False  #: the server began anew: nothing from before holds once it has caught up

    def snapshot(self) -> RememberedSnapshot:
        live: Snapshot | None = None
        if self.breaker.allows():
            try:
                live = self._store.snapshot()
                self._check(live.meta)
                self._newest = _Newest(live.meta, live.generation, live.number)
                if self._lost:
                    self._young, self._old, self._values, self._lost = {}, {}, {}, False
            except StateError as error:
                live = None
                self.failed(error)
        newest = self._newest if live is None else _Newest(live.meta, live.generation, live.number)
        if newest is None:
            raise self.failure or StateError("the store", "an answer", "none yet", "look at the server")
        return RememberedSnapshot(self, live, newest)

    def commit(self, change: Commit) -> None:
        self._store.commit(change)

    def saved(self) -> Saved:
        return self._store.saved()

    def close(self) -> None:
        self._store.close()

    def remember(self, asked: Sequence[Asked], found: Sequence[Sequence[bytes | None]]) -> None:
        """Keep what was read; the least recently read is forgotten."""
        if len(self._young) > GENERATION:
            self._old, self._young = self._young, {}
        young = self._young
        for (group, keys), records in zip(asked, found, strict=True):
            young.update(zip(((group, key) for key in keys), records, strict=True))
        self.failure = None
        self.breaker.succeeded()

    def recalled(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        """The records as they were last read."""
        young, old = self._young, self._old
        return [[young.get((group, key), old.get((group, key))) for key in keys] for group, keys in asked]

    def remember_values(self, codes: Sequence[int], values: Sequence[Any]) -> None:
        """Keep dictionary values that were read."""
        self._values.update(zip(codes, values, strict=True))

    def recalled_values(self, codes: Sequence[int]) -> list[Any]:
        """Dictionary values that were read before. Raises StateError for others."""
        try:
            return list(map(self._values.__getitem__, codes))
        except KeyError as error:
            raise StateError(
                "the dictionary of the states", "a server that answers", f"none, and code {error} was never read",
                "look at the server",
            ) from None  # fmt: skip

    def failed(self, error: StateError) -> None:
        """The server did not answer, or not with what it held."""
        self.failure = error
        self.breaker.failed()

    def _check(self, meta: Meta) -> None:
        """A server that covers less than it did has lost its state, and is being filled again."""
        if self._newest is not None:
            try:
                check_forward(self._newest.meta.offsets, meta)
            except StateError:
                self._lost = True
                raise


class RememberedSnapshot:
    """A snapshot of the server, or of what is remembered of it: from the first failure on, the latter."""

    def __init__(self, store: Remembered, live: Snapshot | None, newest: _Newest) -> None:
        self._store, self._live = store, live
        self.meta, self.generation, self.number = newest

    def changed(self, since: int) -> Iterable[Named] | None:
        if self._live is not None:
            try:
                return self._live.changed(since)
            except StateError as error:
                self._live = None
                self._store.failed(error)
        return None

    @property
    def degraded(self) -> bool:
        return self._live is None

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.many([(group, keys)])[0]

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        if self._live is not None:
            try:
                found = self._live.many(asked)
                self._store.remember(asked, found)
                return found
            except StateError as error:
                self._live = None
                self._store.failed(error)
        return self._store.recalled(asked)

    def values(self, codes: Sequence[int]) -> list[Any]:
        if self._live is not None:
            try:
                found = self._live.values(codes)
                self._store.remember_values(codes, found)
                return found
            except StateError as error:
                self._live = None
                self._store.failed(error)
        return self._store.recalled_values(codes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.__exit__(*error)
