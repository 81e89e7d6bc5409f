"""What the records of tallies share: values in pages, words as little-endian int64, keys that begin alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.state.absorb import Known
from heptad.state.keys import encode

GROUP: Final = 0xFFFF  #: where the records of all tallies lie
PAGE: Final = 128  #: values of a page: its counts are 1 KiB
_WORD: Final = np.dtype("<i8")

Ints = NDArray[np.int64]


class Keys:
    """The keys of a tally's records, which all begin with ``of``."""

    def __init__(self, *of: str | int) -> None:
        self._of = of
        self.head = encode(of)

    def of(self, *part: str | int) -> bytes:
        """The key of a part."""
        return encode((*self._of, *part))

    def values(self, page: int) -> bytes:
        """The key of a page's values."""
        return self.of(page, "values")


def packed(words: Ints) -> bytes:
    """The bytes of a record of words."""
    return words.astype(_WORD).tobytes()


def unpacked(raw: bytes | None) -> Ints:
    """The words of a record; none where there is none."""
    return np.frombuffer(raw or b"", _WORD).astype(np.int64, copy=False)


def read_words(known: Known, keys: Sequence[bytes]) -> list[Ints]:
    """The words of each record."""
    return [unpacked(raw) for raw in known(GROUP, keys)] if keys else []


def read_values(known: Known, keys: Keys, pages: Collection[int]) -> Iterator[Any]:
    """The values of these pages."""
    for raw in known(GROUP, [keys.values(page) for page in pages]) if pages else ():
        yield from msgspec.msgpack.decode(raw or b"\x90")


def fresh_values(keys: Keys, values: Collection[Any], known: int) -> dict[tuple[int, bytes], bytes]:
    """The records of the pages that values behind the first ``known`` lie in; ``values`` in the order they were met."""
    if len(values) == known:
        return {}
    pages = range(known // PAGE, pages_of(len(values)))
    parts = ((page, islice(values, page * PAGE, (page + 1) * PAGE)) for page in pages)
    return {(GROUP, keys.values(page)): msgspec.msgpack.encode(list(part)) for page, part in parts}


def values_after(known: Known, keys: Keys, before: Sequence[Any], n: int) -> Sequence[Any]:
    """The first ``n`` values, of which those ``before`` were read already."""
    if n > len(before):
        whole = len(before) // PAGE
        before = [*before[: whole * PAGE], *read_values(known, keys, range(whole, pages_of(n)))]
    return before[:n] if n < len(before) else before


def pages_of(n: int) -> int:
    """How many pages hold n values."""
    return -(-n // PAGE)


def longer(array: Ints, n: int) -> Ints:
    """With zeros behind, up to n."""
    return np.concatenate([array, np.zeros(n - len(array), np.int64)]) if n > len(array) else array
