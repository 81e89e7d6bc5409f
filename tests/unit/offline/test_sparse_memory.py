"""A histogram over many values costs a word per event, not a state per event, however hot its key is."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import heptad as hp
from heptad.offline.training_set import training_set
from heptad.plan.batch import Column, batch_from
from heptad.plan.compile import compile_features

EVENTS, READS, VALUES = 200_000, 500, 1_000
DENSE = EVENTS * VALUES // 2 * 8  #: bytes of a state per event


class Play(hp.Event):
    ts: hp.Time
    user: hp.Id
    video: int


class Ask(hp.Event):
    ts: hp.Time
    user: hp.Id


def column(values):
    return Column(np.asarray(values), np.ones(len(values), np.bool_))


@pytest.mark.parametrize("hidden", [0, EVENTS // 2], ids=["all known", "half of them unknown"])
def test_a_hot_key_of_a_wide_histogram(hidden):
    feature = Play.per("user").histogram("video", "all", vocabulary=tuple(range(VALUES)))
    plan = compile_features(hp.Data(dynamic={"seen": feature}), hp.label(Ask))
    rng = np.random.default_rng(3)
    video = rng.integers(0, VALUES + 5, EVENTS)
    stream = plan.stream("Play")
    held = {
        "ts": column(np.arange(EVENTS)),
        "user": column(np.zeros(EVENTS, np.int64)),
        "video": column(video),
    }
    events = {"Play": batch_from(stream, held, np.arange(EVENTS))}
    t = np.sort(rng.integers(1, EVENTS + 1, READS))
    o = np.full(READS, EVENTS - hidden)
    tracemalloc.start()
    found = training_set(plan, events, {"user": column(np.zeros(READS, np.int64))}, t, o if hidden else None)[
        "seen"
    ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < DENSE / 5
    for row in (0, READS // 2, READS - 1):
        known = np.minimum(video[: min(t[row], EVENTS - hidden)], VALUES)
        assert found[row].tolist() == np.bincount(known, minlength=VALUES + 1).tolist()
