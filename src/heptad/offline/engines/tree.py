"""Events one by one, or in merged blocks, for reads that cannot see all events of their window.

A perfect binary tree over blocks of events in (key, time) order. A node holds the merged state of its
blocks and their least and greatest log offset: a read at offset o takes a node whole where all of it is
known, passes over it where none is, and looks closer otherwise. It uses the generic merge only, so it
is right for every aggregation, whatever order its entries have.
"""

from __future__ import annotations

import numba
import numpy as np

from heptad.algebra.kernels.merge import merge

_BLOCK = 32
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@numba.njit(cache=True, nogil=True)
def expand(state, words, i, layout, compact):  # type: ignore[no-untyped-def]
    """Write event i's compact words into a state that is the identity elsewhere."""
    for s in range(layout.shape[0]):
        to, start, count = layout[s, 1], compact[s, 1], compact[s, 2]
        for k in range(count):
            state[to + k] = words[i, start + k]


@numba.njit(cache=True, nogil=True)
def build(words, offsets, identity, layout, compact):  # type: ignore[no-untyped-def]
    """(states, least, greatest) of the nodes: children of i are 2i and 2i + 1, the root is 1."""
    blocks = (len(words) + _BLOCK - 1) // _BLOCK
    leaves = 1
    while leaves < blocks:
        leaves *= 2
    states = np.empty((2 * leaves, len(identity)), np.int64)
    states[:] = identity
    least = np.full(2 * leaves, _MOST, np.int64)
    greatest = np.full(2 * leaves, _LEAST, np.int64)
    one = identity.copy()
    for i in range(len(words)):
        node = leaves + i // _BLOCK
        expand(one, words, i, layout, compact)
        merge(states[node], 0, one, 0, layout)
        least[node] = min(least[node], offsets[i])
        greatest[node] = max(greatest[node], offsets[i])
    for node in range(leaves - 1, 0, -1):
        states[node] = states[2 * node]
        merge(states[node], 0, states[2 * node + 1], 0, layout)
        least[node] = min(least[2 * node], least[2 * node + 1])
        greatest[node] = max(greatest[2 * node], greatest[2 * node + 1])
    return states, least, greatest


@numba.njit(cache=True, nogil=True)
def scan(words, offsets, identity, layout, compact, low, high, o, reads, row, out):  # type: ignore[no-untyped-def]
    """Write to ``out[row[j]]``, for each j in ``reads``, the merge of events [low, high) with offset < o."""
    one = identity.copy()
    for j in reads:
        into = out[row[j]]
        into[:] = identity
        for i in range(low[j], high[j]):
            if offsets[i] < o[j]:
                expand(one, words, i, layout, compact)
                merge(into, 0, one, 0, layout)


@numba.njit(cache=True, nogil=True)
def query(tree, words, offsets, identity, layout, compact, low, high, o, reads, row, out):  # type: ignore[no-untyped-def]
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
            end = min(start + span * _BLOCK, len(words))
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
                        expand(one, words, i, layout, compact)
                        merge(into, 0, one, 0, layout)


@numba.njit(cache=True, nogil=True)
def gather(pairs, rows, out, layout):  # type: ignore[no-untyped-def]
    """Merge the state of each pair into its row's: ``out[rows[i]]`` with ``pairs[i]``."""
    for i in range(len(rows)):
        merge(out[rows[i]], 0, pairs[i], 0, layout)
