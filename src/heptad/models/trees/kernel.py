"""A few hundred rows down every tree at once: a set of rows is a bitmap, a test splits it by two ANDs.

Rows are taken 512 at a time. First every distinct test of the forest is answered for all of them: one bitmap per
test, eight rows with one comparison; where 64 rows hold one value, as in a user's columns, one does for all. For a
categorical column, a code's bits by test are turned into a test's bits by row, 64 × 64 at a time. Then each tree is
gone through node by node, without a branch: the rows that reach a node, AND the test, are those of its left child. The
leaf of every row comes from the bitmaps of the leaves, transposed. Sums are added in float64, tree after tree, as
LightGBM adds them.

It is QuickScorer (Lucchese et al., SIGIR 2015) with the roles of rows and leaves changed: there a bitmap holds the
leaves that one row may still reach, and only the tests that fail are visited.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.models.trees.words import halved, pass_word, split

#: Rows taken together, and the words of their bitmap: one register of 512 bits.
ROWS, WORDS = 512, 8
#: The most leaves of a tree that goes by bitmaps: the number of a leaf is one byte.
MOST_LEAVES = 256
#: Below this many rows walking each is quicker: bitmaps take as long for 1 row as for 64.
FEW = 16
#: LightGBM takes what is this near to 0 for 0: a float32 constant.
_TINY = float(np.float32(1e-35))
_ALL, _NONE = np.uint64(2**64 - 1), np.uint64(0)


class Trees(NamedTuple):
    """A forest as the kernels read it.

    Tests by threshold come first, grouped by column and by what is missing there: ``group_of`` (g,) the column,
    ``group_first`` (g + 1,) places in ``thresholds``, ascending within a group; NaN is read as ``nan_as`` and zero as
    ``zero_as``: where that is missing, -inf, which passes all tests, or NaN, which passes none.

    After them come the tests by subsets of the categorical columns ``coded`` (c,), of codes below ``codes`` (c,):
    those of column k are ``test_first[k]`` to ``test_first[k + 1]``, filled up to a multiple of 64. A code's words in
    ``member``, from ``member_first[k]`` on, hold a bit per test; the last words are those of codes no test knows.

    Node n of a tree tests ``test[n]`` and goes on to ``child[n, 1]`` where that holds, else ``child[n, 0]``: a
    node of its tree, counted from 0, or the number of nodes plus that of a leaf.
    """

    group_of: NDArray[np.int64]
    group_first: NDArray[np.int64]
    nan_as: NDArray[np.float64]
    zero_as: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    coded: NDArray[np.int64]
    codes: NDArray[np.int64]
    test_first: NDArray[np.int64]
    member_first: NDArray[np.int64]
    member: NDArray[np.uint64]
    node_first: NDArray[np.int64]
    test: NDArray[np.int32]
    child: NDArray[np.int32]
    leaf_first: NDArray[np.int64]
    value: NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def probabilities(trees, sigmoid, bitmaps, x, out):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(-sigmoid · sum)) of each of n rows, whose columns are x, float64 (d, n), into ``out`` (n,).

    ``bitmaps``: whether every tree has `MOST_LEAVES` leaves at most.
    """
    holds = np.empty((trees.test_first[-1], min(WORDS, (len(out) + 63) // 64)), np.uint64)
    for first in range(0, len(out), ROWS):
        rows = min(ROWS, len(out) - first)
        sums = out[first : first + rows]
        sums[:] = 0.0
        _answer(trees, x, first, rows, holds)
        if bitmaps and rows >= FEW:
            _split(trees, holds, sums)
        else:
            _walk(trees, holds, sums)
        for i in range(rows):
            sums[i] = 1.0 / (1.0 + math.exp(-sigmoid * sums[i]))


@numba.njit(cache=True, nogil=True)
def _answer(trees, x, first, rows, holds):  # type: ignore[no-untyped-def]
    """Which rows pass each test: bit i of ``holds[test]`` is row first + i."""
    words = holds.shape[1]
    column = np.zeros(ROWS)
    for g in range(len(trees.group_of)):
        of, nan_as, zero_as = trees.group_of[g], trees.nan_as[g], trees.zero_as[g]
        for i in range(rows):
            v = x[of, first + i]
            v = nan_as if math.isnan(v) else v
            column[i] = zero_as if abs(v) <= _TINY else v
        column[rows:] = column[rows - 1]
        for w in range(words):
            begin, one = 64 * w, column[64 * w]
            alike = True
            for i in range(begin, begin + 64):
                alike &= column[i] == one
            if alike:  # a user's columns, those of the moment: no need to look at each row
                for j in range(trees.group_first[g], trees.group_first[g + 1]):
                    holds[j, w] = _ALL if one <= trees.thresholds[j] else _NONE
            else:
                for j in range(trees.group_first[g], trees.group_first[g + 1]):
                    pass_word(holds, j, w, column, trees.thresholds[j])
    place, square = np.zeros(ROWS, np.int64), np.empty(64, np.uint64)
    for c in range(len(trees.coded)):
        begin, codes = trees.test_first[c], trees.codes[c]
        blocks = (trees.test_first[c + 1] - begin) >> 6
        for i in range(rows):
            v = x[trees.coded[c], first + i]
            code = int(v) if -1.0 < v < codes else codes  # NaN is neither
            place[i] = trees.member_first[c] + blocks * code
        for b in range(blocks):
            for w in range(words):
                for i in range(64):
                    square[i] = trees.member[place[w * 64 + i] + b]
                _flip(square)
                for j in range(64):
                    holds[begin + b * 64 + j, w] = square[j]


@numba.njit(cache=True, nogil=True)
def _flip(square):  # type: ignore[no-untyped-def]
    """Bit j of word i becomes bit i of word j, in a square of 64 words (Warren, Hacker's Delight, 7-3)."""
    half, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while half:
        for first in range(0, 64, 2 * half):
            for k in range(first, first + half):
                changed = ((square[k] >> np.uint64(half)) ^ square[k + half]) & mask
                square[k] ^= changed << np.uint64(half)
                square[k + half] ^= changed
        half >>= 1
        mask ^= mask << np.uint64(half)


@numba.njit(cache=True, nogil=True)
def _walk(trees, holds, sums):  # type: ignore[no-untyped-def]
    """Add every tree's value of each row, a row at a time."""
    for t in range(len(trees.node_first) - 1):
        begin = trees.node_first[t]
        nodes = trees.node_first[t + 1] - begin
        for i in range(len(sums)):
            node = 0
            while node < nodes:
                word = holds[trees.test[begin + node], i >> 6]
                node = trees.child[begin + node, (word >> np.uint64(i & 63)) & np.uint64(1)]
            sums[i] += trees.value[trees.leaf_first[t] + node - nodes]


@numba.njit(cache=True, nogil=True)
def _split(trees, holds, sums):  # type: ignore[no-untyped-def]
    """Add every tree's value of each row, all rows of a node at a time."""
    sets = np.empty((2 * MOST_LEAVES, WORDS), np.uint64)
    bits = np.zeros((8, WORDS), np.uint64)  # bit k of the number of each row's leaf
    leaf = np.empty(ROWS, np.uint8)
    words = holds.shape[1]
    for t in range(len(trees.node_first) - 1):
        begin = trees.node_first[t]
        nodes = trees.node_first[t + 1] - begin
        for w in range(words):
            sets[0, w] = _ALL
        for n in range(nodes):
            test, left, right = trees.test[begin + n], trees.child[begin + n, 1], trees.child[begin + n, 0]
            if words == WORDS:
                split(sets, n, holds, test, left, right)
                continue
            for w in range(words):
                here, passed = sets[n, w], holds[test, w]
                sets[left, w] = here & passed
                sets[right, w] = here & ~passed
        values = trees.value[trees.leaf_first[t] : trees.leaf_first[t + 1]]
        _leaf_bits(sets[nodes:], len(values), bits, words)
        _transpose(bits, leaf, words)
        for i in range(len(sums)):
            sums[i] += values[leaf[i]]


@numba.njit(cache=True, nogil=True)
def _leaf_bits(sets, leaves, bits, words):  # type: ignore[no-untyped-def]
    """The bitmaps of leaves 0, 1, … halved in number again and again; the odd ones have the next bit set."""
    for k in range(8):
        for w in range(words):
            bits[k, w] = 0
            sets[leaves, w] = 0  # the partner of an odd last one
        leaves = (leaves + 1) >> 1
        if words == WORDS:
            halved(sets, leaves, bits, k)
            continue
        for i in range(leaves):
            for w in range(words):
                odd = sets[2 * i + 1, w]
                bits[k, w] |= odd
                sets[i, w] = sets[2 * i, w] | odd


@numba.njit(cache=True, nogil=True)
def _transpose(bits, leaf, words):  # type: ignore[no-untyped-def]
    """Byte i of ``leaf`` is made of bit i of the eight bitmaps (Warren, Hacker's Delight, 7-3)."""
    source, target = bits.view(np.uint8), leaf.view(np.uint64)
    for p in range(8 * words):
        v = np.uint64(0)
        for k in range(8):
            v |= np.uint64(source[k, p]) << np.uint64(8 * k)
        v ^= _swapped(v, np.uint64(7), np.uint64(0x00AA00AA00AA00AA))
        v ^= _swapped(v, np.uint64(14), np.uint64(0x0000CCCC0000CCCC))
        v ^= _swapped(v, np.uint64(28), np.uint64(0x00000000F0F0F0F0))
        target[p] = v


@numba.njit(cache=True, nogil=True)
def _swapped(v, by, mask):  # type: ignore[no-untyped-def]
    changed = (v ^ (v >> by)) & mask
    return changed ^ (changed << by)
