"""Bootstrap intervals: repeatable, clustered, and covering what they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.evaluation import bootstrap
from heptad.evaluation.bootstrap import mean_interval, paired_difference, statistic_interval


def slow_interval(values, clusters, draws, seed):
    """The same draws, one by one, concatenating the rows of each drawn cluster."""
    names = sorted(set(clusters))
    rows = [[v for v, c in zip(values, clusters, strict=True) if c == name] for name in names]
    generator = np.random.default_rng(seed)
    means = []
    for drawn in generator.integers(0, len(names), size=(draws, len(names))):
        means.append(np.mean([value for position in drawn for value in rows[position]]))
    return np.quantile(means, [0.025, 0.975])


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 4)), min_size=2, max_size=20))
def test_the_mean_matches_the_slow_version(drawn):
    values, clusters = (list(column) for column in zip(*drawn, strict=True))
    found = mean_interval(values, clusters, draws=30, seed=3)
    assert found.estimate == pytest.approx(np.mean(values))
    assert found.clusters == len(set(clusters))
    if found.clusters > 1:
        np.testing.assert_allclose(
            (found.low, found.high), slow_interval(values, clusters, 30, 3), atol=1e-12
        )
    else:
        assert math.isnan(found.low)


def test_a_statistic_on_resampled_rows_equals_the_mean_for_a_mean():
    generator = np.random.default_rng(0)
    values, clusters = generator.normal(size=60), generator.integers(0, 9, 60)
    general = statistic_interval(lambda rows: float(rows.mean()), [values], clusters, draws=50)
    direct = mean_interval(values, clusters, draws=50)
    assert (general.low, general.high) == pytest.approx((direct.low, direct.high))


def test_the_block_size_does_not_change_the_draws(monkeypatch):
    values = np.random.default_rng(1).normal(size=40)
    whole = mean_interval(values)
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 100)
    assert mean_interval(values) == whole


def test_rows_of_one_user_are_drawn_together():
    clusters = np.repeat(np.arange(20), 50)
    values = np.random.default_rng(2).normal(size=20)[clusters]
    together, apart = mean_interval(values, clusters), mean_interval(values)
    assert together.high - together.low > 5 * (apart.high - apart.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(4)
    covered = 0
    for trial in range(200):
        found = mean_interval(generator.exponential(size=80), draws=300, seed=trial)
        covered += found.low <= 1.0 <= found.high
    assert (
        175 <= covered <= 200
    )  # 95 % of 200 is 190; percentile intervals of skewed data cover a little less


def test_a_pair_is_tighter_than_two_intervals_and_skips_missing_values():
    generator = np.random.default_rng(5)
    hard = generator.normal(size=300)
    ours, theirs = hard + 0.1, hard + 0.01 * generator.normal(size=300)
    ours[0] = np.nan
    found = paired_difference(ours, theirs)
    assert found.low > 0.09
    assert found.clusters == 299


def test_nothing_to_resample_is_nan_and_wrong_shapes_are_errors():
    assert mean_interval([np.nan]).clusters == 0
    assert math.isnan(mean_interval([2.0]).low)
    assert math.isnan(statistic_interval(lambda x: 0.0, [[]]).estimate)
    with pytest.raises(DataError, match="align"):
        mean_interval([1.0, 2.0], [1])
    with pytest.raises(DataError, match="one set of requests"):
        paired_difference([1.0], [1.0, 2.0])
