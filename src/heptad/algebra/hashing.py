"""A stable 64-bit hash of a value, as the definitions use it: the same in every process, engine and year."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

_ALL: Final = 2**64 - 1


def mix(word: int) -> int:
    """The output function of SplitMix64 (Steele, Lea and Flood 2014): every bit in moves every bit out."""
    word = (word + 0x9E3779B97F4A7C15) & _ALL
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _ALL
    return word ^ (word >> 31)


def hash_text(text: str) -> int:
    """The first 8 bytes of BLAKE2b over the text's UTF-8, little-endian; 0 to 2**64 - 1."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def hash_value(value: object) -> int:
    """The hash of a text, a whole number, true or false, or a float, as a number from 0 to 2**64 - 1.

    >>> hash_value(1) == hash_value(True), hash_value(1) == hash_value("1"), hash_value(0.0) == hash_value(-0.0)
    (True, False, True)
    """
    if isinstance(value, str):
        return hash_text(value)
    if isinstance(value, float):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value + 0.0))
        return mix(bits)
    return mix(int(value) & _ALL)  # type: ignore[call-overload]
