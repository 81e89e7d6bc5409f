"""What every classifier family must do, run on each of them, and what is special to one."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from heptad.durable import digests
from heptad.errors import DataError, StateError
from heptad.models.gbdt import GBDT
from heptad.models.loading import load_classifier, save_classifier
from heptad.models.logistic import Logistic
from heptad.models.wrapped import Wrapped

MAKE = {
    "logistic": lambda: Logistic(categorical=[2]),
    "gbdt": lambda: GBDT(trees=20, leaves=7, categorical=[2]),
    "wrapped": lambda: Wrapped(DecisionTreeClassifier(max_depth=3, random_state=0)),
}


def data(n=400, seed=0):
    """A number with missing values, a number, a code column; the label follows all three."""
    generator = np.random.default_rng(seed)
    x = np.column_stack([generator.normal(size=n), generator.normal(size=n), generator.integers(0, 3, n)])
    logit = 2 * x[:, 0] - x[:, 1] + np.array([-1.0, 2.0, 0.0])[x[:, 2].astype(int)]
    x[generator.random(n) < 0.1, 0] = np.nan
    return x, (generator.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


@pytest.fixture(params=MAKE)
def family(request):
    return request.param


def test_it_learns_and_gives_probabilities(family):
    x, y = data()
    p = MAKE[family]().fit(x, y).predict_proba(x)
    assert p.shape == y.shape
    assert p.dtype == np.float64
    assert ((p >= 0) & (p <= 1)).all()
    assert p[y == 1].mean() > p[y == 0].mean() + 0.15


def test_fitting_twice_gives_the_same_bits(family):
    x, y = data()
    model = MAKE[family]()
    first = model.fit(x, y).predict_proba(x)
    np.testing.assert_array_equal(model.fit(x, y).predict_proba(x), first)
    np.testing.assert_array_equal(MAKE[family]().fit(x, y).predict_proba(x), first)


def test_a_batch_is_its_rows_to_the_last_bit(family):
    x, y = data()
    model = MAKE[family]().fit(x, y)
    alone = np.concatenate([model.predict_proba(x[i : i + 1]) for i in range(60)])
    np.testing.assert_array_equal(model.predict_proba(x[:60]), alone)


def test_saving_and_loading_keeps_every_bit(family, tmp_path):
    x, y = data()
    model = MAKE[family]().fit(x, y)
    save_classifier(model, tmp_path)
    again = load_classifier(tmp_path, vouched=digests(tmp_path))
    assert again.family == family
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(again.fit(x, y).predict_proba(x), model.predict_proba(x))


def test_weights_count_as_copies(family):
    x, y = data(120)
    weight = np.random.default_rng(1).integers(1, 4, 120).astype(float)
    weighted = MAKE[family]().fit(x, y, weight).predict_proba(x)
    unweighted = MAKE[family]().fit(x, y).predict_proba(x)
    assert not np.array_equal(weighted, unweighted)
    if family == "wrapped":  # a tree sees a weight exactly as copies; the others count rows elsewhere too
        times = weight.astype(int)
        copied = MAKE[family]().fit(np.repeat(x, times, axis=0), np.repeat(y, times)).predict_proba(x)
        np.testing.assert_allclose(weighted, copied)


@pytest.mark.parametrize(
    ("x", "y", "weight", "says"),
    [
        (np.zeros((3, 3)), np.array([0.0, 1.0]), None, "one label per row"),
        (np.zeros((2, 3)), np.array([0.0, 2.0]), None, "0 and 1"),
        (np.zeros((2, 3)), np.array([1.0, 1.0]), None, "both classes"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), np.array([1.0, 0.0]), "both classes"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), np.array([1.0, np.nan]), "weights"),
        (np.zeros((0, 3)), np.zeros(0), None, "both classes"),
    ],
)
def test_data_that_cannot_train_is_refused(family, x, y, weight, says):
    with pytest.raises(DataError, match=says):
        MAKE[family]().fit(x, y, weight)


@pytest.mark.parametrize("name", ["logistic", "gbdt"])
def test_rows_of_another_width_are_refused_and_no_rows_are_fine(name):
    x, y = data()
    model = MAKE[name]().fit(x, y)
    with pytest.raises(DataError, match=r"shape \(n, 3\)"):
        model.predict_proba(x[:, :2])
    assert model.predict_proba(x[:0]).shape == (0,)


def test_logistic_equals_scikit_learn_on_plain_numbers():
    x, y = data()
    x = x[:, 1:2]
    standard = (x - x.mean()) / x.std()
    theirs = LogisticRegression(max_iter=1000).fit(standard, y).predict_proba(standard)[:, 1]
    np.testing.assert_allclose(Logistic().fit(x, y).predict_proba(x), theirs, rtol=1e-12)


def test_logistic_reads_codes_as_names_not_amounts():
    x = np.repeat([[0.0], [1.0], [2.0]], 100, axis=0)
    y = np.tile([0.0, 1.0], 150)
    y[100:200] = np.arange(100) > 5  # only the middle code is likely
    low, middle, high, unknown, missing = (
        Logistic(categorical=[0]).fit(x, y).predict_proba(np.array([[0.0], [1.0], [2.0], [9.0], [np.nan]]))
    )
    assert middle > 0.85
    assert low == pytest.approx(high, abs=1e-4)
    assert unknown == missing
    assert low < unknown < middle


def test_a_column_that_was_always_missing_does_no_harm():
    x, y = data()
    x[:, 1] = np.nan
    assert np.isfinite(Logistic().fit(x, y).predict_proba(x)).all()


def test_contributions_add_up_to_the_log_odds():
    x, y = data()
    model = MAKE["gbdt"]().fit(x, y)
    p = model.predict_proba(x)
    parts = model.contributions(x)
    assert parts.shape == (len(x), 4)
    np.testing.assert_allclose(parts.sum(axis=1), np.log(p / (1 - p)), atol=1e-9)
    assert model.importance().argmax() == 0


def test_trees_predict_what_lightgbm_predicts_the_kernels_know_or_not(tmp_path):
    x, y = data()
    for number, kind in enumerate(({}, {"linear_tree": True}, {"boosting": "rf", "bagging_fraction": 0.5})):
        model = GBDT(trees=20, row_share=0.5).fit(x, y)
        model.save(tmp_path / str(number))
        parameters = {"objective": "binary", "bagging_freq": 1, "verbosity": -1, "num_threads": 1} | kind
        booster = lightgbm.train(parameters, lightgbm.Dataset(x, y, params=parameters), 20)
        (tmp_path / str(number) / "gbdt.txt").write_text(booster.model_to_string())
        loaded = GBDT.load(tmp_path / str(number))
        np.testing.assert_array_equal(loaded.predict_proba(x), booster.predict(x))
        assert loaded.predict_proba(x[:0]).shape == (0,)


def test_trees_do_not_depend_on_the_number_of_threads():
    x, y = data(2000)
    one, two = (GBDT(trees=30, threads=n).fit(x, y).predict_proba(x) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_pickle_is_opened_only_with_a_vouched_hash(tmp_path):
    x, y = data()
    save_classifier(MAKE["wrapped"]().fit(x, y), tmp_path)
    vouched = digests(tmp_path)
    for given in (None, {}, {**vouched, "wrapped.pickle": "0" * 64}):
        with pytest.raises(StateError, match="vouches"):
            load_classifier(tmp_path, vouched=given)
    file = tmp_path / "wrapped.pickle"
    file.write_bytes(file.read_bytes() + b".")
    with pytest.raises(StateError, match="vouches"):
        load_classifier(tmp_path, vouched=vouched)


class Broken:
    """An estimator that returns what it was told to."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return self.answer


