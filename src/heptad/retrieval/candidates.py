"""The items proposed for a batch of requests, each with the score of every source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.models.base import Vector
from heptad.retrieval.catalog import Places


@dataclass(frozen=True, eq=False)
class Candidates:
    """m candidates of n requests, those of request i at ``starts[i]:starts[i + 1]``, best first.

    ``items`` (m,) are ids (int64, or objects for text); ``places`` (m,) their places in the index;
    ``scores`` holds for every source the score of each candidate (m,), 0 where the source does not know it
    or was not asked; ``took`` the nanoseconds of each source, where they were measured.
    """

    starts: NDArray[np.int64]
    places: Places
    items: NDArray[Any]
    scores: Mapping[str, Vector]
    took: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, request: int) -> slice:
        """Where the candidates of one request lie."""
        return slice(int(self.starts[request]), int(self.starts[request + 1]))

    @property
    def request(self) -> NDArray[np.int64]:
        """(m,): the request each candidate belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def columns(self) -> dict[str, Vector]:
        """The scores by the names under which features ask for them: ``score:ease``."""
        return {f"score:{name}": values for name, values in self.scores.items()}


def joined(parts: list[Candidates], names: tuple[str, ...]) -> Candidates:
    """Batches of requests, one after the other, as one."""
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(part.starts) for part in parts)])
    scores = {name: np.concatenate([np.empty(0), *(part.scores[name] for part in parts)]) for name in names}
    return Candidates(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([np.empty(0, np.int64), *(part.places for part in parts)]),
        np.concatenate([part.items for part in parts]) if parts else np.empty(0, np.int64),
        scores,
    )
