"""Metrics at a fixed load and what rows add to metrics: held to slow definitions and to scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.evaluation import influence, load
from heptad.evaluation.classification import auc, ne

rows = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


def split(some):
    p = np.array([0.05 + score / 8 for score, _ in some])
    return p, np.array([float(label) for _, label in some])


METRICS = [
    (influence.auc_rows, auc),
    (influence.average_precision_rows, influence.average_precision),
    (influence.normalised_entropy_rows, ne),
]


@pytest.mark.parametrize(("per_row", "metric"), METRICS)
@given(rows)
def test_the_mean_of_the_rows_is_the_metric(per_row, metric, some):
    p, y = split(some)
    assert np.mean(per_row(p, y)) == pytest.approx(metric(p, y), nan_ok=True)


@pytest.mark.parametrize(("per_row", "metric"), METRICS)
def test_a_row_adds_what_more_weight_of_it_would_change(per_row, metric):
    draw = np.random.default_rng(3)
    p, y = draw.random(40).round(1) * 0.9 + 0.05, (draw.random(40) < 0.3).astype(float)
    copies = 2_000  # every row this often, and one row once more: the derivative by its weight
    found = per_row(p, y)
    whole = metric(np.repeat(p, copies), np.repeat(y, copies))
    for row in range(0, 40, 7):
        weights = np.full(40, copies)
        weights[row] += copies // 100
        moved = metric(np.repeat(p, weights), np.repeat(y, weights)) - whole
        assert moved * copies / (copies // 100) * 40 == pytest.approx(found[row] - whole, rel=0.05, abs=2e-2)


@settings(max_examples=40)
@given(rows.filter(lambda some: any(label for _, label in some)))
def test_average_precision_is_scikit_learns(some):
    from sklearn.metrics import average_precision_score

    p, y = split(some)
    assert influence.average_precision(p, y) == pytest.approx(average_precision_score(y, p))


def test_the_curve_ends_at_all_positives_found():
    points = influence.curve([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
    assert points == [(0.5, 1.0), (1.0, pytest.approx(2 / 3))]
    assert influence.curve([0.5], [0]) == []


days = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 35), st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(days, st.integers(1, 5), st.booleans())
def test_precision_at_k_is_the_mean_over_days_of_the_units_found(some, k, by_unit):
    score = np.array([s / 10 for s, *_ in some])
    t = np.array([when for _, when, *_ in some], np.int64)
    unit = np.array([who for *_, who, _ in some], np.int64)
    label = np.array([float(y) for *_, y in some])
    if not by_unit:
        score = score + np.arange(len(some)) * 1e-6
    values, by_day = load.precision_rows(score, label, t, k, 10, unit if by_unit else None)
    slow = []
    for day in sorted(set((t // 10).tolist())):
        best: dict[int, list[float]] = {}
        for row in np.flatnonzero(t // 10 == day):
            key = int(unit[row]) if by_unit else int(row)
            seen = best.setdefault(key, [-1.0, 0.0])
            seen[0], seen[1] = max(seen[0], score[row]), max(seen[1], label[row])
        top = sorted(best.items(), key=lambda one: (-one[1][0], one[0]))[:k]
        slow.append(sum(y for _, (_, y) in top) / k)
    assert [precision for _, precision in by_day] == pytest.approx(slow)
    assert values.mean() == pytest.approx(np.mean(slow))


def test_the_load_is_taken_from_every_period_and_less_from_part_of_one():
    t = np.array([*range(10), *range(10, 20), *range(20, 25)], np.int64)
    score = np.tile([0.1, 0.9, 0.5, 0.3, 0.2], 5)
    chosen = load.reviewed(score, t, 4, 10)
    assert [int(chosen[t // 10 == day].sum()) for day in (0, 1, 2)] == [4, 4, 2]
    assert score[chosen].min() == 0.5
    assert not load.reviewed(score[:0], t[:0], 4, 10).any()


def test_a_share_is_the_mean_of_what_rows_add():
    chosen, weight = np.array([True, False, True]), np.array([2.0, 6.0, 0.0])
    assert influence.share_rows(chosen, weight).mean() == pytest.approx(0.25)
    assert np.isnan(influence.share_rows(chosen, np.zeros(3))).all()
