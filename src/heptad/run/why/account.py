"""What led to a decision, in plain data: sources, steps, what each feature added. Only of one that was reproduced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from heptad.declare.framing import Ranking
from heptad.declare.rerank import Unseen
from heptad.declare.serving import Serving
from heptad.declare.system import Declaration
from heptad.retrieval.catalog import id_key
from heptad.run.describe import call_text
from heptad.run.why.again import made, request_of
from heptad.run.why.recall import Recalled
from heptad.serving.decision import Decision
from heptad.serving.desk import meets
from heptad.serving.scorer import Scorer


def account(
    declaration: Declaration, moment: Recalled, scorer: Scorer | None, decision: Decision
) -> dict[str, Any]:
    """The parts of an answer: for a ranking its candidates and steps, for both what the model went by.

    ``decision`` is whole, as it was made again.
    """
    out: dict[str, Any] = {}
    if isinstance(declaration.framing, Ranking):
        out["history"] = list(decision.history)
        out["candidates"] = candidates(declaration, decision)
        out["steps"] = [] if decision.flags else steps(declaration, moment, scorer, decision)
        chosen = list(decision.shown)
    else:
        out["decision"] = verdict(declaration, scorer, decision)
        chosen = [0]
    out["features"] = {str(decision.items[place]): values_of(decision, place) for place in chosen}
    if scorer is not None and decision.columns and not decision.flags:
        out["contributions"] = contributions(scorer, decision, chosen)
    return out


def candidates(declaration: Declaration, decision: Decision) -> list[dict[str, Any]]:
    """Every candidate in the order in which it was proposed, with its place by each source and in the answer.

    A source counts only items it has a score for; those up to its quota are its list.
    """
    ranks = {place: rank for rank, place in enumerate(decision.shown, 1)}
    by_score = np.argsort(-np.nan_to_num(decision.scores, nan=-np.inf), kind="stable").tolist()
    scored = {place: rank for rank, place in enumerate(by_score, 1)}
    listed = {name: _places(decision, name) for name in decision.sources}
    quotas = {source.name: source.n for source in declaration.retrieval.candidates}
    return [
        {
            "item": item,
            "sources": {
                name: {
                    "score": float(scores[place]),
                    "place": listed[name].get(place),
                    "listed": listed[name].get(place, 1 << 62) <= quotas.get(name, 1 << 62),
                }
                for name, scores in decision.sources.items()
            },
            "p": float(decision.p[place]),
            "score": float(decision.scores[place]),
            "by_score": scored[place],
            "rank": ranks.get(place),
        }
        for place, item in enumerate(decision.items)
    ]


def steps(
    declaration: Declaration, moment: Recalled, scorer: Scorer | None, decision: Decision
) -> list[dict[str, Any]]:
    """What each re-ranking step did to the items shown: the answer with the steps up to it, against the one before.

    What the user has had is left out from the beginning, where it is: sources are not asked for it.
    """
    serving = declaration.serving
    if not isinstance(serving, Serving):
        return []
    first = tuple(step for step in serving.rerank if isinstance(step, Unseen))
    others = tuple(step for step in serving.rerank if not isinstance(step, Unseen))
    asked, out = request_of(decision, declaration.framing), []
    before: list[Any] = []
    for number in range(len(others) + 1):
        cut = replace(declaration, serving=replace(serving, rerank=first + others[:number]))
        found = made(cut, moment.plan, moment, scorer, asked).decision
        shown = [found.items[place] for place in found.shown]
        name = "score" if number == 0 else call_text(others[number - 1])
        out.append({"step": name, "shown": shown} | ({} if number == 0 else moves(before, shown)))
        before = shown
    return out


def moves(before: list[Any], after: list[Any]) -> dict[str, Any]:
    """How one list of items becomes another: out, in, and from which rank to which."""
    was = {item: rank for rank, item in enumerate(before, 1)}
    now = {item: rank for rank, item in enumerate(after, 1)}
    return {
        "out": [item for item in before if item not in now],
        "in": [item for item in after if item not in was],
        "moved": [
            {"item": item, "from": was[item], "to": rank}
            for item, rank in now.items()
            if was.get(item, rank) != rank
        ],
    }


def values_of(decision: Decision, place: int) -> dict[str, Any]:
    """Every feature of one candidate."""
    return {
        name: values[place].tolist() if isinstance(values[place], np.generic) else values[place]
        for name, values in decision.features.items()
    }


def contributions(scorer: Scorer, decision: Decision, chosen: list[int]) -> dict[str, Any] | None:
    """What each column of the matrix added to the log-odds of the chosen candidates, before calibration."""
    found = scorer.classifier.contributions(scorer.encode(decision.features)[chosen])
    if found is None:
        return None
    names = scorer.encoder.names
    return {
        str(decision.items[place]): {
            "base": float(row[-1]),
            "columns": {n: float(v) for n, v in zip(names, row[:-1], strict=True) if v != 0},
        }
        for place, row in zip(chosen, found, strict=True)
    }


def verdict(declaration: Declaration, scorer: Scorer | None, decision: Decision) -> Mapping[str, Any]:
    """What became of a classified event, and why."""
    rules = [str(rule) for rule in declaration.review.rules if meets(rule, decision.context)]
    return {
        "p": float(decision.p[0]),
        "reviewed": bool(decision.shown),
        "threshold": None if scorer is None or decision.flags else scorer.threshold,
        "rules": rules,
    }


def _places(decision: Decision, source: str) -> dict[int, int]:
    """Candidate -> its place by the score of one source, ties by item id."""
    scores = decision.sources[source]
    order = sorted(
        np.flatnonzero(scores > 0).tolist(), key=lambda at: (-scores[at], id_key(decision.items[at]))
    )
    return {place: rank for rank, place in enumerate(order, 1)}
