"""The forest against LightGBM itself, to the bit: trees of every shape, written as LightGBM writes them."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.models.trees.forest import Forest
from heptad.models.trees.kernel import FEW, MOST_LEAVES, ROWS
from heptad.models.trees.text import read_text

WIDTH = 4
TINY = float(np.float32(1e-35))  # nearer to 0 than this is 0, for LightGBM
EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, TINY, -TINY, np.nextafter(TINY, 1), 1e-36, 5e-324, -5e-324, 2.5e-308,
    1e300, -1e300, 1e-3, 31.0, 32.0, 63.0, 64.0, 2.0**31, 2.0**32 + 1, -0.5,
]  # fmt: skip
SPECIAL = [np.nan, np.inf, -np.inf, 0.9999999, -(2.0**31) - 1, 2.0**63, 1e308]
MISSING = {"none": 0, "zero": 1, "nan": 2}

thresholds = st.sampled_from([*EDGES, np.inf, -np.inf]) | st.floats(
    allow_nan=False, allow_infinity=False, width=32
)
leaf_values = st.floats(-1, 1) | st.sampled_from([0.0, -0.0, 1e-300, 5.0, -40.0])


def tree_text(draw, number, columns, most):
    """A tree grown as LightGBM grows one: a leaf is split in two, its left half keeps its number."""
    leaves = draw(st.integers(1, most))
    left, right, feature, threshold, decision = [], [], [], [], []
    bounds, words, place = [0], [], {0: None}
    for node in range(leaves - 1):
        leaf = draw(st.integers(0, node))
        if place[leaf] is not None:
            parent, children = place[leaf]
            children[parent] = node
        left.append(~leaf)
        right.append(~(node + 1))
        place[leaf], place[node + 1] = (node, left), (node, right)
        column = draw(st.integers(0, WIDTH - 1))
        feature.append(column)
        if columns[column] == "category":
            threshold.append(float(len(bounds) - 1))
            words += draw(st.lists(st.sampled_from([0, 1, 5, 2**31, 2**32 - 1]), min_size=1, max_size=3))
            bounds.append(len(words))
            decision.append(1 + 4 * draw(st.integers(0, 2)))
        else:
            threshold.append(draw(thresholds))
            decision.append(2 * draw(st.integers(0, 1)) + 4 * MISSING[columns[column]])
    values = [draw(leaf_values) for _ in range(leaves)]
    return written(number, bounds, words, split_feature=feature, threshold=threshold, decision_type=decision,
                   left_child=left, right_child=right, leaf_value=values)  # fmt: skip


def written(number, bounds=(0,), words=(), **lists):
    rows = {name: " ".join(f"{value:.17g}" for value in values) for name, values in lists.items()}
    if words:
        rows["cat_boundaries"], rows["cat_threshold"] = " ".join(map(str, bounds)), " ".join(map(str, words))
    nodes = " ".join("1" for _ in lists["split_feature"])
    leaves = " ".join("1" for _ in lists["leaf_value"])
    rows |= {"split_gain": nodes, "leaf_weight": leaves, "leaf_count": leaves}
    rows |= {"internal_value": nodes, "internal_weight": nodes, "internal_count": nodes}
    fields = "\n".join(f"{name}={values}" for name, values in rows.items())
    return (
        f"Tree={number}\nnum_leaves={len(lists['leaf_value'])}\nnum_cat={len(bounds) - 1}\n{fields}\n"
        "is_linear=0\nshrinkage=1\n\n\n"
    )


def model_text(trees, objective="binary sigmoid:1"):
    names = " ".join(f"x{column}" for column in range(WIDTH))
    infos = " ".join("[-1:1]" for _ in range(WIDTH))
    return (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={WIDTH - 1}\nobjective={objective}\nfeature_names={names}\nfeature_infos={infos}\n\n"
        + "".join(trees)
        + "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n\npandas_categorical:null\n"
    )


@st.composite
def models(draw, most=12):
    columns = [draw(st.sampled_from(["category", *MISSING])) for _ in range(WIDTH)]
    count = draw(st.integers(1, 4))
    objective = draw(st.sampled_from(["binary sigmoid:1", "binary sigmoid:0.7"]))
    return model_text([tree_text(draw, number, columns, most) for number in range(count)], objective)


cells = st.sampled_from(EDGES + SPECIAL) | st.floats() | st.integers(-2, 100).map(float)
batches = st.lists(st.lists(cells, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=8).map(np.array)


def answers(booster, x):
    return booster.predict(x, num_threads=1)


@given(models(), batches)
def test_every_test_and_every_value_as_lightgbm(text, x):
    booster = lightgbm.Booster(model_str=text)
    forest, expected = Forest.read(text, WIDTH), answers(booster, x)
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    many = np.tile(x, (FEW // len(x) + 1, 1))
    np.testing.assert_array_equal(forest.predict_proba(many), np.resize(expected, len(many)))


@given(models(most=40), st.integers(0, 2**32 - 1))
def test_batches_do_not_matter(text, seed):
    draw = np.random.default_rng(seed)
    x = draw.choice(np.array(EDGES + SPECIAL), (ROWS + 2 * FEW, WIDTH))
    forest, expected = Forest.read(text, WIDTH), answers(lightgbm.Booster(model_str=text), x)
    for rows in (0, 1, FEW - 1, FEW, 64, 65, ROWS - 1, ROWS, ROWS + 1, ROWS + FEW, len(x)):
        np.testing.assert_array_equal(forest.predict_proba(x[:rows]), expected[:rows])


@given(models(most=40), st.lists(st.tuples(cells, st.integers(1, 2 * ROWS // 3)), min_size=1, max_size=6))
def test_many_rows_alike_in_a_column(text, runs):
    alike = np.concatenate([np.full(length, value) for value, length in runs])
    x = np.column_stack(
        [np.roll(alike, 64 * column) for column in range(WIDTH - 1)] + [np.arange(len(alike)) % 5 - 1.0]
    )
    expected = answers(lightgbm.Booster(model_str=text), x)
    np.testing.assert_array_equal(Forest.read(text, WIDTH).predict_proba(x), expected)


def chain(leaves):
    """The deepest tree there is: every node splits off one leaf."""
    nodes = range(leaves - 1)
    return written(
        0, split_feature=[0 for _ in nodes], threshold=[-float(n) for n in nodes], decision_type=[2 for _ in nodes],
        left_child=[*(n + 1 for n in nodes[:-1]), -1], right_child=[~(n + 1) for n in nodes],
        leaf_value=[(n - leaves / 2) / leaves for n in range(leaves)],
    )  # fmt: skip


@pytest.mark.parametrize("leaves", [2, 63, 64, 65, 255, MOST_LEAVES, MOST_LEAVES + 1, 1000])
def test_deep_trees_and_trees_of_many_leaves(leaves):
    text = model_text([chain(leaves), chain(3)])
    x = np.random.default_rng(leaves).uniform(-1.1 * leaves, 1.0, (ROWS + 40, WIDTH))
    expected = answers(lightgbm.Booster(model_str=text), x)
    assert len(np.unique(expected)) > min(leaves // 4, 50)
    forest = Forest.read(text, WIDTH)
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    np.testing.assert_array_equal(forest.predict_proba(x[:5]), expected[:5])


def trained(draw, rows=1500, **parameters):
    """A model LightGBM grew on a count, a rate with holes, a code and noise; and rows beyond what it saw."""
    x = np.column_stack([
        draw.poisson(2.0, rows), draw.random(rows), draw.integers(0, 40, rows), draw.normal(size=rows),
    ])  # fmt: skip
    x[draw.random(rows) < 0.2, 1] = np.nan
    strength = x[:, 0] * 0.4 - np.nan_to_num(x[:, 1], nan=2.0) + np.sin(x[:, 2]) + x[:, 3] * 0.2
    y = (draw.random(rows) < 1 / (1 + np.exp(-strength))).astype(float)
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 31} | parameters
    data = lightgbm.Dataset(x, y, categorical_feature=[2], params={"verbosity": -1})
    booster = lightgbm.train(settings, data, num_boost_round=settings.pop("num_boost_round", 20))
    odd = draw.choice([-1.0, -0.0, 1e-40, np.nan, np.inf, 3.0], (300, WIDTH))
    return booster, np.vstack([x[:700], np.where(draw.random(odd.shape) < 0.5, odd, x[:300])])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"num_leaves": 400, "min_data_in_leaf": 1, "max_bin": 1000},
        {"max_cat_to_onehot": 64},
        {"boosting": "dart"},
        {"num_boost_round": 1},
        {"min_data_in_leaf": 1400},
        {"sigmoid": 2.0, "boost_from_average": False},
    ],
    ids=str,
)
def test_what_lightgbm_trains(parameters):
    booster, x = trained(np.random.default_rng(3), **parameters)
    forest = Forest.read(booster.model_to_string(), WIDTH)
    expected = answers(booster, x)
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    alone = np.concatenate([forest.predict_proba(x[i : i + 1]) for i in range(650, 750)])
    np.testing.assert_array_equal(alone, expected[650:750])


def test_more_subsets_of_codes_than_a_word_has_bits():
    booster, x = trained(np.random.default_rng(3), num_boost_round=60, cat_smooth=1.0, min_data_per_group=1)
    text = booster.model_to_string()
    subsets = {words.tobytes() for words in read_text(text).bitsets.values()}
    assert len(subsets) > 128
    np.testing.assert_array_equal(Forest.read(text, WIDTH).predict_proba(x), answers(booster, x))


def test_a_split_of_what_is_missing_from_the_rest():
    x = np.zeros((400, WIDTH))
    x[::3, 1], x[:, 2] = np.nan, np.arange(400) % 7
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, np.isnan(x[:, 1]), params=settings), 3)
    text = booster.model_to_string()
    assert np.isinf(read_text(text).threshold).any()
    x = np.array([[0.0, v, 1.0, 0.0] for v in (np.nan, 0.0, 5.0, np.inf, -np.inf)])
    np.testing.assert_array_equal(Forest.read(text, WIDTH).predict_proba(x), answers(booster, x))


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "regression"},
        {"objective": "multiclassova", "num_class": 2},
        {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
        {"linear_tree": True},
    ],
    ids=str,
)
def test_what_is_no_sum_of_constant_leaves_under_a_sigmoid_is_left_to_lightgbm(parameters):
    booster, _ = trained(np.random.default_rng(3), **parameters)
    assert Forest.read(booster.model_to_string(), WIDTH) is None


def test_trees_the_kernels_cannot_take_are_left_to_lightgbm():
    def read(**lists):
        tree = {"split_feature": [0, 1], "threshold": [0.5, 0.5], "decision_type": [2, 2], "left_child": [1, -1],
                "right_child": [-2, -3], "leaf_value": [0.1, 0.2, 0.3]}  # fmt: skip
        return Forest.read(model_text([written(0, **tree | lists)]), WIDTH)

    assert read() is not None
    assert read(split_feature=[0, WIDTH]) is None
    assert read(threshold=[0.5, np.nan]) is None
    assert read(left_child=[1, 0]) is None


def test_rows_may_be_of_any_layout():
    booster, x = trained(np.random.default_rng(3))
    forest, expected = Forest.read(booster.model_to_string(), WIDTH), answers(booster, x)
    frozen = x.copy()
    frozen.flags.writeable = False
    for rows in (np.asfortranarray(x), frozen, np.hstack([x, x])[:, :WIDTH]):
        np.testing.assert_array_equal(forest.predict_proba(rows), expected)
    np.testing.assert_array_equal(forest.predict_proba(x[::2]), expected[::2])
    np.testing.assert_array_equal(forest.predict_proba(x[::-1]), expected[::-1])
