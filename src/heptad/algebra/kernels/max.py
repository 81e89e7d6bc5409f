"""max: one word that sorts as the number does; identity means no event.

A float's word is its IEEE 754 bits in sortable form; an integer is first made a float64, as it is read.
"""

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Events, Words
from heptad.algebra.kernels.coding import decode, encode
from heptad.algebra.spec import IDENTITY, Merge, Params


def lift(events: Events, params: Params) -> Words:
    return encode(events.values.astype(np.float64)).reshape(-1, 1)


def finalize(words: Words, t: NDArray[np.int64], params: Params) -> NDArray[np.float64]:
    word = words[:, 0]
    return np.where(word == IDENTITY[Merge.MAX], np.nan, decode(word))