@pytest.mark.parametrize(
    "answer", [np.zeros(3), np.full((2, 3), 0.1), np.array([0.5, 1.5]), np.array([0.5, np.nan])]
)
def test_a_wrapped_model_must_return_probabilities(answer):
    model = Wrapped(Broken(answer)).fit(np.zeros((2, 1)), np.array([0.0, 1.0]))
    with pytest.raises(DataError, match="Broken"):
        model.predict_proba(np.zeros((2, 1)))


def test_a_wrapped_model_may_return_one_column():
    model = Wrapped(Broken([0.25, 0.5])).fit(np.zeros((2, 1)), np.array([0.0, 1.0]))
    assert model.predict_proba(np.zeros((2, 1))).tolist() == [0.25, 0.5]


def test_an_unknown_family_or_damaged_trees_are_refused(tmp_path):
    x, y = data()
    save_classifier(MAKE["gbdt"]().fit(x, y), tmp_path)
    (tmp_path / "gbdt.txt").write_text("no trees")
    with pytest.raises(StateError, match="LightGBM"):
        load_classifier(tmp_path)
    (tmp_path / "family.json").write_text('{"family": "oracle"}')
    with pytest.raises(StateError, match="oracle"):
        load_classifier(tmp_path)


class Unweighted(Broken):
    """An estimator that names no weights, and one whose fit takes anything but refuses them."""

    def fit(self, x, y, **steps):
        if steps:
            raise ValueError(f"no step of these names: {steps}")
        return self


def test_weights_go_only_to_an_estimator_that_names_them():
    rows = np.zeros((2, 1)), np.array([0.0, 1.0]), np.array([1.0, 3.0])
    assert Wrapped(Broken([0.2, 0.4])).fit(*rows).predict_proba(rows[0]).tolist() == [0.2, 0.4]
    assert Wrapped(Unweighted([0.2, 0.4])).fit(*rows).predict_proba(rows[0]).tolist() == [0.2, 0.4]


class Failing(Broken):
    def fit(self, x, y):
        raise ValueError("Input X contains NaN")


def test_an_estimator_that_fails_is_named():
    with pytest.raises(DataError, match=r"fit of Failing.*ValueError: Input X contains NaN"):
        Wrapped(Failing(None)).fit(np.zeros((2, 1)), np.array([0.0, 1.0]))
