"""Rows dealt into chunks of neighbouring keys, each small enough to stay in a core's cache while it is worked on.

Keys are codes 0..n-1. Codes are gathered in buckets of a power of two, and neighbouring buckets in chunks, until
a chunk is full; a key is never split. Within a chunk rows stay in their order, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.offline.engines.threads import Crew

Longs = NDArray[np.int64]
_BUCKETS = 1 << 13


class Chunks(NamedTuple):
    """``first`` (chunks + 1,): the codes of chunk c are first[c] up to first[c + 1]; ``of`` a code >> shift: its chunk."""

    shift: int
    of: Longs
    first: Longs


class Dealt(NamedTuple):
    """``to`` (n,): the place of every row, -1 where it has none; chunk c has places starts[c]:starts[c + 1].

    ``whole``: all is one chunk, in which every row, even one of code -1, lies where it lay.
    """

    to: Longs
    starts: Longs
    whole: bool = False

    def move(self, values: NDArray[Any], crew: Crew) -> NDArray[Any]:
        """The values in their places."""
        if self.whole:
            return values
        out = np.empty((int(self.starts[-1]), *values.shape[1:]), values.dtype)
        held = np.ascontiguousarray(values)
        crew.each(_move, [(held, self.to, low, high, out) for low, high in crew.parts(len(held))])
        return out


def deal(codes: Sequence[Longs], n: int, size: int, crew: Crew) -> tuple[Chunks, list[Dealt]]:
    """Chunks of about ``size`` rows, all of ``codes`` counted; and where the rows of each go. Code -1: nowhere."""
    if sum(map(len, codes)) <= size:
        whole = [Dealt(np.arange(len(one)), np.array([0, len(one)]), True) for one in codes]
        return Chunks(0, np.zeros(n, np.int64), np.array([0, n])), whole
    shift = max(0, int(n - 1).bit_length() - (_BUCKETS.bit_length() - 1))
    buckets = (max(n, 1) - 1 >> shift) + 1
    parts = [crew.parts(len(one)) for one in codes]
    counts = [
        np.stack(crew.each(_count, [(one, low, high, shift, buckets) for low, high in ranges]))
        for one, ranges in zip(codes, parts, strict=True)
    ]
    of = _packed(np.sum([count.sum(axis=0) for count in counts], axis=0), size)
    chunks = int(of[-1]) + 1
    first = np.minimum(np.searchsorted(of, np.arange(chunks + 1)) << shift, n)
    return Chunks(shift, of, first), [
        _dealt(one, ranges, count, shift, of, chunks, crew)
        for one, ranges, count in zip(codes, parts, counts, strict=True)
    ]


def _dealt(
    codes: Longs, parts: list[tuple[int, int]], counts: Longs, shift: int, of: Longs, chunks: int, crew: Crew
) -> Dealt:
    by_chunk = np.zeros((len(parts), chunks), np.int64)
    for part, count in enumerate(counts):
        np.add.at(by_chunk[part], of, count)
    starts = np.zeros(chunks + 1, np.int64)
    np.cumsum(by_chunk.sum(axis=0), out=starts[1:])
    begins = starts[:-1] + np.cumsum(by_chunk, axis=0) - by_chunk  # of each part in each chunk
    to = np.empty(len(codes), np.int64)
    crew.each(
        _places, [(codes, low, high, shift, of, begins[p].copy(), to) for p, (low, high) in enumerate(parts)]
    )
    return Dealt(to, starts)


@numba.njit(cache=True, nogil=True)
def _count(codes, low, high, shift, buckets):  # type: ignore[no-untyped-def]
    counts = np.zeros(buckets, np.int64)
    for i in range(low, high):
        if codes[i] >= 0:
            counts[codes[i] >> shift] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def _packed(counts, size):  # type: ignore[no-untyped-def]
    """The chunk of each bucket: a new one begins where the rows of the last would pass ``size``."""
    of = np.zeros(len(counts), np.int64)
    chunk = full = 0
    for bucket in range(len(counts)):
        if full > 0 and full + counts[bucket] > size:
            chunk, full = chunk + 1, 0
        full += counts[bucket]
        of[bucket] = chunk
    return of


@numba.njit(cache=True, nogil=True)
def _places(codes, low, high, shift, of, free, to):  # type: ignore[no-untyped-def]
    for i in range(low, high):
        if codes[i] < 0:
            to[i] = -1
            continue
        chunk = of[codes[i] >> shift]
        to[i] = free[chunk]
        free[chunk] += 1


@numba.njit(cache=True, nogil=True)
def _move(values, to, low, high, out):  # type: ignore[no-untyped-def]
    for i in range(low, high):
        if to[i] >= 0:
            out[to[i]] = values[i]
