"""From scores to lists, and from lists of several sources to one: the best of each in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heptad.models.base import Matrix
from heptad.retrieval.alone import taken
from heptad.retrieval.catalog import Places


def top_columns(scores: Matrix, allowed: NDArray[np.bool_], k: int) -> Places:
    """(n, k): per row the columns of the k highest allowed scores, ties by column; -1 where there are fewer."""
    n, size = scores.shape
    masked = np.where(allowed, scores, -np.inf)
    if k < size:
        edge = np.sort(masked, axis=1)[:, size - k, None]  # faster than a partition, here 3 times
        chosen = masked >= edge
        chosen &= allowed
        over = np.flatnonzero(np.count_nonzero(chosen, axis=1) > k)  # more than k because of ties at the edge
        if len(over):
            level = masked[over] == edge[over]
            room = k - np.count_nonzero(masked[over] > edge[over], axis=1)
            chosen[over] &= ~level | (np.cumsum(level, axis=1, dtype=np.int32) <= room[:, None])
    else:
        chosen = allowed
    row, column = np.nonzero(chosen)
    counts = np.bincount(row, minlength=n)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    found, columns = np.full((n, k), -np.inf), np.full((n, k), -1, np.int64)
    found[row, place], columns[row, place] = masked[row, column], column
    return columns[np.arange(n)[:, None], np.argsort(-found, axis=1, kind="stable")]


def in_turn(lists: Sequence[Places], total: int) -> tuple[Places, Places]:
    """(request, place) of at most ``total`` distinct places per request, taken from the lists (n, k) in turn."""
    n, longest = len(lists[0]), max(one.shape[1] for one in lists)
    turns = np.full((n, longest, len(lists)), -1, np.int64)
    for source, one in enumerate(lists):
        turns[:, : one.shape[1], source] = one
    turns = turns.reshape(n, longest * len(lists))
    if n == 1:
        only = taken(turns[0], total)
        return np.zeros(len(only), np.int64), only
    row, turn = np.nonzero(turns >= 0)
    place = turns[row, turn]
    size = 1 + place.max(initial=0)
    cell = row * size + place
    first = np.empty(n * size, np.int64)  # only the cells written below are read
    first[cell[::-1]] = turn[::-1]  # of equal cells the last written stays: the first turn
    fresh = first[cell] == turn
    row, place = row[fresh], place[fresh]
    counts = np.bincount(row, minlength=n)
    kept = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) < total
    return row[kept], place[kept]
