"""How the keys and values of a state in Redis are named and packed; `redis` says what they hold."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec

from heptad.state.store import Meta

FORMAT: Final = 1
GROUP, CODE, TIME = Struct(">H"), Struct(">Q"), Struct("<q")
pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.decode


class Kept(msgspec.Struct, frozen=True):
    """What the meta key holds."""

    format: int
    generation: bytes
    commit: int
    state_hash: str
    frontier: int | None
    offsets: dict[int, int]
    pending_from: int | None
    values: int

    def meta(self) -> Meta:
        return Meta(self.state_hash, self.frontier, self.offsets, self.pending_from)


unpack_kept = msgspec.msgpack.Decoder(Kept, strict=False).decode


def prefix_of(name: str) -> bytes:
    """What all keys of a state begin with: the braces put them into one slot of a cluster."""
    return b"h:{" + name.encode() + b"}:"


class Names(NamedTuple):
    """The keys of one generation."""

    owner: bytes
    commit: bytes
    begun: bytes
    ids: bytes
    pending: bytes
    values: bytes
    record: bytes
    undo: bytes

    @classmethod
    def of(cls, prefix: bytes, generation: bytes) -> Names:
        inside = prefix + generation + b":"
        return cls(*(inside + letter for letter in (b"w", b"c", b"x", b"i", b"p", b"v", b"r", b"u")))

    def undone(self, commit: int) -> bytes:
        """What a commit replaced."""
        return self.undo + b"%d" % commit


def ids_field(stream: str, number: int) -> bytes:
    """The field of a block of ids."""
    return CODE.pack(number) + stream.encode()


def ids_named(field: bytes) -> tuple[str, int]:
    """The stream and the number of a block of ids."""
    return field[CODE.size :].decode(), CODE.unpack_from(field)[0]


def value_of(packed: bytes) -> Any:
    """A dictionary value; lists of texts are tuples, as `plan.coding` gives them."""
    value = _unpack(packed)
    return tuple(value) if isinstance(value, list) else value
