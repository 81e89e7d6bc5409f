"""A decision whose list was re-ranked and explored comes out again to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from why_tiny import deployed

import heptad as hp
from heptad.registry.registry import Registry
from heptad.run.progress import Silent
from heptad.run.why.again import Models, again, made, request_of, rows_of
from heptad.run.why.compare import differences
from heptad.run.why.recall import Recall
from heptad.serving.decision import decode, encode
from heptad.streams.log import Log
from heptad.testing.tiny_service import tiny

STEPS = [
    hp.Unseen(), hp.Block(hp.col("price") > 20), hp.Boost(hp.col("maker") == "bolt", 1.3),
    hp.Freshness(hp.col("price") * 1e9 + 1.767e15, half_life="1h"), hp.MMR("tags"), hp.Cap("maker", 2),
    hp.Pin(hp.col("maker") == "cobb", 2), hp.Explore([1, 3], epsilon=0.5, temperature=0.2),
]  # fmt: skip


def test_an_explored_decision_is_made_again(tmp_path):
    one = deployed(tmp_path)
    system = hp.System(
        **{
            n: getattr(tiny, n)
            for n in ("requirements", "framing", "data", "model", "evaluation", "monitoring")
        },
        serving=replace(tiny.serving, rerank=STEPS),
    )
    scorer = Models(Registry(one.profile.registry), "tiny", tiny.plan).get("v0001")
    logged = one.decisions[1]
    explored = 0
    with Log.open(one.profile.log, readonly=True) as log:
        recall = Recall(tiny.plan, tiny.plan, log, logged.offsets[0], rows_of(logged, tiny), Silent())
        for number in range(12):
            asked = request_of(logged, tiny.framing)._replace(request_id=f"r{number}", n=3 + number % 4)
            outcome = made(system, tiny.plan, recall.at(logged.t, logged.offsets[0]), scorer, asked)
            assert outcome.error is None
            decision = decode(encode(outcome.decision))
            assert decision.n == asked.n
            found = again(system, recall, decision, scorer)
            assert differences(decision, found) == []
            explored += decision.propensities.min() < 1.0
            other = replace(decision, propensities=np.ones(len(decision.shown)))
            assert {d.part for d in differences(other, found)} <= {"propensities"}
    assert explored > 4
