"""An aggregation that a user adds, a spec and a kernel, works here with no change, whatever its merges."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_training_set_oracle import expected, got

from heptad.algebra import aggregations, catalogue
from heptad.algebra import kernels as kernel_modules
from heptad.algebra.kernels.base import kernel
from heptad.testing.compare import differences
from heptad.testing.strategies import worlds

# The oldest values instead of the newest: entries run against time, so walking back from the head is wrong.
FIRST_SPEC = '''
"""first_n: the n oldest values."""
from heptad.algebra.spec import Aggregation, Merge, Segment
SPEC = Aggregation(
    name="first_n", takes="any", returns="values", default=(), nulls="skipped", bound="exact",
    segments=lambda params: (Segment(Merge.LATEST, params.n),),
    define=lambda events, t, params: tuple(event.value for event in events[: params.n]),
)
'''
FIRST_KERNEL = '''
"""first_n: last_n of a clock that runs backwards."""
from heptad.algebra.kernels import last_n
from heptad.algebra.kernels.base import Events
def lift(events, params):
    return last_n.lift(Events(-events.time, ~events.tie, events.values), params)
finalize = last_n.finalize
'''
# Two merges in one state, and two entries per event.
SPAN_SPEC = '''
"""span: seconds from the oldest to the newest event."""
from heptad.algebra.spec import Aggregation, Merge, Segment
SPEC = Aggregation(
    name="span", takes="nothing", returns="number", default=0.0, nulls="-", bound="exact",
    segments=lambda params: (Segment(Merge.MIN, 1), Segment(Merge.LATEST, 2), Segment(Merge.MAX, 1)),
    define=lambda events, t, params: (events[-1].time - events[0].time) / 1e6 if events else 0.0,
)
'''
SPAN_KERNEL = '''
"""span: least and greatest time; two entries that nobody reads."""
import numpy as np
def lift(events, params):
    newest = np.stack([events.time, events.tie, events.tie], axis=1)
    return np.concatenate([events.time[:, None], newest, newest, events.time[:, None]], axis=1)
def finalize(words, t, params):
    empty = words[:, 7] == np.iinfo(np.int64).min
    return np.where(empty, 0.0, (np.where(empty, 0, words[:, 7]) - np.where(empty, 0, words[:, 0])) / 1e6)
'''


@pytest.fixture(scope="module")
def _added(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for room, files in {
        aggregations: {"first_n": FIRST_SPEC, "span": SPAN_SPEC},
        kernel_modules: {"first_n": FIRST_KERNEL, "span": SPAN_KERNEL},
    }.items():
        place = folder / room.__name__
        place.mkdir()
        for name, text in files.items():
            (place / f"{name}.py").write_text(text)
        room.__path__.append(str(place))
    caches = (catalogue.names, catalogue.get, kernel)
    for cached in caches:
        cached.cache_clear()
    yield
    for room in (aggregations, kernel_modules):
        room.__path__.pop()
        for name in ("first_n", "span"):
            sys.modules.pop(f"{room.__name__}.{name}", None)
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("_added")
@pytest.mark.parametrize("name", ["first_n", "span"])
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_an_aggregation_of_ones_own(name, data):
    world = data.draw(worlds(aggregations=[name], size=2))
    assert differences(expected(world, world.o), got(world, world.o)) == []
    everything = [len(world.log)] * len(world.t)
    assert differences(expected(world, everything), got(world, None)) == []
