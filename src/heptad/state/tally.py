"""How many events each value of a column has had, kept beside the states: popularity, as of the very commit.

The records of a tally lie in the group `GROUP`, under keys that begin with its stream and column::

    (stream, column)                    little-endian int64: the epoch, drawn where a tally begins; how many values
                                        there are; then the version of each page
    (stream, column, page, "values")    msgpack: the page's values, in the order in which they were first met
    (stream, column, page, "counts")    little-endian int64: their counts

A page is rewritten when one of its counts changes. Values met early are those met often, so few pages change.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.plan.nodes import TallyPlan
from heptad.state.absorb import Known
from heptad.state.keys import encode

GROUP: Final = 0xFFFF
PAGE: Final = 128  #: values of a page: its counts are 1 KiB
_WORD: Final = np.dtype("<i8")

Ints = NDArray[np.int64]
_NOTHING: Final = np.zeros(2, np.int64)  #: the head of no tally


class Tally:
    """The writer's side: knows all counts, and what each commit must write."""

    def __init__(self, plan: TallyPlan, known: Known) -> None:
        self._keys = _Keys(plan)
        head = _head(self._keys, known)
        self._epoch, pages = int(head[0]) or secrets.randbits(62) + 1, range(len(head) - 2)
        self._places = {value: place for place, value in enumerate(_values(self._keys, known, pages))}
        parts = [part for _, part in _counts(self._keys, known, pages)]
        self._counts, self._versions = np.concatenate([_NOTHING[2:], *parts]), head[2:].copy()

    def add(self, values: Iterable[Any]) -> dict[tuple[int, bytes], bytes]:
        """Count these values; the records that change."""
        ids, keys, known = self._places, self._keys, len(self._places)
        places = np.array([ids.setdefault(value, len(ids)) for value in values], np.int64)
        if not len(places):
            return {}
        self._counts = _longer(self._counts, len(ids))
        np.add.at(self._counts, places, 1)
        self._versions = _longer(self._versions, -(-len(ids) // PAGE))
        changed = np.unique(places // PAGE)
        self._versions[changed] += 1
        head = np.concatenate([[self._epoch, len(ids)], self._versions])
        out = {(GROUP, keys.head): head.astype(_WORD).tobytes()}
        for page in changed.tolist():
            part = self._counts[page * PAGE : (page + 1) * PAGE]
            out[GROUP, keys.counts(page)] = part.astype(_WORD).tobytes()
        for page in range(known // PAGE, len(self._versions)) if len(ids) > known else ():
            values_of_page = islice(ids, page * PAGE, (page + 1) * PAGE)
            out[GROUP, keys.values(page)] = msgspec.msgpack.encode(list(values_of_page))
        return out


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts (n,) of ``values`` as of one commit. Of one ``epoch``, a value keeps its place."""

    epoch: int
    values: Sequence[Any]
    counts: NDArray[np.float64]


class TallyReader:
    """A reader's side: what was read before is read again only where it changed. Any number of threads may ask."""

    def __init__(self, plan: TallyPlan) -> None:
        self._keys = _Keys(plan)
        self._last = _NOTHING, Counts(0, [], np.zeros(0))

    @property
    def newest(self) -> Counts:
        """As of the read that came last: what is known without asking the store."""
        return self._last[1]

    def at(self, known: Known) -> Counts:
        """The counts as of a snapshot, given its `records`."""
        head, (before, last) = _head(self._keys, known), self._last
        if np.array_equal(head, before):
            return last
        if head[0] != before[0]:
            before, last = head[:2] * 0, Counts(int(head[0]), [], np.zeros(0))
        n, versions = int(head[1]), head[2:]
        old = np.zeros_like(versions)
        old[: len(before) - 2] = before[2 : len(head)]
        counts, values = np.zeros(n), last.values
        counts[: len(last.counts)] = last.counts[:n]
        for page, part in _counts(self._keys, known, np.flatnonzero(versions != old).tolist()):
            counts[page * PAGE : page * PAGE + len(part)] = part
        if n > len(values):
            whole = len(values) // PAGE
            values = [*values[: whole * PAGE], *_values(self._keys, known, range(whole, len(versions)))]
        found = Counts(last.epoch, values[:n] if n < len(values) else values, counts)
        self._last = head, found
        return found


class _Keys:
    """The keys of a tally's records."""

    def __init__(self, plan: TallyPlan) -> None:
        self._of = plan.stream, plan.column
        self.head = encode(self._of)

    def values(self, page: int) -> bytes:
        return encode((*self._of, page, "values"))

    def counts(self, page: int) -> bytes:
        return encode((*self._of, page, "counts"))


def _head(keys: _Keys, known: Known) -> Ints:
    raw = known(GROUP, [keys.head])[0]
    return np.frombuffer(raw, _WORD).astype(np.int64, copy=False) if raw else _NOTHING


def _counts(keys: _Keys, known: Known, pages: Sequence[int]) -> Iterator[tuple[int, Ints]]:
    for page, raw in zip(pages, known(GROUP, [keys.counts(page) for page in pages]), strict=True):
        yield page, np.frombuffer(raw or b"", _WORD)


def _values(keys: _Keys, known: Known, pages: Sequence[int]) -> Iterator[Any]:
    for raw in known(GROUP, [keys.values(page) for page in pages]):
        yield from msgspec.msgpack.decode(raw or b"\x90")


def _longer(array: Ints, n: int) -> Ints:
    return np.concatenate([array, np.zeros(n - len(array), np.int64)]) if n > len(array) else array
