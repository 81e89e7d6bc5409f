"""The Store protocol: one writer commits atomically, many readers see consistent snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from heptad.errors import StateError


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


class Records(Protocol):
    """Records to be written, as often as it takes."""

    def records(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(group, key bytes, record bytes), ascending."""
        ...


@dataclass(frozen=True)
class Commit:
    """One atomic change: all of it is visible and durable, or none. What is dropped is dropped first.

    ``records``: (group, key bytes) -> record bytes. ``ids_added``: (stream, number) -> a block of remembered ids
    (`state.ids`); ``ids_dropped`` are forgotten. ``pending_added``: offset -> (event time, payload);
    ``pending_dropped``: offsets now applied. ``values_added``: dictionary values in the order of their codes.
    ``filled``: the records of a state that has none yet, too many to hold; ``values_added`` may grow while they are
    written, so they come first.
    """

    meta: Meta
    records: Mapping[tuple[int, bytes], bytes] = field(default_factory=dict)
    ids_added: Mapping[tuple[str, int], bytes] = field(default_factory=dict)
    ids_dropped: Sequence[tuple[str, int]] = ()
    pending_added: Mapping[int, tuple[int, bytes]] = field(default_factory=dict)
    pending_dropped: Sequence[int] = ()
    values_added: Sequence[Any] = ()
    filled: Records | None = None


@dataclass(frozen=True)
class Saved:
    """What the writer needs to go on after a restart: all remembered ids, pending events and values."""

    meta: Meta
    ids: Mapping[tuple[str, int], bytes]
    pending: Mapping[int, tuple[int, bytes]]
    values: Sequence[Any]


#: A record by its group and key.
Named = tuple[int, bytes]
#: Of the newest commits, so many are remembered by the names of their records, where these are not too many.
RECENT, FEW = 64, 1_000

#: Keys of one group whose records are asked for.
Asked = tuple[int, Sequence[bytes]]


class Snapshot(Protocol):
    """A state as of one commit; use it as a context manager and do not keep it open."""

    @property
    def meta(self) -> Meta: ...
    @property
    def generation(self) -> bytes:
        """Changes where a state was lost and begun anew, which a server may do under its readers."""
        ...

    @property
    def number(self) -> int:
        """The number of the commit it is of: commits of one generation count up from 1."""
        ...

    def changed(self, since: int) -> Iterable[Named] | None:
        """The records that the commits after number ``since`` and up to its own wrote; None where they are not known
        any more, or too many. A record may come more than once."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether records are as they were last read, because the store does not answer (`state.remembered`)."""
        ...

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The record of each key of a group, None where there is none."""
        ...

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        """`records` of several groups, fetched together."""
        ...

    def values(self, codes: Sequence[int]) -> list[Any]:
        """Dictionary values of codes."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


class Store(Protocol):
    """Where tile states live. Exactly one process commits; any thread may read."""

    def snapshot(self) -> Snapshot: ...
    def commit(self, change: Commit) -> None:
        """Apply a change, atomically. Raises StateError where its meta does not follow the store's."""
        ...

    def saved(self) -> Saved: ...
    def close(self) -> None: ...


def check_follows(before: Meta, after: Meta) -> None:
    """Raise StateError where ``after`` is another plan's, or covers less than ``before``."""
    if after.state_hash != before.state_hash:
        raise other_plan("the commit", before.state_hash, after.state_hash)
    back = [p for p, offset in before.offsets.items() if after.offsets.get(p, 0) < offset]
    if back:
        raise StateError(
            f"the commit's offset of partition {back[0]}", f"at least {before.offsets[back[0]]}",
            after.offsets.get(back[0]), "commit in log order, from one process",
        )  # fmt: skip
    if before.frontier is not None and (after.frontier is None or after.frontier < before.frontier):
        raise StateError(
            "the commit's frontier", f"at least {before.frontier}", after.frontier,
            "commit in log order, from one process",
        )  # fmt: skip


def check_forward(covered: Mapping[int, int], meta: Meta) -> None:
    """Raise StateError where a state covers less than ``covered``, which was read before: it was lost."""
    for partition, offset in covered.items():
        if meta.offsets.get(partition, 0) < offset:
            raise StateError(
                "the state", f"one of at least {offset} records of partition {partition}",
                f"one of {meta.offsets.get(partition, 0)}", "wait: it was lost, and is being rebuilt from the log",
            )  # fmt: skip


class OtherPlan(StateError):
    """A state that another plan made, or another version of heptad."""


def other_plan(thing: str, expected: str, got: str) -> OtherPlan:
    """The error of a state that another plan made."""
    return OtherPlan(
        thing, f"a state of the plan's state hash {expected}", got,
        "delete the state and let it be rebuilt from the log, or run the plan that made it",
    )  # fmt: skip
