"""Records of tables that were read before: a table's rows change seldom, and then all of them are read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from heptad.state.store import Snapshot

#: Records kept; at more the cache begins anew.
MOST: Final = 500_000


class TableRecords:
    """What `Snapshot.records` gives for groups of tables, asked of the store once per change of any table.

    Snapshots of one generation with as many table rows (``Meta.tables``) share records. Threads may ask at once.
    """

    def __init__(self) -> None:
        self._held: tuple[tuple[bytes, int], dict[int, dict[bytes, bytes | None]]] = (b"", 0), {}

    def records(self, snapshot: Snapshot, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The record of each key, as of the snapshot."""
        name = snapshot.generation, snapshot.meta.tables
        if snapshot.meta.tables == 0:  # none, or not counted
            return snapshot.records(group, keys)
        held, groups = self._held
        if held != name or sum(map(len, groups.values())) > MOST:
            groups = {}
            self._held = name, groups
        known = groups.setdefault(group, {})
        try:
            return list(map(known.__getitem__, keys))
        except KeyError:
            lacking = [key for key in keys if key not in known]
        found = dict(zip(lacking, snapshot.records(group, lacking), strict=True))
        if not snapshot.degraded:
            known |= found
            return list(map(known.__getitem__, keys))
        return [known[key] if key in known else found[key] for key in keys]
