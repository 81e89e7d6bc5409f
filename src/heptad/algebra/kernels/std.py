"""std: the words of variance; its root is taken at the end."""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import variance
from heptad.algebra.kernels.base import Words
from heptad.algebra.spec import Params

lift = variance.lift


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    return np.sqrt(variance.finalize(words, t, params))
