"""Splits: time never runs backwards, and each user's rows are dealt as the protocol says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.evaluation.splits import leave_one_out, random_per_user, temporal

moments = st.lists(st.integers(0, 30), min_size=2, max_size=40)


@given(moments, st.floats(0.05, 0.9), st.integers(0, 5))
def test_every_training_label_is_settled_before_every_test_row(times, share, within):
    times = np.array(times)
    cut = np.sort(times)[len(times) - max(int(np.ceil(share * len(times))), 1)]
    assume((times + max(within, 1) <= cut).any())
    found = temporal(times, test_share=share, within=within)
    assert found.cut == cut
    assert (times[found.train] + within <= cut).all()
    assert (times[found.train] < cut).all()
    assert (times[found.test] >= cut).all()
    assert found.test.sum() >= share * len(times)
    assert found.test[times >= cut].all()


def test_a_span_counts_back_from_the_newest_row():
    found = temporal([0, 10, 11, 20], test_span=10)
    assert found.cut == 11
    assert found.test.tolist() == [False, False, True, True]


def test_a_row_whose_label_is_not_settled_is_in_neither_part():
    found = temporal([0, 8, 10], test_span=1, within=5)
    assert found.train.tolist() == [True, False, False]
    assert found.test.tolist() == [False, False, True]


def test_wrong_splits_are_refused():
    for arguments in ({}, {"test_share": 0.1, "test_span": 3}):
        with pytest.raises(DataError, match="exactly one"):
            temporal([1, 2], **arguments)
    with pytest.raises(DataError, match="shorter span"):
        temporal([1, 1], test_share=0.5)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(0, 9))
def test_a_random_split_deals_each_user_by_share(users, seed):
    users = np.array(users)
    part = random_per_user(users, (0.8, 0.1, 0.1), seed=seed)
    for user in np.unique(users):
        rows = part[users == user]
        each = round(0.1 * len(rows))
        assert np.bincount(rows, minlength=3).tolist() == [len(rows) - 2 * each, each, each]
    assert (part == random_per_user(users, (0.8, 0.1, 0.1), seed=seed)).all()


def test_a_random_split_is_random():
    users = np.repeat([1, 2], 50)
    assert (random_per_user(users, seed=0) != random_per_user(users, seed=1)).any()
    with pytest.raises(DataError, match="sum to 1"):
        random_per_user(users, (0.5, 0.1), seed=0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_leave_one_out_takes_the_last_by_time_then_tie(rows):
    users, times = np.array(rows).T
    ties = np.arange(len(rows))
    part = leave_one_out(users, times, ties)
    for user in np.unique(users):
        mine = np.flatnonzero(users == user)
        ordered = sorted(mine, key=lambda row: (times[row], ties[row]))
        expected = [0] * (len(mine) - 2) + [1, 2] if len(mine) >= 3 else [0] * len(mine)
        assert part[ordered].tolist() == expected
