"""Numbers rounded to a few significant bits, inside a range: the buckets of a quantile, by definition and as codes."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from functools import cache

from heptad.algebra.spec import Params


def rounded(value: float, params: Params) -> float:
    """The value the bucket of ``value`` stands for.

    Values below ``low`` and above ``high`` count as these; the magnitude is then rounded to ``bits``
    significant bits, half up; what is then nearer to zero than ``unit`` (rounded alike) is zero.

    >>> within = Params(low=0.0, high=1000.0, unit=1.0, bits=4)
    >>> [rounded(v, within) for v in (-3.0, 0.4, 1.0, 15.0, 100.0, 5000.0)]
    [0.0, 0.0, 1.0, 15.0, 104.0, 1024.0]
    """
    value = min(max(value, params.low), params.high)
    magnitude = shortened(abs(value), params.bits)
    return 0.0 if magnitude < shortened(params.unit, params.bits) else math.copysign(magnitude, value)


def shortened(magnitude: float, bits: int) -> float:
    """The nearest number of so many significant bits, half up."""
    mantissa, exponent = math.frexp(magnitude)
    return math.ldexp(math.floor(Fraction(mantissa) * 2**bits + Fraction(1, 2)), exponent - bits)


def index(magnitude: float, bits: int) -> int:
    """Where `shortened` stands among all such numbers: its IEEE 754 bits without those that are zero."""
    (word,) = struct.unpack("<q", struct.pack("<d", shortened(magnitude, bits)))
    return int(word >> (53 - bits))


@cache
def span(params: Params) -> tuple[int, int, int]:
    """(first, last, zero): codes of ``low`` and ``high``, and the index that the code 1 less one has.

    The code of a rounded value is 0 for zero, else its sign times how many places it stands from there.
    """
    zero = index(params.unit, params.bits) - 1

    def code(value: float) -> int:
        place = index(abs(value), params.bits) - zero
        return 0 if place <= 0 else (place if value > 0 else -place)

    return code(params.low), code(params.high), zero
