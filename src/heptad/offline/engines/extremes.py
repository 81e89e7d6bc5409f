"""The greatest or least word of many windows: short ones are looked through, long ones put together of few parts.

Events lie in blocks of 32. ``ahead[i]`` is the greatest from the start of i's block to i, ``behind[i]`` from i to
its end, and level l of ``blocks`` holds the greatest of 2**l blocks from each on: a long window is the end of its
first block, the start of its last, and two runs of whole blocks between them, which may overlap.
"""

from __future__ import annotations

import numba
import numpy as np

from heptad.algebra.spec import IDENTITY, Merge

_BLOCK = 32
_NOTHING = IDENTITY[Merge.MAX]
_LEAST = IDENTITY[Merge.MIN]


@numba.njit(cache=True, nogil=True)
def extremes(words, column, greatest, low, high, firsts, places, out, at):  # type: ignore[no-untyped-def]
    """Write to ``out[w, :, at]`` the greatest (else least) word of the windows low[w], high[w]: (windows, reads).

    But for the holes of each read, ``places[firsts[w, j]:firsts[w, j + 1]]``, descending; no ``firsts``, no holes.
    """
    flip = np.int64(0) if greatest else np.int64(-1)  # ~x turns the order round, exactly
    values = np.empty(len(words), np.int64)
    for i in range(len(words)):
        values[i] = words[i, column] ^ flip
    longest = np.int64(0)
    for w in range(low.shape[0]):
        for j in range(low.shape[1]):
            longest = max(longest, high[w, j] - low[w, j])
    ahead, behind, blocks = _parts(values, longest)
    for w in range(low.shape[0]):
        for j in range(low.shape[1]):
            most, head = np.int64(_NOTHING), high[w, j]
            if len(firsts):
                for k in range(firsts[w, j], firsts[w, j + 1]):
                    if low[w, j] <= places[k] < head:
                        most = max(most, _between(values, ahead, behind, blocks, places[k] + 1, head))
                        head = places[k]
            out[w, j, at] = max(most, _between(values, ahead, behind, blocks, low[w, j], head)) ^ flip


@numba.njit(cache=True, nogil=True)
def _between(values, ahead, behind, blocks, a, b):  # type: ignore[no-untyped-def]
    """The greatest of values[a:b]."""
    most = np.int64(_NOTHING)
    if b - a <= _BLOCK:
        for i in range(a, b):
            most = max(most, values[i])
        return most
    most = max(behind[a], ahead[b - 1])
    first, last = a // _BLOCK + 1, (b - 1) // _BLOCK
    if first < last:
        level = 0
        while 2 << level <= last - first:
            level += 1
        most = max(most, blocks[level, first], blocks[level, last - (1 << level)])
    return most


@numba.njit(cache=True, nogil=True)
def _parts(values, longest):  # type: ignore[no-untyped-def]
    """(ahead, behind, blocks) as far as windows of up to ``longest`` events need them."""
    n = len(values) if longest > _BLOCK else 0
    count = (n + _BLOCK - 1) // _BLOCK
    levels = 1
    while 1 << levels <= longest // _BLOCK:
        levels += 1
    ahead, behind = np.empty(n, np.int64), np.empty(n, np.int64)
    blocks = np.empty((levels, count), np.int64)
    for block in range(count):
        start, end = block * _BLOCK, min((block + 1) * _BLOCK, n)
        most = np.int64(_NOTHING)
        for i in range(start, end):
            most = max(most, values[i])
            ahead[i] = most
        blocks[0, block] = most
        most = np.int64(_NOTHING)
        for i in range(end - 1, start - 1, -1):
            most = max(most, values[i])
            behind[i] = most
    for level in range(1, levels):
        half = 1 << (level - 1)
        for block in range(count - (1 << level) + 1):
            blocks[level, block] = max(blocks[level - 1, block], blocks[level - 1, block + half])
    return ahead, behind, blocks
