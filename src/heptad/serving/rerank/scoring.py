"""Steps that change the scores, and sort by them again; equal scores keep their order."""

from __future__ import annotations

import numpy as np

from heptad.declare.rerank import Boost, Freshness
from heptad.models.base import Vector
from heptad.serving.rerank.filters import holds
from heptad.serving.rerank.kernels import halved
from heptad.serving.rerank.listed import Listed, Ranked
from heptad.times import duration


def boost(step: Boost, listed: Listed, ranked: Ranked, truth: Vector) -> Listed:
    """Scores times the factor where the condition is true."""
    return _raised(listed, np.where(holds(truth), step.factor, 1.0))


def freshness(step: Freshness, listed: Listed, ranked: Ranked, since: Vector) -> Listed:
    """Scores times 1 + boost * 2^(-age / half_life)."""
    left = np.empty(len(since))
    halved(ranked.t - since, float(duration(step.half_life)), left)
    return _raised(listed, 1.0 + step.boost * left)


def _raised(listed: Listed, factors: Vector) -> Listed:
    scores = np.where(listed.scores < 0.0, listed.scores / factors, listed.scores * factors)
    best = np.argsort(-scores[listed.order], kind="stable")
    return listed._replace(order=listed.order[best], scores=scores)
