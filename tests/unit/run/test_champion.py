"""Which earlier champion is compared with, and how; stages and their seconds."""

from __future__ import annotations

import numpy as np
import pytest

import heptad as hp
from heptad.errors import StateError
from heptad.lifecycle.evaluate import MAIN, evaluate, evaluation_set
from heptad.lifecycle.retrain import CHAMPION, lineage_of, scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.registry.registry import Registry
from heptad.run.champion import against_champion, load_champion
from heptad.run.progress import Silent
from heptad.run.stopwatch import Stopwatch
from heptad.testing import world as made
from heptad.times import DAY

CUT = made.BEGIN + 60 * DAY
END = made.BEGIN + made.DAYS * DAY


@pytest.fixture(scope="module")
def system():
    return made.world()


@pytest.fixture(scope="module")
def history(system):
    return made.history(system.plan)


@pytest.fixture(scope="module")
def comparison(history, system):
    trained = train(history, system, CUT, effort=Effort(300, 10))
    tested = evaluation_set(history, system, trained, CUT, END, most=150)
    return evaluate(system, tested, {MAIN: trained.predictor})


def promoted(history, system, directory, cut, effort=Effort(150, 10)):
    """A registry whose champion was trained up to ``cut``."""
    registry = Registry(directory)
    trained = train(history, system, cut, effort=effort)
    version = registry.register(
        "world", scorer_of(history, trained).save, metrics={}, lineage=lineage_of(history, cut), time=cut
    )
    registry.promote("world", version.name, time=cut, reason="test")
    return registry


def test_an_older_champion_is_scored_on_the_same_requests(history, system, comparison, tmp_path):
    registry = promoted(history, system, tmp_path, CUT - 10 * DAY)
    both, name = against_champion(registry, "world", history, system, comparison)
    assert name == CHAMPION
    assert set(both.contenders) == {*comparison.contenders, CHAMPION}
    assert both.contenders[MAIN] is comparison.contenders[MAIN]
    assert len(both.contenders[CHAMPION].values["ndcg@10"]) == len(comparison.pairs.requests)
    found = both.paired(MAIN, CHAMPION, "ndcg@10")
    assert found.low <= found.estimate <= found.high
    theirs = both.contenders[CHAMPION].metrics["ndcg@10"]
    assert theirs > both.contenders["popular"].metrics["ndcg@10"]


def test_one_that_has_seen_the_test_period_does_not_compete(history, system, comparison, tmp_path):
    registry = promoted(history, system, tmp_path, CUT + 20 * DAY)
    assert against_champion(registry, "world", history, system, comparison) == (comparison, None)


def test_none_and_one_of_another_plan_do_not_compete(history, system, comparison, tmp_path):
    assert against_champion(Registry(tmp_path / "empty"), "world", history, system, comparison) == (
        comparison,
        None,
    )
    other = made.world(
        data=hp.Data(
            dynamic=dict(had=made.STEPS["data"].dynamic["had"]),
            contextual=dict(popular=hp.source_score("popular")),
        ),
        monitoring=hp.Monitoring(),
    )
    registry = promoted(made.history(other.plan), other, tmp_path / "other", CUT - DAY)
    assert against_champion(registry, "world", history, system, comparison) == (comparison, None)
    with pytest.raises(StateError, match="one trained on the features of plan"):
        load_champion(registry, "world", system.plan.hash)


def test_the_champion_is_loaded_with_its_version_and_predicts_the_same(history, system, tmp_path):
    registry = promoted(history, system, tmp_path, CUT)
    assert load_champion(Registry(tmp_path / "none"), "world", system.plan.hash) is None
    loaded = load_champion(registry, "world", system.plan.hash)
    trained = train(history, system, CUT, effort=Effort(150, 10))
    assert (loaded.version, loaded.trained_through) == ("v0001", CUT)
    columns = trained.rows.columns
    np.testing.assert_array_equal(
        loaded.probability(loaded.encode(columns)), trained.predictor.predict(columns)
    )


def test_seconds_add_up_by_stage():
    watch = Stopwatch(Silent())
    with watch.stage("train", "training"):
        pass
    first = watch.seconds["train"]
    with watch.stage("train", "training again"), watch.stage("inner", "within"):
        pass
    assert list(watch.seconds) == ["train", "inner"]
    assert watch.seconds["train"] >= first + watch.seconds["inner"]
    with pytest.raises(ZeroDivisionError), watch.stage("broken", "fails"):
        _ = 1 / 0
    assert "broken" not in watch.seconds
