"""What a kernel holds: `lift` (or `touch`) and `finalize`, vectorised over events and over reads."""

from __future__ import annotations

import importlib
from functools import cache
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.spec import Params

Words = NDArray[np.int64]


class Events(NamedTuple):
    """A column of n events: times and ties int64 (n,), values (n,) float64 or int64 (text as codes).

    Only events whose column is not null, and that pass the feature's `where`, reach a kernel. An event whose
    column is a list comes once per distinct element. What a value is, the specification's ``sees`` says.
    """

    time: NDArray[np.int64]
    tie: NDArray[np.int64]
    values: NDArray[np.float64] | NDArray[np.int64]


class Touched(NamedTuple):
    """States that are the identity but for few words: state ``row[i]`` has ``word[i]`` merged in at ``place[i]``.

    All int64 (m,); rows ascend.
    """

    row: NDArray[np.int64]
    place: NDArray[np.int64]
    word: NDArray[np.int64]


Finalized = NDArray[np.float64] | tuple[Words, Words]


class Kernel(Protocol):
    """One aggregation's arithmetic.

    ``lift(events, params)`` -> int64 (n, words), the state of each event alone.
    ``finalize(words, t, params)`` -> for 'number' float64 (m,), for 'numbers' float64 (m, n); for 'value' and
    'values' int64 (m, n) coded values, and int64 (m,) how many of them are present; for 'choices' places in the
    vocabulary in place of codes. ``words`` is (m, words).
    """

    @staticmethod
    def lift(events: Events, params: Params) -> Words: ...
    @staticmethod
    def finalize(words: Words, t: NDArray[np.int64], params: Params) -> Finalized: ...


class SparseKernel(Protocol):
    """The kernel of a sparse aggregation: ``touch(events, params)`` says which words the events change."""

    @staticmethod
    def touch(events: Events, params: Params) -> Touched: ...
    @staticmethod
    def finalize(words: Words, t: NDArray[np.int64], params: Params) -> Finalized: ...


class GuardedKernel(Kernel, Protocol):
    """The kernel of a guarded aggregation: ``settled(words)`` says whether no value of any of these n events' states,
    int64 (n, words), however merged, depends on the last word."""

    @staticmethod
    def settled(words: Words) -> bool: ...


def kernel(name: str) -> Kernel:
    """The kernel of the aggregation called ``name``."""
    return cast(Kernel, catalogue.added(name) or _shipped(name))


def sparse_kernel(name: str) -> SparseKernel:
    """The kernel of the sparse aggregation called ``name``."""
    return cast(SparseKernel, catalogue.added(name) or _shipped(name))


def guarded_kernel(name: str) -> GuardedKernel:
    """The kernel of the guarded aggregation called ``name``."""
    return cast(GuardedKernel, catalogue.added(name) or _shipped(name))


@cache
def _shipped(name: str) -> object:
    return importlib.import_module(f"heptad.algebra.kernels.{name}")
