"""What re-ranking steps look at, and the list as it goes from step to step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.models.base import Vector

Order = NDArray[np.int64]


class Ranked(NamedTuple):
    """Candidates of one request: their ids and columns (m,), what the user has had before, and how many are asked for.

    ``t`` is the request's time in microseconds. Of ``seen`` only what is among the candidates matters.
    """

    items: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]
    seen: Collection[Any]
    t: int
    n: int


class Pinned(NamedTuple):
    """Places of candidates, in their order, that are to stand at ``position`` (0 is the top) and below it."""

    position: int
    places: Order


class Listed(NamedTuple):
    """Places of candidates, best first; ``scores`` (m,) as steps have changed them; and the pins so far."""

    order: Order
    scores: Vector
    pins: tuple[Pinned, ...] = ()
