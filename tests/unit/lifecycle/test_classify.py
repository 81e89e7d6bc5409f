"""A classification's life: settled cases only, what a review finds, and a watch that waits for labels."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.declare.evaluation import AtLoad
from heptad.lifecycle import classify
from heptad.lifecycle.cases import every_case, settled_cases
from heptad.lifecycle.drill import Shift, run_drill
from heptad.lifecycle.evaluate import MAIN, decide
from heptad.lifecycle.prediction import Constant
from heptad.lifecycle.task import split_at, task_of
from heptad.lifecycle.training import Effort
from heptad.registry.registry import Registry
from heptad.run.history import admitted
from heptad.testing.tills import data
from heptad.testing.tills.system import tills
from heptad.times import DAY

TASK = task_of(tills)
CUT = data.START + 40 * DAY


@pytest.fixture(scope="module")
def history():
    return admitted(tills.plan, {"Payment": data.payments(), "Theft": data.thefts()}).history


@pytest.fixture(scope="module")
def trained(history):
    return TASK.train(history, tills, CUT, effort=Effort(requests=60))


@pytest.fixture(scope="module")
def tested(history, trained):
    return TASK.evaluation_set(history, tills, trained, CUT, history.end, most=100)


@pytest.fixture(scope="module")
def comparison(trained, tested):
    return TASK.evaluate(tills, tested, {MAIN: trained.predictor, **trained.others})


def test_only_cases_settled_by_the_cut_teach(history, trained):
    t = trained.rows.pairs.t
    assert t.max() + 3 * DAY < CUT
    assert len(t) == 6_000
    every = every_case(history, tills, CUT)
    assert np.isnan(every.label[every.t + 3 * DAY >= CUT]).all()
    assert not np.isnan(every.label[every.t + 3 * DAY < CUT]).any()


def test_training_does_not_depend_on_what_is_known_after_the_cut(history, trained, tested):
    known = history.before(CUT)
    assert len(known.batches["Theft"]) < len(history.batches["Theft"])
    again = TASK.train(known, tills, CUT, effort=Effort(requests=60))
    assert (again.rows.pairs.label == trained.rows.pairs.label).all()
    for name, values in trained.rows.columns.items():
        np.testing.assert_array_equal(again.rows.columns[name], values)
    np.testing.assert_array_equal(
        again.predictor.predict(tested.columns), trained.predictor.predict(tested.columns)
    )


def test_the_split_counts_back_from_the_newest_settled_case(history):
    newest = settled_cases(history, tills, history.end).t.max()
    assert newest < history.batches["Payment"].time.max()
    assert split_at(history, tills) == pytest.approx(newest - 5 * DAY, abs=2)


def test_the_model_beats_the_prior_and_the_prior_finds_nothing(comparison):
    found = {name: c.metrics for name, c in comparison.contenders.items()}
    assert set(found) == {MAIN, "prior", "logistic"}
    assert comparison.paired(MAIN, "prior", "average_precision").low > 0
    assert (found["prior"]["auc"], found["prior"]["caught"]) == (0.5, 0.0)
    assert comparison.contenders["prior"].kpi == 0.0
    for c in comparison.contenders.values():
        for metric, values in c.values.items():
            assert np.nanmean(values) == pytest.approx(c.metrics[metric], nan_ok=True)


def test_the_kpi_is_what_the_review_stops(comparison):
    pairs, main = comparison.pairs, comparison.contenders[MAIN]
    amount = pairs.requests.context["amount"].values
    stopped = 0.0
    for day in np.unique(pairs.t // DAY):
        rows = np.flatnonzero(pairs.t // DAY == day)
        span = min((day + 1) * DAY, pairs.t.max() + 1) - max(day * DAY, pairs.t.min())
        share = span / DAY
        load = 10 if share > 0.95 else int(np.ceil(10 * share))
        best = rows[np.argsort(-main.score[rows], kind="stable")][:load]
        stopped += float((amount[best] * pairs.label[best]).sum())
    assert main.kpi == pytest.approx(1000 * stopped / len(pairs))


def test_the_threshold_passes_the_declared_load_on_the_rows_held_out(trained):
    rows = trained.rows
    p, t = trained.predictor.predict(rows.reference), rows.pairs.t[rows.held_out]
    days = (t.max() - t.min() + 1) / DAY
    assert (p >= trained.threshold).sum() == pytest.approx(10 * days, abs=6)  # scores of trees tie


def test_a_gate_can_name_the_precision_at_a_load(comparison):
    name = AtLoad(5, "card", "1d").name
    assert name == "precision@5 per card every 1d"
    assert AtLoad.of(name) == AtLoad(5, "card", "1d")
    assert AtLoad.of("auc") is None
    verdict = decide(tills, comparison)
    assert name in {check.check.rpartition(" > ")[0] for check in verdict.checks}


def test_no_case_is_seen_with_itself_counted(history, tested):
    """The aggregates of a case, and a microsecond later: then it has counted itself."""
    later = classify.case_features(history, tills, tested.pairs, tested.pairs.t + 1)
    assert (later["count_7d"] >= tested.columns["count_7d"] + 1).all()


def test_slices_leave_no_case_out_and_measure_each_apart(history, comparison):
    found = classify.slices(history, tills, comparison, CUT)
    large, small = found["amount among the largest tenth"], found["amount below that"]
    assert (large ^ small).all()
    part = classify.slice_of(tills, comparison, large)
    assert part["n"] == large.sum()
    assert set(part["metrics"]) == {MAIN, "prior", "logistic"}


def test_a_retraining_waits_for_labels_and_the_gate_tells_good_from_bad(history, trained, tmp_path):
    shift = Shift(
        lambda history, _, at: admitted(history.plan, data.drifted(at)).history,
        "prices rise two and a half times",
    )
    out = run_drill(
        history, tills, trained, Registry(tmp_path), "tills", end=history.end, effort=Effort(requests=60),
        say=lambda text: None, shift=shift,
    ).section  # fmt: skip
    said = [event["what"] for event in out["events"]]
    assert said[:3] == ["shift injected", "drift detected", "retraining waits"]
    assert said[-1] == "refused"
    assert (out["detected"], out["answered"], out["corrupted_refused"]) == (True, True, True)


def test_a_constant_says_the_same_of_every_row():
    assert Constant(0.25).predict({"x": np.zeros(3)}).tolist() == [0.25] * 3
