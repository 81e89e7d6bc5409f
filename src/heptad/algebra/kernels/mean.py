"""mean: the sum's words; the count divides at the end."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import sum as sums
from heptad.algebra.kernels.base import Words
from heptad.algebra.spec import Params

lift = sums.lift


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    count = words[:, 1]
    total = sums.finalize(words, t, params)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(len(words), np.nan), where=count > 0)
    return mean
