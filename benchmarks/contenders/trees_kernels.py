"""Two ways that heptad's kernel was measured against, in numba too, for numeric tests without missing values.

``--way walk``: eight rows in flight down one tree, without branches; a node is 16 bytes (threshold, column, first
child), the second child lies beside the first, a leaf points at itself. ``--way quickscorer``: Lucchese et al.,
SIGIR 2015, in its form for eight rows (V-QuickScorer): thresholds of a column ascending, a failing test takes the
leaves of its left side out of a tree's 64 bits, and the first bit left is the leaf. Both give LightGBM's bits.
"""

from importlib.metadata import version

import numba
import numpy as np
from trees_requests import arguments, compete

from heptad.models.trees.text import read_text

NODE = np.dtype([("threshold", np.float64), ("column", np.int32), ("child", np.int32)])
LANES = 8
#: A de Bruijn sequence: the place of the only bit set in a word.
SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
PLACES = np.array([np.int64(((1 << i) * 0x03F79D71B4CB0A89 % 2**64) >> 58) for i in range(64)]).argsort()


@numba.njit(cache=True, nogil=True)
def walk(nodes, roots, depths, values, x, out):
    at = np.empty(LANES, np.int32)
    for first in range(0, len(x), LANES):
        rows = min(LANES, len(x) - first)
        out[first : first + rows] = 0.0
        for t in range(len(roots)):
            for i in range(LANES):
                at[i] = roots[t]
            for _ in range(depths[t]):
                moved = 0
                for i in range(rows):
                    node = nodes[at[i]]
                    to = node.child + np.int32(x[first + i, node.column] > node.threshold)
                    moved |= to ^ at[i]
                    at[i] = to
                if moved == 0:
                    break
            for i in range(rows):
                out[first + i] += values[at[i]]
    for i in range(len(x)):
        out[i] = 1.0 / (1.0 + np.exp(-out[i]))


@numba.njit(cache=True, nogil=True)
def quickscorer(thresholds, firsts, tree, mask, leaf_first, values, x, out):
    trees = len(leaf_first) - 1
    left = np.empty((trees, LANES), np.uint64)
    column = np.empty(LANES)
    for first in range(0, len(x), LANES):
        rows = min(LANES, len(x) - first)
        left[:] = ~np.uint64(0)
        for f in range(len(firsts) - 1):
            top = -np.inf
            for i in range(LANES):
                column[i] = x[first + i, f] if i < rows else -np.inf
                top = max(top, column[i])
            for j in range(firsts[f], firsts[f + 1]):
                threshold = thresholds[j]
                if threshold >= top:
                    break
                bits, t = mask[j], tree[j]
                for i in range(LANES):
                    left[t, i] &= bits | (np.uint64(column[i] > threshold) - np.uint64(1))
        for i in range(rows):
            total = 0.0
            for t in range(trees):
                lowest = left[t, i] & (~left[t, i] + np.uint64(1))
                total += values[leaf_first[t] + PLACES[(lowest * SEQUENCE) >> np.uint64(58)]]
            out[first + i] = 1.0 / (1.0 + np.exp(-total))


def for_walking(text):
    """Nodes breadth first, so that children are neighbours."""
    nodes, roots, depths, values, node, leaf = [], [], [], [], 0, 0
    for leaves in text.leaves.tolist():
        roots.append(len(nodes))
        nodes.append(None)
        values.append(0.0)
        level, depth = [(0 if leaves > 1 else ~0, roots[-1])], 0
        while level:
            below = []
            for which, place in level:
                if which < 0:
                    nodes[place], values[place] = (np.inf, 0, place), text.value[leaf + ~which]
                    continue
                nodes[place] = (text.threshold[node + which], text.feature[node + which], len(nodes))
                for child in (text.left, text.right):
                    below.append((int(child[node + which]), len(nodes)))
                    nodes.append(None)
                    values.append(0.0)
            level, depth = below, depth + 1
        depths.append(depth)
        node, leaf = node + leaves - 1, leaf + leaves
    return np.array(nodes, NODE), np.array(roots), np.array(depths), np.array(values)


def for_quickscorer(text, columns):
    """Tests of a column in the order of their thresholds; leaves numbered from left to right."""
    tests, values, node, leaf = [], [], 0, 0
    for t, leaves in enumerate(text.leaves.tolist()):

        def number(which, node=node, leaf=leaf, first=len(values), t=t):
            if which < 0:
                values.append(text.value[leaf + ~which])
                return
            begin = len(values) - first
            number(int(text.left[node + which]))
            gone = (1 << (len(values) - first)) - (1 << begin)
            tests.append((text.feature[node + which], text.threshold[node + which], t, ~gone % 2**64))
            number(int(text.right[node + which]))

        number(0 if leaves > 1 else ~0)
        node, leaf = node + leaves - 1, leaf + leaves
    tests.sort()
    feature, threshold, tree, mask = zip(*tests, strict=True)
    firsts = np.searchsorted(feature, np.arange(columns + 1))
    leaf_first = np.concatenate([[0], np.cumsum(text.leaves)])
    masks = np.array(mask, dtype=np.uint64)
    return np.array(threshold), firsts, np.array(tree), masks, leaf_first, np.array(values)


def main():
    given = arguments()
    source = (given.data / "gbdt.txt").read_text(encoding="utf-8")
    text = read_text(source)
    columns = source.partition("feature_names=")[2].partition("\n")[0].count(" ") + 1
    if given.way == "walk":
        kernel, parts = walk, for_walking(text)
    else:
        kernel, parts = quickscorer, for_quickscorer(text, columns)

    def predict(x):
        out = np.empty(len(x))
        kernel(*parts, x, out)
        return out

    compete(predict, given, versions={"numba": version("numba")})


if __name__ == "__main__":
    main()
