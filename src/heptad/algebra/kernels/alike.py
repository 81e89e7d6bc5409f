"""Which rows of int64 words are alike: the first of each kind in order of appearance, and each row's kind."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def distinct_rows(words: Ints) -> tuple[Ints, Ints]:
    """(first, of) of words (n, k): row ``first[of[i]]`` is the first that equals row i.

    >>> [part.tolist() for part in distinct_rows(np.array([[7, 1], [5, 1], [7, 1]]))]
    [[0, 1], [0, 1, 0]]
    """
    first, of = _distinct(np.ascontiguousarray(words))
    return first, of


@numba.njit(cache=True, nogil=True)
def mixed(word):  # type: ignore[no-untyped-def]
    """The finalizer of SplitMix64: spreads a word's bits over all of them."""
    h = np.uint64(word)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _distinct(words):  # type: ignore[no-untyped-def]
    n, k = words.shape
    size = 16
    while size < 2 * n:
        size *= 2
    table = np.full(size, -1, np.int64)
    mask = np.uint64(size - 1)
    first, of = np.empty(n, np.int64), np.empty(n, np.int64)
    count = 0
    for i in range(n):
        h = np.uint64(0x9E3779B97F4A7C15)
        for j in range(k):
            h = mixed(h ^ np.uint64(words[i, j]))
        at = h & mask
        while True:
            kind = table[at]
            if kind < 0:
                table[at] = count
                first[count] = i
                of[i] = count
                count += 1
                break
            same = True
            for j in range(k):
                if words[first[kind], j] != words[i, j]:
                    same = False
                    break
            if same:
                of[i] = kind
                break
            at = (at + np.uint64(1)) & mask
    return first[:count].copy(), of
