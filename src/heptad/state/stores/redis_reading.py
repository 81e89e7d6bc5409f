"""Reads of a state in Redis as of one commit, while later ones are made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, Self

from heptad.errors import StateError
from heptad.state.store import FEW, RECENT, Asked, Meta, Named, OtherPlan, other_plan
from heptad.state.stores.redis_address import Address
from heptad.state.stores.redis_names import CODE, FORMAT, GROUP, Kept, Names, prefix_of, unpack_kept, value_of
from heptad.state.stores.redis_scripts import NAMES

UNDO: Final = 1_000  #: milliseconds for which a snapshot can be read while others are committed


class Reading:
    """One client's view of a state; any number of threads may use it."""

    def __init__(self, address: Address, client: Any, state_hash: str) -> None:
        self._address, self._client, self._state_hash = address, client, state_hash
        self._prefix = prefix_of(address.name)
        self._meta = self._prefix + b"m"
        self._decoded: dict[
            bytes, dict[int, Any]
        ] = {}  # of a generation: dictionary values never change there

    def kept(self) -> Kept | None:
        """The committed state, None where there is none; OtherPlan for another plan's."""
        with self._address.trouble("a store that answers"):
            found = self._client.get(self._meta)
        if found is None:
            return None
        kept = unpack_kept(found)
        if kept.format != FORMAT:
            raise OtherPlan(
                self._address.thing, f"format {FORMAT}", kept.format,
                "delete the state and let it be rebuilt from the log",
            )  # fmt: skip
        if kept.state_hash != self._state_hash:
            raise other_plan(self._address.thing, self._state_hash, kept.state_hash)
        return kept

    def snapshot(self) -> RedisSnapshot:
        kept = self.kept()
        if kept is None:
            return RedisSnapshot(self, Meta(self._state_hash), None, None)
        return RedisSnapshot(self, kept.meta(), kept, Names.of(self._prefix, kept.generation))

    def read(self, commit: int, names: Names, wanted: Sequence[bytes]) -> list[bytes | None]:
        """Records by their whole names, as of a commit."""
        with self._address.trouble("a store that answers"):
            found: list[bytes | None]
            last, begun, *found = self._client.execute_command("MGET", names.commit, names.begun, *wanted)
            if last is None or int(last) < commit:
                raise StateError(
                    self._address.thing, f"the state of commit {commit}", "an older one, or none: it was lost",
                    "nothing: the process that commits rebuilds it from the log",
                )  # fmt: skip
            if int(begun) > commit:
                self._overlay(found, commit, int(begun), names, wanted)
        return found

    def _overlay(
        self, found: list[bytes | None], commit: int, begun: int, names: Names, wanted: Sequence[bytes]
    ) -> None:
        """Put back into ``found`` what the commits after ``commit`` have replaced, the newest first."""
        pipe = self._client.pipeline(transaction=False)
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

    def changed(self, names: Names, since: int, until: int) -> list[Named] | None:
        """The records that commits after ``since`` and up to ``until`` wrote: what they replaced names them."""
        if since == 0 or since + RECENT < until:  # the first commit may have filled the state
            return None
        undone = [names.undone(number) for number in range(since + 1, until + 1)]
        with self._address.trouble("a store that answers"):
            found = self._client.eval(NAMES, len(undone), *undone, FEW)
        if found is None:
            return None
        at = len(names.record)
        return [
            (GROUP.unpack_from(name, at)[0], name[at + GROUP.size :])
            for fields in found
            for name in fields
            if name
        ]

    def decoded(self, generation: bytes) -> dict[int, Any]:
        """The dictionary values of a generation that this process has met."""
        return self._decoded.setdefault(generation, {})

    def values(self, names: Names, codes: Sequence[int]) -> list[Any]:
        """Dictionary values of codes, read."""
        with self._address.trouble("a store that answers"):
            return [
                value_of(value) for value in self._client.hmget(names.values, [CODE.pack(c) for c in codes])
            ]


class RedisSnapshot:
    """The store as of one commit; it can be read for `UNDO` after the next commit."""

    degraded = False

    def __init__(self, reading: Reading, meta: Meta, kept: Kept | None, names: Names | None) -> None:
        self._reading, self._meta, self._kept, self._names = reading, meta, kept, names

    @property
    def meta(self) -> Meta:
        return self._meta

    @property
    def generation(self) -> bytes:
        return b"" if self._kept is None else self._kept.generation

    @property
    def number(self) -> int:
        return 0 if self._kept is None else self._kept.commit

    def changed(self, since: int) -> list[Named] | None:
        if self._kept is None or self._names is None:
            return []
        return self._reading.changed(self._names, since, self._kept.commit)

    def records(self, group: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.many([(group, keys)])[0]

    def many(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        kept, names = self._kept, self._names
        if kept is None or names is None:
            return [[None] * len(keys) for _, keys in asked]
        wanted: list[bytes] = []
        for group, keys in asked:
            prefix = names.record + GROUP.pack(group)
            wanted += [prefix + key for key in keys]
        found = iter(self._reading.read(kept.commit, names, wanted))
        return [list(islice(found, len(keys))) for _, keys in asked]

    def values(self, codes: Sequence[int]) -> list[Any]:
        if self._kept is None or self._names is None:
            return []
        decoded = self._reading.decoded(self._kept.generation)
        try:
            return list(map(decoded.__getitem__, codes))
        except KeyError:
            lacking = [code for code in dict.fromkeys(codes) if code not in decoded]
            decoded |= zip(lacking, self._reading.values(self._names, lacking), strict=True)
        return list(map(decoded.__getitem__, codes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held at the server."""


def _ids_field(stream: str, number: int) -> bytes:
    return CODE.pack(number) + stream.encode()


def _ids_named(field: bytes) -> tuple[str, int]:
    return field[CODE.size :].decode(), CODE.unpack_from(field)[0]
