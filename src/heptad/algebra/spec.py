"""What an aggregation is: its name, its state's words and how they merge, its defaults, and its definition.

A state is a vector of int64 words, and every word merges by one of four monoids, so `merge` is written
once for all aggregations and all engines. An aggregation adds only how an event becomes words (`lift`)
and how words become a value (`finalize`), both in `kernels/NAME.py`, and the obvious definition of its
value (`define`), which the oracle uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, NamedTuple


class Merge(IntEnum):
    """How two words of the same place in two states become one."""

    ADD = 0  #: sum modulo 2**64; identity 0
    MIN = 1  #: identity 2**63 - 1
    MAX = 2  #: identity -2**63
    LATEST = 3  #: blocks of (time, tie, value), newest first; identity: time -2**63


IDENTITY: Final = {Merge.ADD: 0, Merge.MIN: 2**63 - 1, Merge.MAX: -(2**63), Merge.LATEST: -(2**63)}
ENTRY: Final = 3  #: words of one LATEST entry: time, tie, value
ABSENT: Final = -(2**63)  #: the time word of an empty LATEST entry


class Segment(NamedTuple):
    """A run of words that merge alike: ``size`` words, or for LATEST ``size`` entries of three."""

    merge: Merge
    size: int

    @property
    def words(self) -> int:
        return self.size * ENTRY if self.merge is Merge.LATEST else self.size


class Seen(NamedTuple):
    """One event as an aggregation's definition sees it; lists of these come ordered by (time, tie)."""

    time: int
    tie: int
    value: object


@dataclass(frozen=True)
class Params:
    """What distinguishes two uses of one aggregation: ``n`` of `last n`, decimal places kept by a sum."""

    n: int = 1
    decimals: int = 0


@dataclass(frozen=True)
class Aggregation:
    """One row of the table of aggregations.

    ``takes``: the kind of column it needs. ``returns``: 'number' is a float64 with NaN for null; 'value'
    one value of the column's type or null; 'values' a list of them, newest first. ``default``: the value
    of an empty window. ``define(events, t, params)`` is the value by definition; ``events`` holds the
    events of the window whose column is not null.
    """

    name: str
    takes: Literal["nothing", "number", "any"]
    returns: Literal["number", "value", "values"]
    default: object
    nulls: str
    bound: str
    segments: Callable[[Params], tuple[Segment, ...]]
    define: Callable[[Sequence[Seen], int, Params], object]

    def words(self, params: Params) -> int:
        """Words of one state, 8 bytes each."""
        return sum(segment.words for segment in self.segments(params))
