"""Whether ranked answers are right: one made again whole from the log; of others what was shown held to the oracle at
(t, o), and its scores to LightGBM itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from heptad.models.encoder import Encoder
from heptad.monitoring.audit import Served, audit, rows_asked
from heptad.oracle.oracle import Oracle
from heptad.plan.nodes import RequestColumn
from heptad.registry.registry import Registry
from heptad.run.profile import Profile
from heptad.run.progress import Silent
from heptad.run.serve import predictions_of
from heptad.run.target import Target
from heptad.run.why.why import why
from heptad.serving.decision import Decision
from heptad.serving.prediction_log import PredictionLog
from heptad.streams.log import Log
from heptad.streams.payload import Codec

ANSWERS, ROWS = 10, 4


def champion_files(target: Target, profile: Profile) -> Path:
    """Where the champion's files lie."""
    version = Registry(profile.registry).champion(target.name)
    if version is None:
        raise SystemExit("no champion")
    return version.path


def checked(target: Target, profile: Profile) -> dict[str, Any]:
    """The newest answers of the deployment, recomputed; exits where one is wrong."""
    with PredictionLog.open(predictions_of(profile), readonly=True) as predictions:
        decisions = [decision for decision in predictions.read() if decision.columns][-ANSWERS:]
    if not decisions:
        raise SystemExit("no answer of the model was logged")
    files = champion_files(target, profile)
    encoder = Encoder.load(files / "encoder")
    trees = lightgbm.Booster(model_file=str(files / "model" / "gbdt.txt"))
    for decision in decisions:
        score = trees.predict(encoder.transform(decision.features), num_threads=1)
        best = np.argsort(-decision.scores, kind="stable")
        if not np.array_equal(score, decision.p) or not np.array_equal(best, decision.shown):
            raise SystemExit(f"answer {decision.request_id}: not what LightGBM says of these features")
    served = [_rows(target, decision, seed) for seed, decision in enumerate(decisions)]
    plan = target.system.plan
    with Log.open(profile.log, readonly=True) as log:
        records = Codec(plan).logged(log.read_columns(0, log.end))
    oracle = Oracle(plan, records, [row for one in served for row in rows_asked(one)])
    found = audit(oracle, len(records), served, values=10**9)
    if found.mismatches or not found.compared:
        raise SystemExit(f"{found.mismatches} of {found.compared} values wrong: {found.wrong[:3]}")
    told = why(target, profile, None, progress=Silent())
    if told["verdict"] != "reproduced":
        raise SystemExit(f"answer {told['request_id']}: {told['says']}")
    return {
        "answers": len(decisions), "candidates": min(len(decision.candidates) for decision in decisions),
        "values_equal_to_the_oracle": found.equal,
        "scores_equal_to_lightgbm": sum(len(decision.items) for decision in decisions),
        "made_again_to_the_last_bit": len(told["candidates"]),
    }  # fmt: skip


def _rows(target: Target, decision: Decision, seed: int) -> Served:
    """Some items that a decision showed, as the audit takes them; what the request brought is left out of the values."""
    plan, framing = target.system.plan, target.system.ranking
    places = np.random.default_rng(seed).permutation(len(decision.items))[:ROWS]
    request: dict[str, list[Any]] = {name: [value] * len(places) for name, value in decision.context.items()}
    request |= {f"score:{name}": scores[places].tolist() for name, scores in decision.sources.items()}
    request[framing.user.name] = [decision.user] * len(places)
    request[framing.item.name] = [decision.items[place] for place in places]
    brought = {c.name for c in plan.columns if isinstance(c.source, RequestColumn)}
    values = {name: column[places] for name, column in decision.features.items() if name not in brought}
    return Served(decision.request_id, decision.t or 0, decision.offsets.get(0, 0), request, values)
