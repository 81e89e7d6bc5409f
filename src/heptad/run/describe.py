"""A system in plain data: what each step states, and what its plan compiles to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from heptad.declare.data import SourceScore
from heptad.declare.expressions import Expression
from heptad.declare.features import Calendar, Derived
from heptad.declare.field import Condition
from heptad.declare.framing import Classification, Framing, Ranking, Score
from heptad.declare.labels import FollowedBy, Label
from heptad.declare.model import Model
from heptad.declare.requirements import Requirements
from heptad.declare.retrieval import Contrastive, Retrieval, Same
from heptad.declare.review import Review
from heptad.declare.search import Search
from heptad.declare.serving import Serving
from heptad.declare.system import Declaration
from heptad.plan.explain import key_bytes, most_tiles, tile_bytes
from heptad.plan.nodes import ColumnPlan, DecayColumn, Plan, RateColumn, WindowColumn
from heptad.run.target import Target
from heptad.times import format_duration

_WORD = 8


def describe(target: Target) -> dict[str, Any]:
    """The declaration as text, numbers, lists and objects: one entry per step, and ``plan``.

    ``dashboard.design_document`` renders it; ``heptad explain --json`` writes ``plan``. Equal declarations
    give equal descriptions.
    """
    system = target.system
    requirements = system.requirements
    total = requirements.kpi.total
    counted = "count of" if total.column is None else f"sum of {total.column} over"
    return {
        "name": target.name,
        "doc": target.doc,
        "requirements": {
            "p99": requirements.p99,
            **_per_request(requirements, system.framing),
            "qps": requirements.qps,
            "freshness": requirements.freshness,
            "kpi": f"{requirements.kpi.name}: {counted} {label_text(total.where)}",
        },
        "framing": _framing(system.framing),
        "data": {
            "streams": [stream.name for stream in system.plan.streams],
            "static": [{"name": name, "from": str(fact)} for name, fact in system.data.static.items()],
            "dynamic": [
                row
                for column in system.plan.columns
                if column.group == "dynamic"
                for row in _dynamic(system.plan, column)
            ],
            "contextual": [_contextual(name, value) for name, value in system.data.contextual.items()],
        },
        "model": _stated(system.model),
        "evaluation": {
            "split": call_text(system.evaluation.split),
            "gate": [str(check) for check in system.evaluation.gate],
            **_compared(system),
        },
        "serving": _serving(system.serving),
        "monitoring": {
            "retrain": [call_text(trigger) for trigger in system.monitoring.retrain],
            "canary": system.monitoring.canary,
        },
        "plan": _plan(system.plan),
    }


def _per_request(requirements: Requirements, framing: Framing) -> dict[str, Any]:
    if isinstance(framing, Classification):
        return {}
    return {"candidates": requirements.candidates, "shown": requirements.shown}


def _framing(framing: Framing) -> dict[str, Any]:
    match framing:
        case Retrieval(picture, Contrastive(alike, temperature)):
            said = f"Contrastive of {label_text(alike)}, temperature {temperature:g}"
            return {"kind": "Retrieval", "picture": str(picture), "objective": said}
    objective = f"{type(framing.objective).__name__} of {label_text(framing.objective.label)}"
    match framing:
        case Ranking():
            parts = {"item": str(framing.item), "user": str(framing.user)}
            return {"kind": "Ranking", **parts, "objective": objective, "score": _score(framing.score)}
        case Classification():
            weight = framing.objective.positive_weight
            about = {} if framing.entity is None else {"entity": str(framing.entity)}
            heavier = {} if weight == 1.0 else {"positive weight": weight}
            kind = {"kind": "Classification", "event": framing.event.__name__}
            return {**kind, **about, "objective": objective, **heavier}


def _compared(system: Declaration) -> dict[str, Any]:
    if not isinstance(system.framing, Classification):
        return {}
    return {"compare": {name: _stated(model) for name, model in system.compared.items()}}


def _serving(serving: Serving | Review | Search) -> dict[str, Any]:
    match serving:
        case Search():
            return {
                "candidates": [call_text(source) for source in serving.candidates],
                "filters": [str(field) for field in serving.filters],
                "rerank": [call_text(step) for step in serving.rerank],
            }
        case Serving():
            return {
                "candidates": [call_text(source) for source in serving.candidates],
                "history": serving.history,
                "rerank": [call_text(step) for step in serving.rerank],
                "fallback": call_text(serving.fallback),
            }
        case Review():
            return {
                "review": f"the {serving.load} highest probabilities per {serving.every}",
                "rules": [f"review where {rule}" for rule in serving.rules],
                "fallback": "Prior()",
            }


def label_text(label: Label | Same) -> str:
    """A label in words: ``Rating with stars >= 4``, ``Impression followed by Click within 30m``."""
    if isinstance(label, Same):
        return f"rows of the same {label.field.name}"
    if isinstance(label, FollowedBy):
        within = format_duration(label.within)
        return f"{label.event.__name__} followed by {label.outcome.__name__} within {within}"
    return f"{label.event.__name__}" + ("" if label.where is None else f" with {label.where}")


def call_text(value: Any) -> str:
    """A part of a declaration as it would be written: its first argument, and what differs from the defaults.

    >>> from heptad.declare.serving import EASE, Popular
    >>> call_text(EASE(150)), call_text(Popular())
    ('EASE(150)', 'Popular(100)')
    """
    first, *others = [*fields(value), None]
    said = [] if first is None or getattr(value, first.name) == () else [repr(getattr(value, first.name))]
    for field in others:
        if field is not None and (given := getattr(value, field.name)) != field.default:
            said.append(f"{field.name}={given!r}")
    return f"{type(value).__name__}({', '.join(said)})"


def _score(score: Score) -> str:
    return "p" if score.weight is None else f"p * {score.weight}"


def _stated(model: Any) -> dict[str, Any]:
    """A model family and its parameters."""
    if isinstance(model, Model):
        return {"kind": "Model", "estimator": repr(model.estimator)}
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    return {"kind": type(model).__name__, **values}


def _contextual(name: str, feature: Any) -> dict[str, str]:
    match feature:
        case Calendar(part):
            said = f"{part} of the request, UTC"
        case Derived():
            said = f"{feature.name}({', '.join(feature.inputs)})"
        case Expression() | Condition():
            said = str(feature.expression())
        case SourceScore(source):
            said = f"score of the candidate source {source}"
        case _:
            said = str(feature)
    return {"name": name, "is": said}


def _dynamic(plan: Plan, column: ColumnPlan) -> Iterator[dict[str, Any]]:
    """One row per column; a rate's bytes are those of both its sides."""
    match column.source:
        case RateColumn(above, below):
            sides: tuple[WindowColumn, ...] = (above, below)
            slots = tuple(plan.said(side) for side in sides)
            aggregation = f"rate of {slots[0]} to {slots[1]}"
        case WindowColumn():
            sides = (column.source,)
            aggregation = plan.said(column.source)
        case DecayColumn(parts, half_life):
            sides = parts[-1:]  # all of them are tiles of one slot
            aggregation = f"{plan.said(parts[-1])}, halved every {format_duration(half_life)}"
        case _:
            return
    first = sides[0]
    groups = [plan.groups[side.group] for side in sides]
    yield {
        "name": column.name,
        "aggregation": aggregation,
        "stream": " / ".join(dict.fromkeys(group.stream for group in groups)),
        "keys": list(groups[0].keys),
        "window": "all time" if first.window.width is None else first.window.label,
        "hop": "" if first.window.width is None else format_duration(first.window.hop),
        "bytes": sum(_slot_bytes(plan, side) for side in sides),
    }


