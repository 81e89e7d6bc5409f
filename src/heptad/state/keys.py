"""Keys of records and ids of events as bytes: msgpack, so that the int 1 and the text "1" differ.

A key is the msgpack of the tuple of its values (ints and texts), so its first byte says what it is. One
longer than `LIMIT` is replaced by the byte 0xC1, which msgpack never uses, and its BLAKE2b-256 hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError

LIMIT: Final = 500  #: bytes; a store adds a prefix of at most 11 and LMDB takes 511
_HASHED: Final = b"\xc1"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise StateError("a key", "ints and texts", type(value).__name__, "send the id as an int or a text")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


def encode(key: tuple[Any, ...]) -> bytes:
    """The bytes of one key.

    >>> encode((1,)) == encode(("1",)), len(encode(("x" * 1000,)))
    (False, 33)
    """
    return _fitted(_encode(key))


def encode_columns(columns: Sequence[NDArray[Any]]) -> list[bytes]:
    """The bytes of n keys given as one array (n,) per key column."""
    return encode_rows(zip(*[column.tolist() for column in columns], strict=True))


def encode_rows(rows: Iterable[tuple[Any, ...]]) -> list[bytes]:
    """The bytes of keys given as tuples."""
    keys = list(map(_encode, rows))
    if keys and max(map(len, keys)) > LIMIT:
        return list(map(_fitted, keys))
    return keys


def _fitted(key: bytes) -> bytes:
    return key if len(key) <= LIMIT else _HASHED + hashlib.blake2b(key, digest_size=32).digest()


def distinct(keys: Sequence[bytes]) -> tuple[list[bytes], NDArray[np.int64]]:
    """The different keys in order of appearance, and for each key which of them it is (n,)."""
    places: dict[bytes, int] = {}
    of = np.fromiter([places.setdefault(key, len(places)) for key in keys], np.int64, len(keys))
    return list(places), of
