"""Vectors as a row holds them: the bytes of float32 values, little-endian, first place first."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

WIDTH: Final = 4  #: bytes of one place


def packed(value: Any, size: int) -> bytes:
    """A list of ``size`` numbers, or bytes that hold as many; numbers are rounded to float32, -0.0 is 0.0.

    Raises ValueError where a place is missing, NaN or beyond float32.

    >>> packed([1, 0.5], 2).hex(), packed(packed([1, 0.5], 2), 2) == packed([1, 0.5], 2)
    ('0000803f0000003f', True)
    """
    if isinstance(value, bytes):
        if len(value) != WIDTH * size:
            raise ValueError(f"{len(value) / WIDTH:g} numbers")
        value = unpacked(value)
    elif not isinstance(value, (list, tuple)):
        raise ValueError(type(value).__name__)
    if len(value) != size:
        raise ValueError(f"{len(value)} numbers")
    for place, number in enumerate(value):
        if isinstance(number, bool) or not isinstance(number, (int, float)) or number != number:
            raise ValueError(f"{number!r} at place {place}")
    form = f"<{size}f"
    try:
        rounded = struct.unpack(form, struct.pack(form, *value))
    except (OverflowError, struct.error):
        raise ValueError("a number beyond float32") from None
    if not all(map(math.isfinite, rounded)):
        raise ValueError("an infinite number")
    return struct.pack(form, *(number + 0.0 for number in rounded))


def unpacked(held: bytes) -> tuple[float, ...]:
    """The numbers of packed bytes, as floats."""
    return struct.unpack(f"<{len(held) // WIDTH}f", held)
