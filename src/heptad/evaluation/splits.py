"""Which rows train and which test: by time, and the random splits that published protocols ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.errors import DataError
from heptad.times import format_instant

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TemporalSplit:
    """Rows before and from ``cut`` (microseconds) on; rows in neither had no mature label at the cut."""

    cut: int
    train: Mask
    test: Mask


def temporal(
    times: ArrayLike, *, test_share: float | None = None, test_span: int | None = None, within: int = 0
) -> TemporalSplit:
    """Split by time, the last rows to test.

    Parameters
    ----------
    times: int64 microseconds (n,), in any order.
    test_share: at least this share of rows is tested; rows of one moment are never parted.
    test_span: or: the last so many microseconds, the newest row included.
    within: the attribution window; a training row's label must be settled by the cut: time + within ≤ cut.
    """
    moments: NDArray[np.int64] = np.asarray(times, dtype=np.int64)
    if (test_share is None) == (test_span is None) or len(moments) == 0:
        raise DataError(
            "temporal split", "rows, and either test_share or test_span",
            f"{len(moments)} rows, test_share={test_share}, test_span={test_span}", "give exactly one",
        )  # fmt: skip
    if test_share is not None:
        tested = min(max(int(np.ceil(test_share * len(moments))), 1), len(moments))
        cut = int(np.sort(moments)[len(moments) - tested])
    else:
        cut = int(moments.max()) - int(test_span or 0) + 1
    train = (moments < cut) & (moments + within <= cut)
    if not train.any():
        raise DataError(
            "temporal split", f"rows before {format_instant(cut)} with settled labels", "none",
            "test on a shorter span",
        )  # fmt: skip
    return TemporalSplit(cut, train, moments >= cut)


def random_per_user(
    users: ArrayLike, shares: Sequence[float] = (0.8, 0.1, 0.1), *, seed: int
) -> NDArray[np.int64]:
    """The part 0, 1, … of each row: each user's rows shuffled and dealt by ``shares``.

    Each part but the first gets its share of the user's rows rounded to the nearest whole number (half to
    even); the first gets the rest. It mixes past and future: for published protocols only.
    """
    given: NDArray[Any] = np.asarray(users)
    if not np.isclose(sum(shares), 1.0) or min(shares) <= 0:
        raise DataError(
            "random split", "positive shares that sum to 1", list(shares), "write (0.8, 0.1, 0.1)"
        )
    _, user, counts = np.unique(given, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(given)), user))
    rank = np.empty(len(given), dtype=np.int64)
    rank[order] = np.arange(len(given)) - np.repeat(np.cumsum(counts) - counts, counts)
    sizes = np.rint(np.outer(counts, shares[1:])).astype(np.int64)
    ends = (counts - sizes.sum(axis=1))[:, None] + np.cumsum(sizes, axis=1) - sizes
    part: NDArray[np.int64] = (rank[:, None] >= ends[user]).sum(axis=1)
    return part


def leave_one_out(users: ArrayLike, times: ArrayLike, ties: ArrayLike) -> NDArray[np.int64]:
    """The part of each row: a user's last row 2 (test), the one before 1 (validation), others 0 (train).

    Rows of one time are ordered by ``ties``, for example the item's id. Users of fewer than three rows are
    all train.
    """
    _, user, counts = np.unique(np.asarray(users), return_inverse=True, return_counts=True)
    order = np.lexsort((np.asarray(ties), np.asarray(times), user))
    from_end = np.empty(len(user), dtype=np.int64)
    from_end[order] = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(user))
    part = np.where(counts[user] >= 3, np.maximum(2 - from_end, 0), 0)
    return np.asarray(part, dtype=np.int64)
