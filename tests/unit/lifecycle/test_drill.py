"""The drill in virtual time, challengers and their registry, and the usual wrong ways of making features."""

from __future__ import annotations

import numpy as np
import pytest

import heptad as hp
from heptad.lifecycle.drill import FEWEST, QUIET, run_drill, shuffle_labels
from heptad.lifecycle.evaluate import MAIN, evaluate
from heptad.lifecycle.naive import WAYS, study
from heptad.lifecycle.retrain import CHAMPION, challenge, code_hash, lineage_of, scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.registry.registry import Registry
from heptad.serving.scorer import Scorer
from heptad.testing import world as made
from heptad.testing.world import CUT, END
from heptad.times import DAY, duration, format_instant, instant

EFFORT = Effort(requests=1_200, negatives=15)
WINDOW = duration("5d")


def drilled(history, system, champion, directory, end=END):
    said: list[str] = []
    registry = Registry(directory)
    outcome = run_drill(history, system, champion, registry, "world", end=end, effort=EFFORT, say=said.append)
    return outcome, registry, said


@pytest.fixture(scope="module")
def champion(history, system):
    return train(history, system, CUT, effort=EFFORT)


@pytest.fixture(scope="module")
def drill(history, system, champion, tmp_path_factory):
    return drilled(history, system, champion, tmp_path_factory.mktemp("registry"))


def whats(outcome):
    return [event["what"] for event in outcome.section["events"]]


def test_drift_is_seen_after_the_shift_and_not_before(drill):
    outcome, _, _ = drill
    shift = CUT + QUIET * WINDOW
    assert outcome.shift_at == shift
    assert whats(outcome)[0] == "shift injected"
    assert shift < outcome.detected_at <= shift + 2 * WINDOW
    for point in outcome.timeline:
        assert (point["max_psi"] > point["threshold"]) <= (instant(point["time"]) > shift)
    assert any(column["drifted"] for column in outcome.columns)


def test_a_challenger_that_saw_the_shift_answers_it(drill):
    outcome, registry, said = drill
    section = outcome.section
    assert section["detected"]
    assert section["answered"]
    assert outcome.promoted.trained.cut > outcome.shift_at
    contenders = outcome.promoted.comparison.contenders
    assert contenders[MAIN].metrics["ndcg@10"] > contenders[CHAMPION].metrics["ndcg@10"] + 0.02
    assert registry.champion("world").name == outcome.promoted.version.name
    assert len(said) == len(outcome.timeline) + 1


def test_shuffled_labels_are_refused_with_reasons(drill):
    outcome, registry, _ = drill
    assert outcome.section["corrupted_refused"]
    assert whats(outcome)[-1] == "refused"
    refused = outcome.corrupted.version.name
    assert registry.get("world", refused).stage == "refused"
    (decision,) = [e for e in registry.history("world") if e.version == refused and e.action == "refused"]
    assert decision.reason.startswith("ndcg@10 > popular: difference to popular")


def test_events_come_in_order_and_every_retrain_ends_in_a_decision(drill):
    outcome, registry, _ = drill
    times = [instant(event["time"]) for event in outcome.events]
    assert times == sorted(times)
    order = whats(outcome)
    for place, what in enumerate(order):
        if what == "drift detected":
            assert order[place + 1] == "retrain"
            assert order[place + 2] in ("promoted", "refused")
    assert len(registry.versions("world")) == order.count("retrain") + 1  # and the corrupted one


def test_a_short_history_is_watched_in_narrower_windows(history, system, champion, tmp_path):
    end = CUT + 12 * DAY
    outcome, _, _ = drilled(history.before(end), system, champion, tmp_path, end)
    width = (end - CUT) // FEWEST
    assert outcome.shift_at == CUT + QUIET * width
    assert len(outcome.timeline) <= FEWEST
    assert outcome.timeline[-1]["time"] <= format_instant(end)
    assert "shift injected" in whats(outcome)
    assert outcome.section["corrupted_refused"]


