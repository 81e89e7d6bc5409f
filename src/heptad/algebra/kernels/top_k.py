"""top_k: a counter for each value of the vocabulary; the greatest are found at the end."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Touched, Words
from heptad.algebra.kernels.counters import counted, counts
from heptad.algebra.spec import Params


def touch(events: Events, params: Params) -> Touched:
    known = np.flatnonzero(events.values < len(params.vocabulary))
    return counted(events.values[known].astype(np.int64, copy=False), known)


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> tuple[Words, Words]:
    found = counts(words, len(params.vocabulary))
    ranked = np.argsort(-found, axis=1, kind="stable")[:, : params.k]
    present = np.minimum((found > 0).sum(axis=1), ranked.shape[1])
    return ranked.astype(np.int64, copy=False), present.astype(np.int64)
