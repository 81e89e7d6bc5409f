"""What the log keeps of a decision: all of what was shown, and of what was not, which items and a digest of the values.

A ranking looks at hundreds of candidates and shows twenty. The values of the others are some 80 KB; they come out again
from the event log and the model, and their digest tells whether to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import numba
import numpy as np
import xxhash

from heptad.models.base import Matrix, Vector
from heptad.serving.decision import Decision, Part

#: So many candidates may be shown nowhere before digests take less room than their values.
FEW: Final = 8

_OBJECTS: Final = msgspec.msgpack.Encoder().encode


def kept(decision: Decision) -> Decision:
    """The decision with values for the items shown alone, and digests of all; one of few candidates stays whole."""
    if len(decision.items) - len(decision.shown) <= FEW or decision.digests:
        return decision
    shown = decision.shown
    return replace(
        decision,
        items=_chosen(decision.items, shown),
        shown=list(range(len(shown))),
        scores=decision.scores[shown],
        p=decision.p[shown],
        sources={name: scores[shown] for name, scores in decision.sources.items()},
        numbers=decision.numbers[shown],
        categories={name: _chosen(values, shown) for name, values in decision.categories.items()},
        lists={name: _chosen(values, shown) for name, values in decision.lists.items()},
        proposed=decision.items,
        digests=digests(decision),
    )


def digests(decision: Decision) -> dict[Part, bytes]:
    """XXH3 (128 bits) of each column of a whole decision: its float64 little-endian, or its values as msgpack."""
    objects = (*decision.categories.values(), *decision.lists.values())
    of_p = _of_numbers(decision.p)
    found = [
        *map(_of_numbers, decision.sources.values()),
        *map(xxhash.xxh3_128_digest, _columns(decision.numbers)),
        *(xxhash.xxh3_128_digest(_OBJECTS(values)) for values in objects),
        of_p,
        of_p if decision.scores is decision.p else _of_numbers(decision.scores),
    ]
    return dict(zip(decision.parts, found, strict=True))


def unlike(logged: Decision, again: Decision) -> Mapping[Part, tuple[str, str]]:
    """The columns of which a whole decision has other bits than were logged, with both digests."""
    theirs = digests(again)
    return {
        part: (digest.hex(), theirs[part].hex())
        for part, digest in logged.digests.items()
        if part in theirs and theirs[part] != digest
    }


def _of_numbers(values: Vector) -> bytes:
    return xxhash.xxh3_128_digest(next(_columns(values[:, None])))


def _columns(matrix: Matrix) -> Iterator[memoryview]:
    """Each column's bytes; NaN is one value, whatever its bits."""
    columns = np.array(matrix.T, np.float64, order="C")
    _one_nan(columns.reshape(-1))
    return map(memoryview, columns.astype("<f8", copy=False))


@numba.njit(cache=True, nogil=True)
def _one_nan(values):  # type: ignore[no-untyped-def]
    """Give every NaN the same bits."""
    for i in range(len(values)):
        values[i] = values[i] if values[i] == values[i] else np.nan


def _chosen(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [values[place] for place in places]
