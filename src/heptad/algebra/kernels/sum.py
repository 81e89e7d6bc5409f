"""sum: three words, the fixed-point sum modulo 2**64, the count, and the greatest magnitude."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.spec import Params

_TOO_LARGE = np.int64(2**63 - 1)


def lift(events: Events, params: Params) -> Words:
    words = np.ones((len(events.time), 3), np.int64)
    if events.values.dtype == np.int64:
        most = (2**62 - 1) // 10**params.decimals  # in integers: float64 would round 2**62 - 1 up
        fits = (events.values >= -most) & (events.values <= most)
        scaled = np.where(fits, events.values, 0) * np.int64(10**params.decimals)
    else:
        with np.errstate(over="ignore"):  # infinite is too large as well
            product = events.values * 10.0**params.decimals
        fits = np.abs(product) < 2.0**62
        scaled = np.rint(np.where(fits, product, 0.0)).astype(np.int64)
    words[:, 0] = scaled
    words[:, 2] = np.where(fits, np.abs(scaled), _TOO_LARGE)
    return words


def trusted(words: Words) -> NDArray[np.bool_]:
    """Where count * max|x| < 2**63 - 1, so that the sum modulo 2**64 is the sum."""
    count, largest = words[:, 1], words[:, 2]
    small: NDArray[np.bool_] = (count == 0) | (largest <= (_TOO_LARGE - 1) // np.maximum(count, 1))
    return small


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    return np.where(trusted(words), words[:, 0].astype(np.float64) / 10.0**params.decimals, np.nan)
