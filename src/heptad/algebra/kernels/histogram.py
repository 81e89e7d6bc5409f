"""histogram: a counter for each value of the vocabulary, and one for the others."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Touched, Words
from heptad.algebra.kernels.counters import counted, counts
from heptad.algebra.spec import Params


def touch(events: Events, params: Params) -> Touched:
    return counted(events.values.astype(np.int64, copy=False), np.arange(len(events.values)))


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    return counts(words, len(params.vocabulary) + 1).astype(np.float64)