def test_a_challenger_that_is_no_better_is_refused_and_the_champion_stays(
    history, system, champion, tmp_path
):
    strict = made.world(
        evaluation=hp.Evaluation(hp.TimeSplit(test="40d"), gate=[hp.ndcg(10) > hp.champion, hp.ece < 0.5])
    )
    registry = Registry(tmp_path)
    attempt = challenge(
        registry, "world", strict, history, champion,
        now=CUT + WINDOW, held_back=WINDOW, effort=EFFORT, reason="again",
    )  # fmt: skip
    ours, theirs = (attempt.comparison.contenders[name].metrics for name in (MAIN, CHAMPION))
    assert ours == theirs  # the same data up to the same cut make the same model
    assert not attempt.verdict.passed
    assert registry.champion("world") is None
    registered, refused = registry.history("world")
    assert (registered.action, registered.reason, registered.time) == ("registered", "again", CUT + WINDOW)
    assert refused.action == "refused"
    assert refused.reason == f"ndcg@10 > champion: {attempt.verdict.checks[0].why}"
    assert attempt.version.stage == "refused"
    assert attempt.version.metrics["ndcg@10"] == ours["ndcg@10"]


def test_a_version_says_what_it_was_made_of(history, system, champion, tmp_path):
    registry = Registry(tmp_path)
    attempt = challenge(
        registry, "world", system, history, champion,
        now=CUT + 2 * WINDOW, held_back=WINDOW, effort=EFFORT, reason="schedule",
    )  # fmt: skip
    lineage = attempt.version.lineage
    assert lineage == lineage_of(history, CUT + WINDOW)
    assert (lineage.data, lineage.plan) == (history.before(CUT + WINDOW).hash, system.plan.hash)
    assert (lineage.trained_through, lineage.code) == (CUT + WINDOW, code_hash())
    loaded = Scorer.load(attempt.version.path, system.plan.hash, vouched=attempt.version.files)
    columns = attempt.trained.rows.columns
    np.testing.assert_array_equal(
        loaded.probability(loaded.encode(columns)), attempt.trained.predictor.predict(columns)
    )


def test_the_scorer_holds_every_part_and_its_time(history, trained):
    scorer = scorer_of(history, trained)
    assert scorer.trained_through == CUT
    assert scorer.plan_hash == history.plan.hash
    assert scorer.calibrator is trained.predictor.calibrator is not None


def test_shuffling_keeps_the_number_of_positives(trained):
    rows = shuffle_labels(trained.rows)
    assert sorted(rows.pairs.label) == sorted(trained.rows.pairs.label)
    assert (rows.pairs.label != trained.rows.pairs.label).any()
    assert rows.columns is trained.rows.columns


@pytest.fixture(scope="module")
def disease(history, system, champion, tested):
    return {row["name"]: row for row in study(history, system, champion, tested, most=300)["rows"]}


def test_a_leak_promises_much_and_delivers_less(disease):
    leak, ours = disease["leak at the event's time"], disease["heptad"]
    assert leak["offline_interval"][0] > leak["replayed_interval"][1]
    assert leak["offline"] > ours["offline"] + 0.05
    assert leak["replayed"] < ours["replayed"]


def test_aggregates_of_today_promise_more_than_they_deliver(disease):
    today = disease["today's aggregates"]
    assert today["offline"] > today["replayed"]


def test_what_was_known_in_time_delivers_what_it_promises(disease):
    ours = disease["heptad"]
    assert ours["offline"] == ours["replayed"]
    assert ours["offline_interval"] == ours["replayed_interval"]
    assert list(disease) == [way.name for way in WAYS]


def test_our_own_way_is_the_very_model_on_the_very_rows(history, system, champion, tested):
    """With every request taken, the study's last row is the evaluation of the champion itself."""
    ours = study(history, system, champion, tested, most=10_000)["rows"][-1]
    found = evaluate(system, tested, {MAIN: champion.predictor})
    assert ours["replayed"] == found.contenders[MAIN].metrics["ndcg@10"]
    interval = found.interval(MAIN, "ndcg@10")
    assert ours["replayed_interval"] == [interval.low, interval.high]
