"""The audit: served feature values recomputed by the oracle from the raw log, and compared bit for bit.

The kernels that served do not judge themselves: nothing here but the plan's definitions and the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.oracle.oracle import Oracle


class Served(NamedTuple):
    """One read as it was logged: the knowledge (t, o), the request's columns and the values, (n,) each."""

    name: str
    t: int
    o: int
    request: Mapping[str, Sequence[Any]]
    values: Mapping[str, NDArray[Any] | Sequence[Any]]


@dataclass(frozen=True)
class Mismatch:
    """A served value that the oracle does not give."""

    served_as: str
    row: int
    column: str
    served: object
    recomputed: object


@dataclass
class Audit:
    """``compared`` values: ``equal`` or ``mismatches``.

    ``late`` of the equal ones would be different today: events that arrived after the read changed them.
    That is lateness skew, not a fault of the system.
    """

    compared: int = 0
    equal: int = 0
    late: int = 0
    wrong: list[Mismatch] = field(default_factory=list)

    @property
    def mismatches(self) -> int:
        return len(self.wrong)


def audit(oracle: Oracle, end: int, served: Sequence[Served], *, values: int, seed: int = 0) -> Audit:
    """Compare at least ``values`` values of rows drawn at random (all rows where there are fewer).

    ``oracle`` knows the log up to offset ``end``, which is what "today" means for `Audit.late`.
    """
    rows = [(which, row) for which, read in enumerate(served) for row in range(_length(read))]
    order = np.random.default_rng(seed).permutation(len(rows))
    out = Audit()
    for place in order.tolist():
        if out.compared >= values:
            break
        which, row = rows[place]
        _compare(oracle, served[which], row, end, out)
    return out


def rows_asked(read: Served) -> list[dict[str, Any]]:
    """The request of each row, as the oracle reads it."""
    return [
        {name: _plain(column[row]) for name, column in read.request.items()} for row in range(_length(read))
    ]


def _compare(oracle: Oracle, read: Served, row: int, end: int, out: Audit) -> None:
    request = {name: _plain(column[row]) for name, column in read.request.items()}
    known = oracle.read(request, read.t, read.o)
    happened = oracle.read(request, read.t, end) if read.o < end else known
    for name, column in read.values.items():
        value = _plain(column[row])
        out.compared += 1
        if not same_bits(value, known[name]):
            out.wrong.append(Mismatch(read.name, row, name, value, known[name]))
            continue
        out.equal += 1
        out.late += not same_bits(known[name], happened[name])


def same_bits(one: object, other: object) -> bool:
    """Equal to the last bit; NaN equals NaN, and a list equals a tuple of the same items."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_bits, one, other))
    if isinstance(one, float) and isinstance(other, float):
        bits = (np.float64(value).view(np.int64) for value in (one, other))
        return (one != one and other != other) or next(bits) == next(bits)
    return type(one) is type(other) and one == other


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _length(read: Served) -> int:
    return min((len(column) for column in read.values.values()), default=0)
