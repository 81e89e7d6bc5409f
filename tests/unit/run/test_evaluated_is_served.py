"""What is evaluated is what is served: the same candidates, scores and lists, newcomers included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heptad as hp
from heptad.lifecycle.evaluate import MAIN, evaluate, evaluation_set
from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.run.replay import deployment, on_time
from heptad.testing import world as made
from heptad.times import DAY

CUT = made.BEGIN + 60 * DAY
SORTING = [
    hp.Unseen(), hp.Block(hp.contains(hp.col("genres"), "horror")), hp.Boost(hp.col("hour") < 12, 0.8),
    hp.Boost((made.Vote.screen == "tv") & ~hp.contains(hp.col("had"), made.Vote.movie) & (hp.col("length") > 120), 1.5),
    hp.Freshness((hp.col("length") - 80) * (DAY / 2) + made.BEGIN, half_life="20d"), hp.Cap("studio", 3),
    hp.MMR("genres"), hp.Pin(hp.col("studio") == "cobb", 2),
]  # fmt: skip


@pytest.mark.parametrize("steps", [[hp.Unseen()], [], [hp.Unseen(), hp.Cap("genres", 1)]], ids=str)
def test_a_replayed_request_is_answered_with_the_evaluated_list(tmp_path, steps):
    system = made.world(serving=replace(made.STEPS["serving"], rerank=steps))
    history = made.history(system.plan)
    trained = train(history, system, CUT, effort=Effort(200, 10))
    tested = evaluation_set(history, system, trained, CUT, CUT + 20 * DAY, most=60)
    main = evaluate(system, tested, {MAIN: trained.predictor}).contenders[MAIN]
    pairs = tested.pairs
    shown = system.requirements.shown
    rows = on_time(history)
    with deployment(
        made.target(system), history.plan, rows, scorer_of(history, trained), tmp_path / "d"
    ) as live:
        for number in range(len(pairs.requests)):
            live.replay.advance_to(int(pairs.requests.t[number]))
            screen = pairs.requests.context["screen"]
            context = {"screen": screen.values[number] if screen.valid[number] else None}
            outcome = live.pipeline.rank(
                live.pipeline.ask(int(pairs.requests.user[number]), None, context, f"r{number}")
            )
            own = pairs.request == number
            items, scores, p = pairs.item[own], main.score[own], main.probability[own]
            best = np.sort(scores[scores > -np.inf])[::-1][:shown]
            assert outcome.answer.scores == best.tolist()
            of = dict(zip(items.tolist(), scores.tolist(), strict=True))  # ties may stand in another order
            assert [of[item] for item in outcome.answer.items] == outcome.answer.scores
            if pairs.known[number]:
                assert outcome.answer.flags == {}
                assert outcome.decision.items == items.tolist()
                np.testing.assert_array_equal(outcome.decision.p, p)
                for name, values in outcome.decision.sources.items():
                    np.testing.assert_array_equal(values, pairs.scores[name][own])
            else:
                assert outcome.answer.flags == {"fallback": "unknown user"}
    assert 0 < pairs.known.sum() < len(pairs.requests)


def test_a_replayed_request_is_answered_in_the_evaluated_order(tmp_path):
    """Steps that sort, block and pin: the order is what is compared, for scores are those before re-ranking."""
    system = made.world(serving=replace(made.STEPS["serving"], rerank=SORTING))
    history = made.history(system.plan)
    trained = train(history, system, CUT, effort=Effort(200, 10))
    tested = evaluation_set(history, system, trained, CUT, CUT + 20 * DAY, most=40)
    main = evaluate(system, tested, {MAIN: trained.predictor}).contenders[MAIN]
    pairs, compared = tested.pairs, 0
    with deployment(
        made.target(system), history.plan, on_time(history), scorer_of(history, trained), tmp_path / "d"
    ) as live:
        for number in range(len(pairs.requests)):
            live.replay.advance_to(int(pairs.requests.t[number]))
            screen = pairs.requests.context["screen"]
            context = {"screen": screen.values[number] if screen.valid[number] else None}
            outcome = live.pipeline.rank(
                live.pipeline.ask(int(pairs.requests.user[number]), None, context, f"r{number}")
            )
            if pairs.known[number]:
                own = pairs.request == number
                score, items = main.score[own], pairs.item[own]
                best = np.argsort(-score, kind="stable")
                kept = best[score[best] > -np.inf][: system.requirements.shown]
                assert outcome.error is None
                assert outcome.answer.items == items[kept].tolist()
                assert "horror" not in {
                    g for p in outcome.decision.shown for g in outcome.decision.lists["genres"][p]
                }
                compared += 1
    assert compared > 10
