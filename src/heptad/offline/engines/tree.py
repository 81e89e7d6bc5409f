"""Events one by one, or in merged blocks, for reads that cannot see all events of their window.

A perfect binary tree over blocks of events in (key, time) order. A node holds the merged state of its
blocks and their least and greatest log offset: a read at offset o takes a node whole where all of it is
known, passes over it where none is, and looks closer otherwise. It uses the generic merge only, so it
is right for every aggregation, whatever order its entries have.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.merge import merge, merge_word
from heptad.offline.engines.touches import Touches

Longs = NDArray[np.int64]

_BLOCK = 32
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Alone(NamedTuple):
    """The state of every event alone: words (n, w) as the ``compact`` layout has them; or, where ``touches`` has any, no
    words but those, which merge as ``op`` says of each."""

    words: Longs
    compact: Longs
    touches: Touches
    op: Longs


#: (states, least offset, greatest offset) of the nodes.
Nodes = tuple[Longs, Longs, Longs]

NOBODY = Touches(*(np.empty(0, np.int64) for _ in range(4)))


def dense(words: Longs, compact: Longs) -> Alone:
    """Events that have all words."""
    return Alone(words, compact, NOBODY, np.empty(0, np.int64))


def sparse(touches: Touches, op: Longs) -> Alone:
    """Events that have few words each."""
    return Alone(np.empty((0, 0), np.int64), np.empty((0, 3), np.int64), touches, op)


@numba.njit(cache=True, nogil=True)
def _absorb(into, alone, i, one, layout):  # type: ignore[no-untyped-def]
    """Merge event i into a state; ``one`` is room for a state that is the identity where no event has words."""
    begin, end, place, word = alone.touches
    if len(begin) == 0:
        expand(one, alone.words, i, layout, alone.compact)
        merge(into, 0, one, 0, layout)
        return
    for k in range(begin[i], end[i]):
        into[place[k]] = merge_word(alone.op[place[k]], into[place[k]], word[k])


@numba.njit(cache=True, nogil=True)
def expand(state, words, i, layout, compact):  # type: ignore[no-untyped-def]
    """Write event i's compact words into a state that is the identity elsewhere."""
    for s in range(layout.shape[0]):
        to, start, count = layout[s, 1], compact[s, 1], compact[s, 2]
        for k in range(count):
            state[to + k] = words[i, start + k]


@numba.njit(cache=True, nogil=True)
def build(alone, offsets, identity, layout):  # type: ignore[no-untyped-def]
    """(states, least, greatest) of the nodes: children of i are 2i and 2i + 1, the root is 1."""
    blocks = (len(offsets) + _BLOCK - 1) // _BLOCK
    leaves = 1
    while leaves < blocks:
        leaves *= 2
    states = np.empty((2 * leaves, len(identity)), np.int64)
    states[:] = identity
    least = np.full(2 * leaves, _MOST, np.int64)
    greatest = np.full(2 * leaves, _LEAST, np.int64)
    one = identity.copy()
    for i in range(len(offsets)):
        node = leaves + i // _BLOCK
        _absorb(states[node], alone, i, one, layout)
        least[node] = min(least[node], offsets[i])
        greatest[node] = max(greatest[node], offsets[i])
    for node in range(leaves - 1, 0, -1):
        states[node] = states[2 * node]
        merge(states[node], 0, states[2 * node + 1], 0, layout)
        least[node] = min(least[2 * node], least[2 * node + 1])
        greatest[node] = max(greatest[2 * node], greatest[2 * node + 1])
    return states, least, greatest


@numba.njit(cache=True, nogil=True)
def scan(alone, offsets, identity, layout, low, high, o, reads, row, out):  # type: ignore[no-untyped-def]
    """Write to ``out[row[j]]``, for each j in ``reads``, the merge of events [low, high) with offset < o."""
    one = identity.copy()
    for j in reads:
        into = out[row[j]]
        into[:] = identity
        for i in range(low[j], high[j]):
            if offsets[i] < o[j]:
                _absorb(into, alone, i, one, layout)


@numba.njit(cache=True, nogil=True)
def query(tree, alone, offsets, identity, layout, low, high, o, reads, row, out):  # type: ignore[no-untyped-def]
    """What `scan` writes, by way of the tree that `build` made."""
    states, least, greatest = tree
    leaves = len(states) // 2
    one = identity.copy()
    nodes = np.empty(160, np.int64)  # two per level are enough
    for j in reads:
        into = out[row[j]]
        into[:] = identity
        if low[j] >= high[j]:
            continue
        nodes[0], waiting = 1, 1
        while waiting > 0:
            waiting -= 1
            node = nodes[waiting]
            first, span = node, 1
            while first < leaves:
                first, span = 2 * first, 2 * span
            start = (first - leaves) * _BLOCK
            end = min(start + span * _BLOCK, len(offsets))
            if start >= high[j] or end <= low[j] or least[node] >= o[j]:
                continue
            if low[j] <= start and end <= high[j] and greatest[node] < o[j]:
                merge(into, 0, states[node], 0, layout)
            elif node < leaves:
                nodes[waiting], nodes[waiting + 1] = 2 * node, 2 * node + 1
                waiting += 2
            else:
                for i in range(max(start, low[j]), min(end, high[j])):
                    if offsets[i] < o[j]:
                        _absorb(into, alone, i, one, layout)


@numba.njit(cache=True, nogil=True)
def gather(pairs, rows, out, layout):  # type: ignore[no-untyped-def]
    """Merge the state of each pair into its row's: ``out[rows[i]]`` with ``pairs[i]``."""
    for i in range(len(rows)):
        merge(out[rows[i]], 0, pairs[i], 0, layout)
