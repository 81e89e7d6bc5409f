"""Rows of a searched table that clients post and delete, in the order of their log: on disk before they are acknowledged.

A record is a msgpack array ``[1, table, fingerprint, key, picture, facts]``; picture and facts are null where the
row is deleted. The fingerprint is that of the table's columns: of a class that changed no record is misread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from heptad.errors import StateError
from heptad.plan.nodes import StreamPlan
from heptad.streams.log import Log
from heptad.streams.payload import schema_fingerprint

Key = int | str

FORMAT: Final = 1
_AT_ONCE: Final = 100  #: records read at a time: each may hold a picture of 10 MB


class Change(NamedTuple):
    """A row as it is from now on; deleted where ``picture`` is None."""

    key: Key
    picture: bytes | None
    facts: Mapping[str, Any] | None


class ChangeLog:
    """One writer; what is read was acknowledged, or was whole on disk when the log was opened."""

    def __init__(self, log: Log, table: StreamPlan) -> None:
        self._log, self._table = log, table
        self._head = (FORMAT, table.name, schema_fingerprint(table))

    @property
    def end(self) -> int:
        """The offset that the next change gets."""
        return self._log.end

    @property
    def failed(self) -> bool:
        """Whether the disk has refused: nothing is appended until `reopen`."""
        return self._log.failed

    def append(self, changes: Sequence[Change], now: int) -> range:
        """Their offsets, once they are on disk, all or none. StateError where the disk refuses."""
        return self._log.append([msgspec.msgpack.encode((*self._head, *change)) for change in changes], now)

    def read(self, start: int) -> Iterator[Change]:
        """The changes from this offset on. StateError for one that is of another table, or of another form of it."""
        end = self._log.end
        for low in range(start, end, _AT_ONCE):
            for offset, _, payload in self._log.read(low, min(end, low + _AT_ONCE)):
                yield self._decoded(offset, payload)

    def reopen(self) -> None:
        """Open the log again, once the disk is mended; what was acknowledged is there."""
        self._log = self._log.reopened()

    def close(self) -> None:
        self._log.close()

    def _decoded(self, offset: int, payload: bytes) -> Change:
        try:
            *head, key, picture, facts = msgspec.msgpack.decode(payload)
        except (msgspec.DecodeError, TypeError, ValueError):
            head = []
        if tuple(head) != self._head:
            raise StateError(
                f"record {offset} of log {self._log.path}", f"a row of {self._table.name} with the columns it has now",
                "another record", "begin anew with --fresh, or name another directory with --state",
            )  # fmt: skip
        return Change(key, picture, facts)
