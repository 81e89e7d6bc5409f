"""count: one word, the number of events."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.spec import Params


def lift(events: Events, params: Params) -> Words:
    return np.ones((len(events.time), 1), np.int64)


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    return words[:, 0].astype(np.float64)