def _slot_bytes(plan: Plan, column: WindowColumn) -> int:
    """Bytes of the slot's words in all tiles of its ring."""
    ring = plan.groups[column.group].rings[column.ring]
    return _WORD * plan.slot_of(column).words * most_tiles(ring)


def _plan(plan: Plan) -> dict[str, Any]:
    """The compiled plan: its hashes, streams, groups with their bytes per key, and columns."""
    return {
        "hash": plan.hash,
        "state_hash": plan.state_hash,
        "streams": [
            {
                "name": stream.name,
                "table": stream.is_table,
                "columns": {field.name: field.kind.value for field in stream.fields},
                "lateness": None if stream.lateness is None else format_duration(stream.lateness),
            }
            for stream in plan.streams
        ],
        "groups": [
            {
                "name": group.name,
                "keys": list(group.keys),
                "bytes_per_key": key_bytes(group),
                "rings": [
                    {
                        "hop": None if ring.hop is None else format_duration(ring.hop),
                        "tiles": most_tiles(ring),
                        "tile_bytes": tile_bytes(group, ring),
                        "slots": [str(group.slots[slot]) for slot in ring.slots],
                    }
                    for ring in group.rings
                ],
            }
            for group in plan.groups
        ],
        "columns": [
            {"name": column.name, "group": column.group, "holds": column.holds, "kind": column.kind.value}
            for column in plan.columns
        ],
    }
