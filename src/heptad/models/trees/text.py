"""LightGBM's text of a model, as arrays of all trees one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_LISTS: Final = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value")
_BITSETS: Final = ("cat_boundaries", "cat_threshold")

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
#: What a test takes for missing (bits 2 and 3 of a decision type).
NOTHING, ZERO, NAN = 0, 1, 2


@dataclass(frozen=True)
class Text:
    """The trees of a binary model. A child of 0 or more is a node of the same tree, ~child is a leaf.

    ``leaves`` (trees,): how many each has. Per node: ``feature``, ``threshold``, ``decision``, ``left``, ``right``.
    ``value``: per leaf. ``bitsets``: the words (32 bits) of a categorical test, by the place of its node.
    """

    sigmoid: float
    leaves: Ints
    feature: Ints
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    value: Floats
    bitsets: Mapping[int, NDArray[np.uint32]]

    @property
    def missing(self) -> Ints:
        """What each node takes for missing: NOTHING, ZERO or NAN."""
        return self.decision >> 2 & 3

    @property
    def default_left(self) -> NDArray[np.bool_]:
        """Whether a missing value goes left."""
        return (self.decision & _DEFAULT_LEFT).astype(np.bool_)


def read_text(text: str) -> Text | None:
    """The trees of ``Booster.model_to_string()``; None for a model that is more than a sum of constant leaves.

    That is: several classes, an objective other than ``binary``, averaged trees (a random forest), linear leaves.
    """
    head, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    settings = _fields(head)
    objective, *parameters = settings.get("objective", "none").split()
    sigmoids = [float(given.removeprefix("sigmoid:")) for given in parameters if given.startswith("sigmoid:")]
    fields = [_fields(tree) for tree in trees]
    if (
        objective != "binary"
        or len(sigmoids) != 1
        or settings.get("num_tree_per_iteration") != "1"
        or "average_output" in head.splitlines()
        or any(tree.get("is_linear", "0") != "0" for tree in fields)
    ):
        return None
    leaves = np.array([int(tree["num_leaves"]) for tree in fields], dtype=np.int64)
    feature, threshold, decision, left, right, value = (
        _numbers(tree.get(name, "") for tree in fields) for name in _LISTS
    )
    kinds = decision.astype(np.int64)
    return Text(
        sigmoids[0], leaves, feature.astype(np.int64), threshold, kinds, left.astype(np.int64),
        right.astype(np.int64), value, _bitsets(fields, leaves, kinds, threshold),
    )  # fmt: skip


def _fields(lines: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines.splitlines())}


def _numbers(lists: Iterable[str]) -> Floats:
    return np.fromstring(" ".join(lists), dtype=np.float64, sep=" ")


def _bitsets(
    fields: list[dict[str, str]], leaves: Ints, decision: Ints, threshold: Floats
) -> dict[int, NDArray[np.uint32]]:
    """A categorical node's threshold is the number of its bitset within the tree."""
    found: dict[int, Any] = {}
    firsts = np.cumsum(leaves - 1) - (leaves - 1)
    for tree, first, nodes in zip(fields, firsts.tolist(), (leaves - 1).tolist(), strict=True):
        if int(tree["num_cat"]) > 0:
            bounds, words = (_numbers([tree[name]]).astype(np.int64) for name in _BITSETS)
            for node in range(first, first + nodes):
                if decision[node] & _CATEGORICAL:
                    number = int(threshold[node])
                    found[node] = words[bounds[number] : bounds[number + 1]].astype(np.uint32)
    return found
