"""What an aggregation is: its name, its state's words and how they merge, its defaults, and its definition.

A state is a vector of int64 words, and every word merges by one of six monoids, so `merge` is written
once for all aggregations and all engines. An aggregation adds only how an event becomes words (`lift`)
and how words become a value (`finalize`), both in `kernels/NAME.py`, and the obvious definition of its
value (`define`), which the oracle uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Final, Literal, NamedTuple


class Merge(IntEnum):
    """How two words of the same place in two states become one."""

    ADD = 0  #: sum modulo 2**64; identity 0
    MIN = 1  #: identity 2**63 - 1
    MAX = 2  #: identity -2**63
    LATEST = 3  #: blocks of (time, tie, value), newest first; identity: time -2**63
    EARLIEST = 4  #: the same, oldest first
    MAX_BYTES = 5  #: eight numbers of 0..127 in a word, each merged by its greatest; identity 0


IDENTITY: Final = {
    Merge.ADD: 0,
    Merge.MIN: 2**63 - 1,
    Merge.MAX: -(2**63),
    Merge.LATEST: -(2**63),
    Merge.EARLIEST: -(2**63),
    Merge.MAX_BYTES: 0,
}
ENTRIES: Final = frozenset({Merge.LATEST, Merge.EARLIEST})  #: merges of entries rather than of words
ENTRY: Final = 3  #: words of one entry: time, tie, value
ABSENT: Final = -(2**63)  #: the time word of an empty entry


class Segment(NamedTuple):
    """A run of words that merge alike: ``size`` words, or for LATEST and EARLIEST ``size`` entries of three."""

    merge: Merge
    size: int

    @property
    def words(self) -> int:
        return self.size * ENTRY if self.merge in ENTRIES else self.size


class Seen(NamedTuple):
    """One event as an aggregation's definition sees it; lists of these come ordered by (time, tie)."""

    time: int
    tie: int
    value: object


@dataclass(frozen=True)
class Params:
    """What distinguishes two uses of one aggregation. A use sets what its aggregation's ``options`` name.

    Its repr is part of the hash of states, so it says only what differs from the neutral defaults (and the
    first two): a field that is added later leaves the states of other aggregations as they are.
    """

    n: int = 1  #: how many values `last` and `first` keep
    decimals: int = 0  #: decimal places kept in fixed point
    precision: int = 0  #: log2 of the registers of `distinct`
    vocabulary: tuple[int | str | bool, ...] = ()  #: the values that `histogram` and `top_k` tell apart
    k: int = 1  #: how many values `top_k` returns
    q: int = 0  #: which quantile, in millionths
    low: float = 0.0  #: a quantile's values below count as this one
    high: float = 0.0  #: a quantile's values above count as this one
    unit: float = 0.0  #: a quantile's values nearer to zero count as zero
    bits: int = 0  #: significant bits that a quantile keeps of a value

    def __repr__(self) -> str:
        own = [
            f.name for f in fields(self) if f.name in ("n", "decimals") or getattr(self, f.name) != f.default
        ]
        return f"Params({', '.join(f'{name}={getattr(self, name)!r}' for name in own)})"


@dataclass(frozen=True)
class Aggregation:
    """One row of the table of aggregations.

    ``takes``: the kind of column it needs; 'discrete' is any scalar but a float. ``returns``: 'number' is a
    float64 with NaN for null; 'numbers' a vector of such; 'value' one value of the column's type or null;
    'values' a list of them; 'choices' a list of values of the vocabulary. ``default``: the value of an empty
    window. ``define(events, t, params)`` is the value by definition; ``events`` holds the events of the window
    whose column is not null, ordered by (time, tie).

    ``options``: the parameters it has, by the names of `declare.options`. ``at_read``: the fields of `Params`
    that change a value but no state, so that uses which differ in them only share one. ``sees``: what a kernel
    gets for a value: itself (a number, or a code of an id or text), a hash of it, or its place in the
    vocabulary (its length for every other value). ``lists``: whether it takes a list column, whose every
    distinct element counts. ``sparse``: whether an event changes one word only, so that the kernel has `touch`.
    ``size``: how many 'numbers' there are. ``state_of``: the aggregation whose state it reads, where it has none of
    its own: a mean is read from the words of the sum, so that both together take the bytes of one. ``guarded``:
    whether the last word of its state says no more than whether the others can be trusted; where its kernel's
    ``settled(words)`` says that they can, of whatever of these events, an engine need not merge it for a value.
    """

    name: str
    takes: Literal["nothing", "number", "any", "discrete"]
    returns: Literal["number", "numbers", "value", "values", "choices"]
    default: object
    nulls: str
    bound: str
    segments: Callable[[Params], tuple[Segment, ...]]
    define: Callable[[Sequence[Seen], int, Params], object]
    options: tuple[str, ...] = ()
    at_read: tuple[str, ...] = ()
    sees: Literal["values", "hashes", "places"] = "values"
    lists: bool = False
    sparse: bool = False
    size: Callable[[Params], int] = lambda params: 0
    state_of: str = ""
    guarded: bool = False

    def words(self, params: Params) -> int:
        """Words of one state, 8 bytes each."""
        return sum(segment.words for segment in self.segments(params))

    def said(self, params: Params) -> list[str]:
        """The parameters that its state has, as a reader of a plan wants them: ``n=5``."""
        kept = self.state(params)
        texts = {
            "n": f"n={kept.n}",
            "precision": f"precision={kept.precision}",
            "vocabulary": f"of {len(kept.vocabulary)} values",
            "low": f"from {kept.low:g} to {kept.high:g}",
            "error": f"to {kept.bits} bits",
        }
        return [texts[option] for option in self.options if option in texts]

    def state(self, params: Params) -> Params:
        """The parameters as far as the state knows them."""
        neutral = {f.name: f.default for f in fields(Params) if f.name in self.at_read}
        return replace(params, **neutral)  # type: ignore[arg-type]
