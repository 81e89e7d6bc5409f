"""Pins: which items are to stand where, and the list with them in place."""

from __future__ import annotations

import numpy as np

from heptad.declare.rerank import Pin
from heptad.models.base import Vector
from heptad.serving.rerank.filters import holds
from heptad.serving.rerank.listed import Listed, Order, Pinned, Ranked


def pin(step: Pin, listed: Listed, ranked: Ranked, truth: Vector | None) -> Listed:
    """Note the item, or the best ``n`` that match; an item that is pinned already is left to its first pin."""
    order = listed.order
    matching = order[ranked.items[order] == step.what if truth is None else holds(truth[order])]
    held = [place for earlier in listed.pins for place in earlier.places.tolist()]
    free = matching[~np.isin(matching, held)]
    return listed._replace(pins=(*listed.pins, Pinned(step.position - 1, free[: step.n])))


def placed(listed: Listed) -> tuple[Order, Order]:
    """The order with every pinned item that is still in it at its position, and the positions they have."""
    order, taken = listed.order, dict[int, int]()
    for position, places in listed.pins:
        for place in places[np.isin(places, order)].tolist():
            while position in taken:
                position += 1
            taken[position] = place
    if not taken:
        return order, np.empty(0, np.int64)
    positions = np.array(sorted(taken), np.int64)
    pinned = np.array([taken[position] for position in positions.tolist()], np.int64)
    room = np.arange(len(order) - len(pinned), len(order))  # a shorter list has them last, in their order
    positions = np.minimum(positions, room)
    out = np.empty_like(order)
    rest = np.ones(len(order), np.bool_)
    rest[positions] = False
    out[positions], out[rest] = pinned, order[~np.isin(order, pinned)]
    return out, positions
