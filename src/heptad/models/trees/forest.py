"""A fitted forest that gives LightGBM's own probabilities, to the bit, in less time."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from heptad.models.base import Matrix, Vector
from heptad.models.trees.kernel import FEW, MOST_LEAVES, Trees, probabilities
from heptad.models.trees.text import NOTHING, ZERO, Text, read_text

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: More than there are ways of missing: keys of (column, way) are column * _WAYS + way.
_WAYS: Final = 8


class Forest:
    """What `read` makes of a model's text. Immutable, so that threads may share it."""

    def __init__(self, sigmoid: float, trees: Trees) -> None:
        self._sigmoid = sigmoid
        self._trees = trees
        self._bitmaps = bool(np.diff(trees.leaf_first).max(initial=0) <= MOST_LEAVES)

    @classmethod
    def read(cls, text: str, width: int) -> Self | None:
        """The forest of ``Booster.model_to_string()``, ready: its kernels are compiled or read from numba's cache.

        ``width``: columns of the rows it will see. None where the trees are not a sum of constant leaves under
        the logistic function, or not numbered as the kernels need them: then only LightGBM can predict.
        """
        found = read_text(text)
        if found is None or not _fits(found, width):
            return None
        forest = cls(found.sigmoid, _trees(found))
        for rows in (1, FEW):
            forest.predict_proba(np.zeros((rows, width)))
        return forest

    def predict_proba(self, x: Matrix) -> Vector:
        """The probability of 1 for each row of x, (n, d) float64; a row's answer does not depend on the others."""
        columns = np.require(x.T, np.float64, ["C", "W"])  # one type, so one compiled kernel
        out = np.empty(len(x))
        probabilities(self._trees, self._sigmoid, self._bitmaps, columns, out)
        return out


def _fits(text: Text, width: int) -> bool:
    """Whether columns exist, thresholds are numbers, and every node comes before its children in its tree."""
    nodes = text.leaves - 1
    each = np.repeat(nodes, nodes)
    place = np.arange(len(each)) - np.repeat(np.cumsum(nodes) - nodes, nodes)
    below = [
        ((place < child) & (child < each)) | ((child < 0) & (~child <= each))
        for child in (text.left, text.right)
    ]
    return bool(not np.isnan(text.threshold).any() and (text.feature < width).all() and np.all(below))


def _trees(text: Text) -> Trees:
    coded = np.zeros(len(text.feature), dtype=bool)
    coded[list(text.bitsets)] = True
    # a column has a group per way of missing: what is missing there passes every test, or none
    way = np.where(text.missing == NOTHING, 0, 2 * text.missing + text.default_left)
    pairs = np.stack([(text.feature * _WAYS + way).astype(np.float64), text.threshold], axis=1)
    (group, thresholds), place = _distinct(pairs[~coded])
    groups, group_first = np.unique(group.astype(np.int64), return_index=True)
    ways = groups % _WAYS
    default = np.where(ways % 2 == 1, -np.inf, np.nan)
    coded_columns, codes, test_first, member_first, member, which = _subsets(text, len(thresholds))
    test = np.empty(len(text.feature), dtype=np.int32)
    test[~coded], test[coded] = place, which
    nodes = text.leaves - 1
    child = np.stack([text.right, text.left], axis=1)
    child = np.where(child < 0, np.repeat(nodes, nodes)[:, None] + ~child, child)
    return Trees(
        groups // _WAYS, np.append(group_first, len(thresholds)),
        np.where(ways == 0, 0.0, default), np.where(ways // 2 == ZERO, default, 0.0), thresholds,
        coded_columns, codes, test_first, member_first, member,
        _firsts(nodes), test, child.astype(np.int32), _firsts(text.leaves), text.value,
    )  # fmt: skip


def _distinct(pairs: Floats) -> tuple[Floats, Ints]:
    """The distinct rows (n, 2), in order and turned (2, m), and the place of each row among them."""
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    ordered = pairs[order]
    new = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))[: len(pairs)]
    place = np.empty(len(pairs), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return np.ascontiguousarray(ordered[new].T), place


def _subsets(text: Text, first: int) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.uint64], Ints]:
    """The categorical columns as `Trees` holds them, their tests from ``first`` on; and each such node's test."""
    of_node: dict[int, int] = {}
    columns = np.unique(text.feature[list(text.bitsets)])
    codes, test_first, members = [], [first], []
    for column in columns.tolist():
        nodes = [node for node in text.bitsets if text.feature[node] == column]
        size = max(len(text.bitsets[node]) for node in nodes)
        padded = [text.bitsets[node].astype("<u4").tobytes().ljust(4 * size, b"\0") for node in nodes]
        numbers = {bits: number for number, bits in enumerate(dict.fromkeys(padded))}
        of_node |= {node: test_first[-1] + numbers[bits] for node, bits in zip(nodes, padded, strict=True)}
        blocks = -(-len(numbers) // 64)
        by_test = np.zeros((blocks * 64, size * 32 + 1), dtype=np.uint8)  # and a code that is in none
        held = np.frombuffer(b"".join(numbers), np.uint8).reshape(len(numbers), 4 * size)
        by_test[: len(numbers), :-1] = np.unpackbits(held, axis=1, bitorder="little")
        by_code = np.packbits(np.ascontiguousarray(by_test.T), axis=1, bitorder="little")
        members.append(by_code.view("<u8").ravel())
        codes.append(size * 32)
        test_first.append(test_first[-1] + blocks * 64)
    return (
        columns, np.array(codes, np.int64), np.array(test_first), _firsts([len(table) for table in members]),
        np.concatenate([*members, np.empty(0, np.uint64)]), np.array([of_node[node] for node in sorted(of_node)], np.int64),
    )  # fmt: skip


def _firsts(sizes: Ints | list[int]) -> Ints:
    """Where each part begins, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
