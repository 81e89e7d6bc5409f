"""The Store protocol: one writer commits atomically, many readers see consistent snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self


@dataclass(frozen=True)
class Meta:
    """What a committed state covers.

    ``frontier`` F is the highest applied event time (None before the first). ``offsets`` maps partition to
    the next offset to apply: every record before it is applied, pending or refused. ``pending_from`` is the
    least event time still pending (None for none): a read's t must not pass it. ``state_hash`` is the
    plan's, and a state of another plan is refused.
    """

    state_hash: str
    frontier: int | None = None
    offsets: Mapping[int, int] = field(default_factory=lambda: {0: 0})
    pending_from: int | None = None


@dataclass(frozen=True)
class Commit:
    """One atomic change: all of it is visible and durable, or none.

    ``records``: (group, key bytes) -> record bytes. ``ids_added``: (stream, id bytes) -> (event time,
    fingerprint); ``ids_dropped`` are forgotten. ``pending_added``: offset -> (event time, payload);
    ``pending_dropped``: offsets now applied. ``values_added``: dictionary values in the order of their codes.
    """

    meta: Meta
    records: Mapping[tuple[int, bytes], bytes] = field(default_factory=dict)
    ids_added: Mapping[tuple[str, bytes], tuple[int, int]] = field(default_factory=dict)
    ids_dropped: Sequence[tuple[str, bytes]] = ()
    pending_added: Mapping[int, tuple[int, bytes]] = field(default_factory=dict)
    pending_dropped: Sequence[int] = ()
    values_added: Sequence[Any] = ()


@dataclass(frozen=True)
class Saved:
    """What the writer needs to go on after a restart: all remembered ids, pending events and values."""

    meta: Meta
    ids: Mapping[tuple[str, bytes], tuple[int, int]]
    pending: Mapping[int, tuple[int, bytes]]
    values: Sequence[Any]


class Snapshot(Protocol):
    """A state as of one commit; use it as a context manager and do not keep it open."""

    @property
    def meta(self) -> Meta: ...
    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]: ...
    def values(self, codes: Sequence[int]) -> list[Any]:
        """Dictionary values of codes."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


class Store(Protocol):
    """Where tile states live. Exactly one process commits."""

    def snapshot(self) -> Snapshot: ...
    def commit(self, change: Commit) -> None: ...
    def saved(self) -> Saved: ...
    def close(self) -> None: ...
