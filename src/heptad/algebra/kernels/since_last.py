"""since_last: one word, the newest event's time."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.spec import IDENTITY, Merge, Params


def lift(events: Events, params: Params) -> Words:
    return events.time.reshape(-1, 1).copy()


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    newest = words[:, 0]
    empty = newest == IDENTITY[Merge.MAX]
    return np.where(empty, np.nan, (t - np.where(empty, t, newest)) / 1e6)
