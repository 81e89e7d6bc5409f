"""last_n: n entries of (time, tie, value), newest first."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.kernels.coding import encode
from heptad.algebra.spec import ABSENT, ENTRY, Params


def lift(events: Events, params: Params) -> Words:
    words = np.full((len(events.time), params.n * ENTRY), ABSENT, np.int64)
    words[:, 0], words[:, 1], words[:, 2] = events.time, events.tie, encode(events.values)
    return words


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> tuple[Words, Words]:
    present = (words[:, 0::ENTRY] != ABSENT).sum(axis=1).astype(np.int64)
    return words[:, 2::ENTRY], present
