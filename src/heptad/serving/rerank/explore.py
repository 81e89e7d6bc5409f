"""Exploration: other candidates at some positions, each with the probability with which it was shown there.

Let the list be L, of which n are shown. The explored positions are gone through from the top. At position k
the pool is the item that stands at k and all that stand below the n shown; one item of it is drawn, with

    propensity(i at k) = (1 - epsilon) * [i stands at k] + epsilon * w(i) / (sum of w over the pool)

where w is 1, or exp(score / temperature); it and the item at k change places, so that what was displaced may
still be drawn at a later position. Every other position has propensity 1. A propensity is that of the item at
its position given the items drawn above it; the product over an answer's positions is the probability of the
whole answer (rounded as float64 is), as inverse propensity scoring needs it: D. Horvitz, D. Thompson, JASA 47,
1952; A. Swaminathan, T. Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015; for
positions whose items were drawn one after the other, J. McInerney et al., KDD 2020. With one explored position
it is the probability of the item there, whatever else is shown.

The number in [0, 1) that decides a draw is the first 53 bits of BLAKE2b (8 bytes, little-endian, personalized
"heptad.explore") of "<request id> <position from 1>", divided by 2^53.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from heptad.declare.rerank import Explore
from heptad.models.base import Vector
from heptad.serving.rerank.kernels import softmax
from heptad.serving.rerank.listed import Order


def explored(
    step: Explore, order: Order, scores: Vector, pinned: Order, n: int, request_id: str
) -> tuple[Order, Vector]:
    """The n places shown, best first, and their propensities (n,); fewer where the list is shorter.

    ``pinned`` are the positions (0 is the top) that are not explored.
    """
    order, n = order.copy(), min(n, len(order))
    propensities = np.ones(n)
    for position in step.positions:
        k = position - 1
        if k < n and k not in pinned:
            pool = np.concatenate([[k], np.arange(n, len(order))])
            p = _propensities(step, scores[order[pool]])
            reach = np.cumsum(p)
            drawn = min(
                int(np.searchsorted(reach, _number(request_id, position) * reach[-1], "right")), len(p) - 1
            )
            propensities[k] = p[drawn]
            order[[k, pool[drawn]]] = order[[pool[drawn], k]]
    return order[:n], propensities


def _propensities(step: Explore, scores: Vector) -> Vector:
    """Of each of the pool, the first being the item that stands there."""
    weights = np.ones(len(scores))
    if step.temperature is not None:
        softmax(scores, step.temperature, weights)
    p: Vector = step.epsilon * (weights / np.cumsum(weights)[-1])
    p[0] += 1.0 - step.epsilon
    return p


def _number(request_id: str, position: int) -> float:
    """A number in [0, 1) that is alike in every process."""
    digest = blake2b(f"{request_id} {position}".encode(), digest_size=8, person=b"heptad.explore").digest()
    return int(int.from_bytes(digest, "little") >> 11) * 2.0**-53
