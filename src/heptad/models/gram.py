"""Which items occur together: the item by item matrix XᵀX of a sparse user by item matrix X."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.models.base import Matrix, Vector
from heptad.models.items import Codes

#: Beyond this many items the dense matrix alone takes 3.2 GB.
MAX_ITEMS: Final = 20_000
_USERS_AT_ONCE: Final = 1024


def distinct(users: ArrayLike, items: Codes, weights: ArrayLike | None) -> tuple[Codes, Codes, Vector]:
    """Each (user, item) pair once, with its largest weight (1 without weights), users as codes 0, 1, …"""
    given: NDArray[Any] = np.asarray(users)
    weight = np.ones(len(items)) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != items.shape or weight.shape != items.shape or items.ndim != 1:
        raise DataError(
            "interactions",
            "one user, one item and one weight per row",
            f"shapes {given.shape}, {items.shape}, {weight.shape}",
            "pass columns of one table",
        )
    _, codes = np.unique(given, return_inverse=True)
    order = np.lexsort((-weight, items, codes))
    user, item, weight = codes[order].astype(np.int64), items[order], weight[order]
    first = np.ones(len(user), dtype=bool)
    first[1:] = (np.diff(user) != 0) | (np.diff(item) != 0)
    return user[first], item[first], weight[first]


def gram(users: Codes, items: Codes, weights: Vector, n_items: int) -> Matrix:
    """The dense float64 matrix XᵀX (n_items, n_items), a block of users at a time.

    ``users`` are sorted, as `distinct` gives them.
    """
    if n_items > MAX_ITEMS:
        raise DataError(
            "item model", f"at most {MAX_ITEMS} items", n_items, "train on the most frequent items only"
        )
    total = np.zeros((n_items, n_items))
    n_users = int(users[-1]) + 1 if len(users) else 0
    for first in range(0, n_users, _USERS_AT_ONCE):
        low, high = np.searchsorted(users, [first, first + _USERS_AT_ONCE])
        block = np.zeros((min(_USERS_AT_ONCE, n_users - first), n_items))
        block[users[low:high] - first, items[low:high]] = weights[low:high]
        total += block.T @ block
    return total
