"""The same request at the same (t, o) under another declaration: what would have been answered, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from heptad.declare.framing import Ranking
from heptad.errors import DataError, StateError
from heptad.monitoring.audit import same_bits
from heptad.registry.registry import Registry
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.fit import untrained
from heptad.run.champion import load_champion
from heptad.run.target import Target
from heptad.run.why.account import moves, values_of
from heptad.run.why.again import answerer, made, request_of
from heptad.run.why.recall import Recall
from heptad.serving.decision import Decision
from heptad.serving.scorer import Scorer


def scorer_for(target: Target, other: Target, registry: Registry, ours: Scorer | None) -> Scorer:
    """What the other declaration is served with: its own champion, else the decision's model where it fits.

    A declaration of the same name shares its champion with the first: then the decision's model stays, so that
    only the declaration differs. Raises StateError where neither was trained on its features.
    """
    plan = other.system.plan
    fits = ours is not None and ours.plan_hash == plan.hash
    champion = None
    if other.name != target.name or not fits:
        champion = (
            load_champion(registry, other.name, plan.hash) if other.name in registry.systems() else None
        )
    found = champion or (ours if fits else None)
    if found is None:
        raise StateError(
            f"a model for {other.name}", f"one trained on the features of plan {plan.hash}",
            "no champion of its own, and a decision's model of other features",
            f"train it: heptad run {other.address}",
        )  # fmt: skip
    return _with_quotas(found, other)


def replayed_under(other: Target, recall: Recall, decision: Decision, scorer: Scorer) -> Decision:
    """The decision that the other declaration would have made. Raises what one of its parts raises."""
    ranking = isinstance(other.system.framing, Ranking)
    if decision.t is None or ranking != (decision.user is not None):
        raise DataError(
            f"--with {other.address}", "a system of the same shape, and a decision that read a state",
            "another", "compare rankings with rankings",
        )  # fmt: skip
    moment = recall.at(decision.t, decision.offsets.get(0, 0))
    shape = answerer(other.system, recall.plan, moment, scorer).shape
    context = {name: value for name, value in decision.context.items() if name in shape.context}
    missing = [name for name in shape.required if name not in context]
    if missing:
        raise DataError(
            f"--with {other.address}", f"a request that brings {missing[0]}", "one without",
            "its features are counted by it: replay a declaration that needs what was sent",
        )  # fmt: skip
    asked = request_of(decision, other.system.framing)._replace(context=context)
    outcome = made(other.system, recall.plan, moment, scorer, asked)
    if outcome.error is not None:
        raise outcome.error
    return outcome.decision


def compared(other: Target, decision: Decision, theirs: Decision) -> dict[str, Any]:
    """What would have changed: items in and out, ranks, and the values of features that both have."""
    ours, after = (_shown(one) for one in (decision, theirs))
    places = {item: place for place, item in enumerate(theirs.items)}
    differ = []
    for place, item in enumerate(decision.items):
        if item in places and (item in ours or item in after):
            one, two = values_of(decision, place), values_of(theirs, places[item])
            differ += [
                {"item": item, "column": name, "logged": one[name], "with": two[name]}
                for name in one
                if name in two and not same_bits(one[name], two[name])
            ]
    names = set(decision.features), set(theirs.features)
    return {
        "system": other.address, "model": theirs.model_version, "plan": theirs.plan_hash, "flags": dict(theirs.flags),
        "shown": after, "p": [float(theirs.p[place]) for place in theirs.shown] or [float(p) for p in theirs.p[:1]],
        **moves(ours, after), "features": differ,
        "features_lost": sorted(names[0] - names[1]), "features_gained": sorted(names[1] - names[0]),
    }  # fmt: skip


def _shown(decision: Decision) -> list[Any]:
    return [decision.items[place] for place in decision.shown]


def _with_quotas(scorer: Scorer, other: Target) -> Scorer:
    """The scorer with the sources and quotas that the other declaration names, as far as they were trained."""
    if scorer.retriever is None or not isinstance(other.system.framing, Ranking):
        return scorer
    trained, index = scorer.retriever.sources, scorer.retriever.index
    sources = {}
    for one in other.system.retrieval.candidates:
        source = untrained(one, index) or (trained[one.name].source if one.name in trained else None)
        if source is None:
            raise StateError(
                f"candidate source {one.name!r}", f"one that model {scorer.version} was trained with",
                ", ".join(trained), f"train it: heptad run {other.address}",
            )  # fmt: skip
        sources[one.name] = Quota(source, one.n)
    retriever = Retriever(sources, index, other.system.requirements.candidates)
    retriever.known = scorer.retriever.known
    return replace(scorer, retriever=retriever)
