"""An aggregation that a user adds, a spec and a kernel, works here with no change, whatever its merges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_training_set_oracle import expected, got

from heptad.algebra import catalogue
from heptad.algebra.kernels import last_n
from heptad.algebra.kernels.base import Events
from heptad.algebra.spec import Aggregation, Merge, Segment
from heptad.testing.compare import differences
from heptad.testing.strategies import worlds

BACKWARDS = Aggregation(
    name="backwards",
    takes="any",
    returns="values",
    default=(),
    nulls="skipped",
    bound="exact",
    segments=lambda params: (Segment(Merge.LATEST, params.n),),
    define=lambda events, t, params: tuple(event.value for event in events[: params.n]),
    options=("n",),
)


class BackwardsKernel:
    """The oldest values by the merge of the newest: entries run against time, so walking back is wrong."""

    @staticmethod
    def lift(events, params):
        return last_n.lift(Events(-events.time, ~events.tie, events.values), params)

    finalize = staticmethod(last_n.finalize)


SPAN = Aggregation(
    name="span",
    takes="nothing",
    returns="number",
    default=0.0,
    nulls="-",
    bound="exact",
    segments=lambda params: (Segment(Merge.MIN, 1), Segment(Merge.LATEST, 2), Segment(Merge.MAX, 1)),
    define=lambda events, t, params: (events[-1].time - events[0].time) / 1e6 if events else 0.0,
)


class SpanKernel:
    """Least and greatest time: two merges in one state, and two entries per event that nobody reads."""

    @staticmethod
    def lift(events, params):
        newest = np.stack([events.time, events.tie, events.tie], axis=1)
        return np.concatenate([events.time[:, None], newest, newest, events.time[:, None]], axis=1)

    @staticmethod
    def finalize(words, t, params):
        empty = words[:, 7] == np.iinfo(np.int64).min
        return np.where(empty, 0.0, (np.where(empty, 0, words[:, 7]) - np.where(empty, 0, words[:, 0])) / 1e6)


@pytest.fixture(scope="module")
def _added():
    catalogue.add(BACKWARDS, BackwardsKernel)
    catalogue.add(SPAN, SpanKernel)
    yield
    for name in ("backwards", "span"):  # other tests ask for all aggregations there are
        del catalogue._SPECS[name], catalogue._KERNELS[name]


@pytest.mark.usefixtures("_added")
@pytest.mark.parametrize("name", ["backwards", "span"])
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_an_aggregation_of_ones_own(name, data):
    world = data.draw(worlds(aggregations=[name], size=2))
    assert differences(expected(world, world.o), got(world, world.o)) == []
    everything = [len(world.log)] * len(world.t)
    assert differences(expected(world, everything), got(world, None)) == []
