"""HyperLogLog by its definition: 2**p registers, and how many different values they speak of.

Flajolet, Fusy, Gandouet and Meunier 2007; the estimator is the improved raw one of O. Ertl, "New cardinality
estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6. It needs no table of biases and
no change of method between small and large counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

BITS: Final = 64  #: of a hash
TWO_LN_2: Final = 2.0 * math.log(2.0)


def register(hashed: int, p: int) -> tuple[int, int]:
    """(which register, its value from 1 to 65 - p) of a 64-bit hash: the top p bits, and the zeros that follow."""
    rest = hashed & ((1 << (BITS - p)) - 1)
    return hashed >> (BITS - p), BITS - p - rest.bit_length() + 1


def registers(hashes: Iterable[int], p: int) -> list[int]:
    """The 2**p registers of these hashes."""
    held = [0] * (1 << p)
    for hashed in hashes:
        place, value = register(hashed, p)
        held[place] = max(held[place], value)
    return held


def tally(held: Sequence[int], p: int) -> list[int]:
    """How many registers hold 0, 1, ..., 65 - p."""
    counts = [0] * (BITS - p + 2)
    for value in held:
        counts[value] += 1
    return counts


@cache
def sigma(x: float) -> float:
    """x + the sum over k >= 1 of x**(2**k) * 2**(k - 1); infinite at 1."""
    if x == 1.0:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z, y = z + x * y, y + y
    return z


@cache
def tau(x: float) -> float:
    """A third of 1 - x less the sum over k >= 1 of (1 - x**(2**-k))**2 * 2**-k; 0 at 0 and 1."""
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1.0 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, y * 0.5
        z = z - (1.0 - x) * (1.0 - x) * y
    return z / 3.0


def estimate(counts: Sequence[int], p: int) -> float:
    """How many different values: a whole number. ``counts`` as `tally` makes them."""
    m, top = float(1 << p), BITS - p + 1
    z = m * tau(1.0 - counts[top] / m)
    for k in range(top - 1, 0, -1):
        z = 0.5 * (z + counts[k])
    z += m * sigma(counts[0] / m)
    return float(round(m * m / TWO_LN_2 / z))
