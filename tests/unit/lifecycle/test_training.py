"""Training on the made-up world: it learns, it sees nothing of the future, and it says where it cannot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.lifecycle.evaluate import MAIN, evaluate, evaluation_set
from heptad.lifecycle.pairs import pairs_of
from heptad.lifecycle.prediction import fit_predictor
from heptad.lifecycle.training import Effort, settled_requests, train
from heptad.testing import world as made
from heptad.testing.world import CUT, END
from heptad.times import DAY

EFFORT = Effort(requests=500, negatives=15)


def changed_after(votes: pa.Table, cut: int) -> pa.Table:
    """The votes with everything from the cut on turned around: other films, other users, other stars."""
    late = votes.column("ts").to_numpy() >= cut
    draw = np.random.default_rng(5)
    for name in ("user", "movie", "stars"):
        values = votes.column(name).to_numpy().copy()
        values[late] = draw.permutation(values[late]) + (900 if name == "movie" else 0)
        votes = made.with_values(votes, name, values)
    return votes


@pytest.mark.parametrize("cut", [CUT, CUT + 11 * DAY + 1])
def test_training_does_not_depend_on_what_comes_after_the_cut(history, system, tested, cut):
    other = made.history(system.plan, Movie=made.movies(), Vote=changed_after(made.votes(), cut))
    assert history.hash != other.hash
    assert history.before(cut).hash == other.before(cut).hash
    ours, theirs, cut_off = (
        train(known, system, cut, effort=Effort(200, 10)) for known in (history, other, history.before(cut))
    )
    for one in (theirs, cut_off):
        np.testing.assert_array_equal(
            ours.predictor.predict(tested.columns), one.predictor.predict(tested.columns)
        )
        np.testing.assert_array_equal(ours.rows.weight, one.rows.weight)
        asked = [()], None, np.zeros(60)
        mine, other_items = (made_by.retriever.retrieve(*asked) for made_by in (ours, one))
        assert mine.items.tolist() == other_items.items.tolist()


def test_a_request_sees_nothing_of_its_own_moment_or_later(history, system, trained, tested):
    """The last test request: with everything from its moment on taken away its columns stay, to the bit."""
    last = int(tested.pairs.requests.t[-1])
    known = made.history(
        system.plan,
        Movie=made.movies(),
        Vote=made.votes().filter(pa.compute.less(made.votes().column("ts"), last)),
    )
    chosen = np.arange(len(tested.pairs.requests)) == len(tested.pairs.requests) - 1
    pairs = pairs_of(known, system, trained.retriever, tested.pairs.requests.select(chosen))
    from heptad.lifecycle.pairs import features_of

    rows = tested.pairs.request == len(tested.pairs.requests) - 1
    assert pairs.item.tolist() == tested.pairs.item[rows].tolist()
    for name, values in features_of(known, system, pairs).items():
        np.testing.assert_array_equal(values, tested.columns[name][rows], err_msg=name)


def test_artefacts_feed_no_row_older_than_their_training(history, system, trained):
    assert trained.retriever.trained_through == trained.predictor.encoder.trained_through == CUT
    requests = settled_requests(history, system, END)
    early = requests.select(requests.t == requests.t[requests.t < CUT].max())
    with pytest.raises(DataError, match="end of what it was trained on"):
        pairs_of(history, system, trained.retriever, early)
    with pytest.raises(DataError, match="artefact 'ease'"):
        evaluation_set(history, system, trained, CUT - 5 * DAY, CUT, most=50)


def test_the_rankers_sources_were_trained_before_all_of_its_requests(trained):
    assert trained.rows.pairs.requests.t.max() < CUT
    assert (
        trained.rows.pairs.t[trained.rows.held_out] >= trained.rows.pairs.t[~trained.rows.held_out].max()
    ).all()


def test_two_stages_beat_popularity_and_each_source(comparison):
    for source in ("popular", "ease"):
        found = comparison.paired(MAIN, source, "ndcg@10")
        assert found.low > 0, (source, found)
    assert comparison.contenders[MAIN].metrics["ne"] < 1
    assert comparison.contenders[MAIN].metrics["ece"] < 0.02


@pytest.mark.parametrize("model", [hp.Logistic(), hp.GBDT(trees=10)])
def test_every_family_trains_and_is_repeatable(history, system, tested, model):
    one, two = (train(history, system, CUT, effort=Effort(150, 10), model=model) for _ in range(2))
    p = one.predictor.predict(tested.columns)
    np.testing.assert_array_equal(p, two.predictor.predict(tested.columns))
    assert evaluate(system, tested, {MAIN: one.predictor}).contenders[MAIN].metrics["auc"] > 0.65


class Plain:
    """An estimator as the simplest of users writes it: fit(x, y) and predict_proba(x), no weights."""

    def __init__(self):
        self.seen = []

    def fit(self, x, y):
        self.seen.append(x.shape)
        self.rate = float(y.mean())

    def predict_proba(self, x):
        signal = np.nan_to_num(x[:, -1])  # pull: derived columns come last
        return np.clip(self.rate + 0.1 * np.tanh(signal), 0, 1)


def test_an_estimator_that_takes_no_weights_is_calibrated_all_the_same(history, system, tested):
    estimator = Plain()
    trained = train(history, system, CUT, effort=EFFORT, model=hp.Model(estimator))
    assert estimator.seen == []  # a copy was fitted
    found = evaluate(system, tested, {MAIN: trained.predictor}).contenders[MAIN]
    assert found.metrics["auc"] > 0.6
    assert found.metrics["ece"] < 0.02  # the sampled negatives are undone by the calibration


def test_too_little_history_is_said():
    system = made.world()
    history = made.history(system.plan)
    with pytest.raises(DataError, match="requests before the cut"):
        train(history, system, made.BEGIN)
    unliked = made.world(
        framing=hp.Ranking(
            item=made.Vote.movie,
            user=made.Vote.user,
            objective=hp.LogLoss(hp.label(made.Vote, where=made.Vote.stars >= 9)),
        )
    )
    with pytest.raises(DataError, match="requests with a true label"):
        train(history, unliked, CUT)


def test_rows_without_a_positive_are_refused():
    ones = np.ones(4)
    with pytest.raises(DataError, match="a positive outcome among the candidates"):
        fit_predictor(hp.Logistic(), {"x": ones}, {"x": "number"}, 0 * ones, ones, ones > 1, 0)


def test_calibration_keeps_the_order_and_the_mean():
    n, positives = 4_000, 1_200
    held_out = np.arange(2 * n) >= n
    label = np.zeros(2 * n)
    label[:positives] = label[n : n + positives] = 1.0
    x = label + np.random.default_rng(0).normal(size=2 * n)
    predictor = fit_predictor(hp.Logistic(), {"x": x}, {"x": "number"}, label, np.ones(2 * n), held_out, 0)
    p = predictor.predict({"x": x[held_out]})
    assert abs(p.mean() - positives / n) < 0.01
    assert len(np.unique(p)) == len(np.unique(x[held_out])), "no two rows may be tied by the calibration"


def test_rows_can_be_corrupted_before_the_fit(history, system, tested):
    from heptad.lifecycle.drill import shuffle_labels

    bad = train(history, system, CUT, effort=EFFORT, corrupt=shuffle_labels)
    good = train(history, system, CUT, effort=EFFORT)
    assert bad.rows.pairs.label.sum() == good.rows.pairs.label.sum()
    auc = [
        evaluate(system, tested, {MAIN: one.predictor}).contenders[MAIN].metrics["auc"] for one in (bad, good)
    ]
    assert auc[0] < 0.65 < auc[1]
