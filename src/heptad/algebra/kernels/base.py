"""What a kernel module holds: `lift` and `finalize`, vectorised over events and over reads."""

from __future__ import annotations

import importlib
from functools import cache
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.spec import Params

Words = NDArray[np.int64]


class Events(NamedTuple):
    """A column of n events: times and ties int64 (n,), values (n,) float64 or int64 (text as codes).

    Only events whose column is not null, and that pass the feature's `where`, reach a kernel.
    """

    time: NDArray[np.int64]
    tie: NDArray[np.int64]
    values: NDArray[np.float64] | NDArray[np.int64]


class Kernel(Protocol):
    """One aggregation's arithmetic.

    ``lift(events, params)`` -> int64 (n, words), the state of each event alone.
    ``finalize(words, t, params)`` -> for 'number' float64 (m,); for 'value' and 'values' int64 (m, n)
    coded values, newest first, and int64 (m,) how many of them are present. ``words`` is (m, words).
    """

    @staticmethod
    def lift(events: Events, params: Params) -> Words: ...
    @staticmethod
    def finalize(
        words: Words, t: NDArray[np.int64], params: Params
    ) -> NDArray[np.float64] | tuple[Words, Words]: ...


@cache
def kernel(name: str) -> Kernel:
    """The kernel of the aggregation called ``name``."""
    return cast(Kernel, importlib.import_module(f"heptad.algebra.kernels.{name}"))
