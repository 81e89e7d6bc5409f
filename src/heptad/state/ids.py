"""Remembered ids as bytes: blocks of rows, so that a commit writes one value for all ids it has met.

A block is n rows of four little-endian int64 words: the id (two words, see `words_of`), its event's time, its
event's fingerprint. Golden vectors: ``tests/unit/state/test_state_ids.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.plan.batch import Column

Ints = NDArray[np.int64]

WORDS: Final = 4
_WORD: Final = np.dtype("<i8")
#: Ids of a block that later ones may still join.
JOINING: Final = 4096


def words_of(column: Column) -> Ints:
    """A column of ids as words (n, 2): an int is itself and 0; a text the first 16 bytes of its msgpack's BLAKE2b,
    the lowest bit of the second word set. Two texts share their words with a chance of 2**-127.
    """
    words = np.zeros((len(column.valid), 2), np.int64)
    if column.values.dtype != object:
        words[:, 0] = column.values
        return words
    distinct, which = column.factors()
    pairs = np.array([_pair(value) for value in distinct.tolist()], np.int64).reshape(-1, 2)
    return pairs[which] if len(pairs) else words


def _pair(value: Any) -> tuple[int, int]:
    if type(value) is int:
        return value, 0
    digest = hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=16).digest()
    first, second = np.frombuffer(digest, _WORD).tolist()
    return first, second | 1


def unpacked(block: bytes) -> Ints:
    """The rows (n, 4) of a block."""
    if len(block) % (8 * WORDS):
        raise StateError(
            "a block of remembered ids", "rows of 32 bytes", f"{len(block)} bytes",
            "delete the state and let it be rebuilt from the log",
        )  # fmt: skip
    return np.frombuffer(block, _WORD).astype(np.int64).reshape(-1, WORDS)


class Blocks:
    """The remembered ids of each stream as a store holds them, oldest block first.

    A new block takes in the last one while that is no larger and both are small: so blocks stay few where
    every commit brings one id, and an id is written a few times at most.
    """

    def __init__(self, saved: Mapping[tuple[str, int], bytes]) -> None:
        self._of: dict[str, dict[int, Ints]] = {}
        for (stream, number), block in sorted(saved.items()):
            self._of.setdefault(stream, {})[number] = unpacked(block)
        self._next = 1 + max((number for _, number in saved), default=-1)

    def rows(self, stream: str) -> Ints:
        """All rows of a stream."""
        return np.concatenate([np.empty((0, WORDS), np.int64), *self._of.get(stream, {}).values()])

    def change(
        self, added: Mapping[str, Ints], oldest: Mapping[str, int]
    ) -> tuple[dict[tuple[str, int], bytes], list[tuple[str, int]]]:
        """(blocks to write, blocks to drop) where ``added`` rows come in and those before ``oldest`` are forgotten."""
        written: dict[tuple[str, int], bytes] = {}
        dropped: list[tuple[str, int]] = []
        for stream, blocks in self._of.items():
            for number in [n for n, rows in blocks.items() if rows[:, 2].max() < oldest[stream]]:
                del blocks[number]
                dropped.append((stream, number))
        for stream, fresh in added.items():
            blocks = self._of.setdefault(stream, {})
            rows = fresh[fresh[:, 2] >= oldest[stream]]
            while len(rows) and blocks:
                number, last = next(reversed(blocks.items()))
                if len(last) > len(rows) or len(last) + len(rows) > JOINING:
                    break
                rows = np.concatenate([last[last[:, 2] >= oldest[stream]], rows])
                del blocks[number]
                dropped.append((stream, number))
            if len(rows):
                blocks[self._next] = rows
                written[stream, self._next] = rows.astype(_WORD, copy=False).tobytes()
                self._next += 1
        return written, dropped
