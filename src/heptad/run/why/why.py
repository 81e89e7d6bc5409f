"""Why a request was answered as it was: found, made again, compared; explained only if every bit is the same."""

from __future__ import annotations

from typing import Any, Final

from heptad.declare.retrieval import Retrieval
from heptad.errors import DataError, HeptadError, StateError
from heptad.registry.registry import Registry
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.target import Target
from heptad.run.why.account import account
from heptad.run.why.again import Models, again, rows_of
from heptad.run.why.compare import Difference, differences
from heptad.run.why.other import compared, replayed_under, scorer_for
from heptad.run.why.recall import Recall
from heptad.run.why.search import Found, find, last
from heptad.serving.decision import Decision
from heptad.serving.scorer import Scorer
from heptad.streams.log import Log
from heptad.times import format_instant

#: Every bit of the decision comes out of the event log and the registry again.
REPRODUCED: Final = "reproduced"
#: Something else comes out: a log, a model or the code is not what it was. Nothing is explained.
DIFFERS: Final = "differs"
#: A log or a model is damaged or was tampered with, or is not there. Nothing is explained.
REFUSED: Final = "refused"
#: An answer that says itself that a part had failed: it was not made from what was known at one moment.
DEGRADED: Final = "degraded"

_SHOWN: Final = 20  #: differences told


def why(
    target: Target,
    profile: Profile,
    request_id: str | None,
    *,
    progress: Progress,
    other: Target | None = None,
) -> dict[str, Any]:
    """The account of a request, of the newest for None; ``verdict`` says whether it was reproduced.

    Raises DataError where no such request was logged, or ``other`` cannot answer it, and for a search by pictures.
    """
    if isinstance(target.system.framing, Retrieval):
        raise DataError(
            f"heptad why {target.name}", "a system that logs its decisions: a ranking or a classification",
            "a search by pictures, which logs the rows that were posted, and no searches",
            "post the picture to /search again: the answer names its model, its embedding and every cosine",
        )  # fmt: skip
    try:
        found = last(profile) if request_id is None else find(profile, request_id, progress)
    except StateError as error:
        return {"request_id": request_id, **_refused("the prediction log", error)}
    decision = found.decision
    out = {"request_id": decision.request_id, "system": target.name, **_logged(found)}
    if decision.plan_hash != target.system.plan.hash:
        return out | _refused("the declaration", _another_plan(target, decision))
    try:
        scorer = Models(Registry(profile.registry), target.name, target.system.plan).get(
            decision.model_version
        )
    except StateError as error:
        return out | _refused("the model", error)
    try:
        with Log.open(profile.log, readonly=True) as log:
            return out | _examined(target, profile, log, decision, scorer, progress, other)
    except StateError as error:
        return out | _refused("the event log", error)


def _examined(
    target: Target, profile: Profile, log: Log, decision: Decision, scorer: Scorer | None, progress: Progress,
    other: Target | None,
) -> dict[str, Any]:  # fmt: skip
    system = target.system
    if decision.t is None:
        said = "it read no state, so there is no (t, o) to make it again at"
        return {"verdict": DEGRADED, "says": f"{_flags(decision)}: {said}"}
    end = decision.offsets.get(0, 0)
    with progress.stage("reading the event log", end) as stage:
        recall = Recall(system.plan, system.plan, log, end, rows_of(decision, system), stage)
    found, error = None, None
    try:
        found = again(system, recall, decision, scorer)
    except Exception as raised:  # what is wrong with the decision may break any part
        error = raised
    wrong = [Difference("decision", "made again", "an answer", f"{type(error).__name__}: {error}")]
    if found is not None:
        wrong = differences(decision, found)
    if wrong or found is None:
        return _unlike(decision, wrong)
    moment = recall.at(decision.t, end)
    out = {
        "verdict": REPRODUCED, "says": "reproduced: every bit",
        **account(system, moment, scorer, found),
    }  # fmt: skip
    if other is not None:
        theirs = scorer_for(target, other, Registry(profile.registry), scorer)
        with progress.stage(f"replaying under {other.address}", end) as stage:
            recall = Recall(other.system.plan, system.plan, log, end, rows_of(decision, other.system), stage)
            out["with"] = compared(other, found, replayed_under(other, recall, decision, theirs))
    return out


def _unlike(decision: Decision, wrong: list[Difference]) -> dict[str, Any]:
    degraded = set(decision.flags) - {"fallback"}
    parts = ", ".join(dict.fromkeys(one.part for one in wrong))
    differ = {"differences": [one._asdict() for one in wrong[:_SHOWN]], "different": len(wrong)}
    if degraded:
        said = f"{_flags(decision)}: what it went by was not what was known at (t, o)"
        return {"verdict": DEGRADED, "says": said, **differ}
    said = f"{len(wrong):,} values differ, in {parts}: a log, the model or the code is not what it was; not explained"
    return {"verdict": DIFFERS, "says": said, **differ}


def _logged(found: Found) -> dict[str, Any]:
    """What was logged of a decision, and where."""
    decision = found.decision
    return {
        "log": {"predictions": str(found.log), "offset": found.offset, "asked": found.times, "damage": found.damage},
        "t": decision.t,
        "time": None if decision.t is None else format_instant(decision.t),
        "offsets": dict(decision.offsets),
        "user": decision.user,
        "context": dict(decision.context),
        "flags": dict(decision.flags),
        "model_version": decision.model_version,
        "plan_hash": decision.plan_hash,
        "took_us": dict(decision.took_us),
        "shown": [decision.items[place] for place in decision.shown],
    }  # fmt: skip


def _refused(part: str, error: HeptadError) -> dict[str, Any]:
    said = {"thing": error.thing, "expected": error.expected, "got": error.got, "fix": error.fix}
    return {
        "verdict": REFUSED,
        "says": f"{part} cannot be believed: not explained",
        "part": part,
        "error": said,
    }


def _another_plan(target: Target, decision: Decision) -> StateError:
    return StateError(
        f"decision {decision.request_id}", f"one of plan {target.system.plan.hash}", f"plan {decision.plan_hash}",
        "name the declaration that served it, as it was then; another one goes behind --with",
    )  # fmt: skip


def _flags(decision: Decision) -> str:
    return ", ".join(f"{name}: {value}" for name, value in decision.flags.items())
