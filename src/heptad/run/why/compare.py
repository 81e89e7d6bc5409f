"""Two decisions side by side: where they differ in a bit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from heptad.monitoring.audit import same_bits
from heptad.serving.decision import Decision
from heptad.serving.kept import unlike


class Difference(NamedTuple):
    """One value that was logged and does not come out again. ``part`` is what it belongs to, ``where`` which it is."""

    part: str
    where: str
    logged: Any
    recomputed: Any


def differences(logged: Decision, again: Decision) -> list[Difference]:
    """All differences, in the order in which a decision is made; none where every bit is the same.

    ``again`` is whole. Of a candidate whose values were not logged, a column that differs is told by its digests. How
    long it took is no part of a decision.
    """
    found = _listed("history", logged.history, again.history)
    found += _listed("candidates", logged.candidates, again.items)
    if sorted(logged.sources) != sorted(again.sources):
        found.append(Difference("candidates", "sources", sorted(logged.sources), sorted(again.sources)))
    places = _shared(logged, again)
    for name in sorted(logged.sources.keys() & again.sources.keys()):
        found += _rows("candidates", f"score of {name}", logged.sources[name], again.sources[name], places)
    ours, theirs = logged.features, again.features
    if sorted(ours) != sorted(theirs):
        found.append(Difference("features", "columns", sorted(ours), sorted(theirs)))
    for name in ours:
        if name in theirs:
            found += _rows("features", name, ours[name], theirs[name], places)
    found += _rows("model", "p", logged.p, again.p, places)
    found += _rows("model", "score", logged.scores, again.scores, places)
    found += _elsewhere(logged, again, found)
    shown = [[one.items[place] for place in one.shown] for one in (logged, again)]
    found += _listed("shown", *shown)
    found += _listed("propensities", logged.propensities.tolist(), again.propensities.tolist())
    for name in ("flags", "model_version", "plan_hash"):
        ours, theirs = getattr(logged, name), getattr(again, name)
        if ours != theirs:
            found.append(Difference("answer", name, ours, theirs))
    return found


def _shared(logged: Decision, again: Decision) -> list[tuple[Any, int, int]]:
    """The items of both, with their places in each."""
    theirs = {item: place for place, item in enumerate(again.items)}
    return [(item, place, theirs[item]) for place, item in enumerate(logged.items) if item in theirs]


def _elsewhere(logged: Decision, again: Decision, found: list[Difference]) -> list[Difference]:
    """Columns with other bits in rows that were not logged; of other candidates digests say nothing."""
    if logged.candidates != again.items:
        return []
    return [
        Difference(part, f"{name} of candidates not shown", f"digest {ours}", f"digest {theirs}")
        for (part, name), (ours, theirs) in unlike(logged, again).items()
        if not any(one.part == part and one.where.startswith(f"{name} of ") for one in found)
    ]


def _listed(part: str, logged: list[Any], again: list[Any]) -> list[Difference]:
    if len(logged) != len(again):
        return [Difference(part, "how many", len(logged), len(again))]
    pairs = enumerate(zip(logged, again, strict=True), 1)
    return [
        Difference(part, f"number {place}", one, other)
        for place, (one, other) in pairs
        if not same_bits(one, other)
    ]


def _rows(
    part: str, name: str, logged: Any, again: Any, places: list[tuple[Any, int, int]]
) -> list[Difference]:
    return [
        Difference(part, f"{name} of {item}", _plain(logged[ours]), _plain(again[theirs]))
        for item, ours, theirs in places
        if not same_bits(_plain(logged[ours]), _plain(again[theirs]))
    ]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
