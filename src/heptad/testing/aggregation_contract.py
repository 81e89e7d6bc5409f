"""What every aggregation must do, as a suite of tests: subclass it and name yours.

::

    class TestSpread(AggregationContract):
        name = "spread"

The module that adds the aggregation must be imported before (`heptad.algebra.catalogue.add`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.merge import identity, layout, merge
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import Batch, Column, Logged, batch_of, column_of
from heptad.plan.coding import LocalDictionary
from heptad.plan.lift import lift_slot
from heptad.plan.nodes import Plan, SlotPlan, windows_of
from heptad.state.stores.memory import MemoryStore
from heptad.testing.compare import differences
from heptad.testing.deployment import Deployment
from heptad.testing.interleavings import Interleaving, interleavings
from heptad.testing.strategies import World, worlds

#: One suite, many subclasses; the first draw compiles kernels.
_CHECKS = [HealthCheck.differing_executors, HealthCheck.too_slow]
_PHASES = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # a world is small as drawn; shrinking one takes minutes
few = settings(max_examples=20, deadline=None, suppress_health_check=_CHECKS, phases=_PHASES)
some = settings(few, max_examples=40)
many = settings(few, max_examples=80)


class AggregationContract:
    """Tests of the aggregation called ``name``, on drawn declarations, logs and reads."""

    name: ClassVar[str]

    def test_its_specification_is_in_the_catalogue(self) -> None:
        spec = catalogue.get(self.name)
        assert spec.name == self.name
        assert spec.nulls
        assert spec.bound

    @given(data=st.data())
    @few
    def test_the_state_it_reads_is_made_as_it_needs_it(self, data: st.DataObject) -> None:
        """Where it reads another aggregation's state, that one takes the same columns and has the same words."""
        spec, other = catalogue.get(self.name), catalogue.get(_state_of(self.name))
        assert (spec.takes, spec.sees, spec.lists, spec.sparse) == (
            other.takes,
            other.sees,
            other.lists,
            other.sparse,
        )
        assert not other.state_of or other is spec
        plan = data.draw(worlds([self.name], 1)).plan
        for column in plan.columns:
            for part in windows_of(column.source):
                if part.aggregation == self.name:
                    assert spec.segments(part.params) == plan.slot_of(part).segments

    @given(data=st.data())
    @few
    def test_states_merge_alike_in_any_order(self, data: st.DataObject) -> None:
        world = data.draw(worlds([self.name], 1))
        for slot, states in _lifted(world, self.name):
            forth, back = identity(slot.segments), identity(slot.segments)
            assert states.shape[1] == len(forth)
            for one, other in zip(states, states[::-1], strict=True):
                merge(forth, 0, one, 0, layout(slot.segments))
                merge(back, 0, other, 0, layout(slot.segments))
            assert forth.tolist() == back.tolist()

    @given(data=st.data())
    @few
    def test_a_key_nobody_knows_has_the_value_of_no_events(self, data: st.DataObject) -> None:
        plan = data.draw(worlds([self.name], 1)).plan
        request = {f.name: None for f in plan.request}
        expected = Oracle(plan, []).read(request, 0, 0)
        found = training_set(plan, {}, _columns(plan, [request]), np.zeros(1, np.int64))
        assert differences(expected, {name: values.tolist()[0] for name, values in found.items()}) == []

    @given(data=st.data())
    @many
    def test_a_training_row_is_what_the_definition_says(self, data: st.DataObject) -> None:
        world = data.draw(worlds([self.name], 2))
        oracle = Oracle(world.plan, world.log)
        reads = [oracle.read(r, t, o) for r, t, o in zip(world.requests, world.t, world.o, strict=True)]
        expected = {c.name: [read[c.name] for read in reads] for c in world.plan.columns}
        counted = [r for r, verdict in zip(world.log, oracle.verdicts, strict=True) if verdict == "accepted"]
        rows = _columns(world.plan, world.requests)
        t, o = np.array(world.t, np.int64), np.array(world.o, np.int64)
        found = training_set(world.plan, _batches(world.plan, counted), rows, t, o)
        assert differences(expected, {name: values.tolist() for name, values in found.items()}) == []

    @given(data=st.data())
    @some
    def test_a_live_read_is_what_the_definition_says(self, data: st.DataObject) -> None:
        drawn: Interleaving = data.draw(interleavings([self.name]))
        deployment = Deployment(drawn.plan, drawn.start, lambda: MemoryStore(drawn.plan.state_hash))
        try:
            deployment.run(drawn.steps)
            log, seen = deployment.records(), deployment.seen
        finally:
            deployment.close()
        oracle = Oracle(drawn.plan, log)
        for read in seen:
            assert differences(oracle.read(read.request, read.t, read.o), read.values) == []


def _state_of(name: str) -> str:
    return catalogue.get(name).state_of or name


def _lifted(world: World, name: str) -> Iterator[tuple[SlotPlan, NDArray[np.int64]]]:
    """The slots of the aggregation, and the state of every event of the log in each."""
    batches = _batches(world.plan, world.log)
    for group in world.plan.groups:
        for slot in group.slots:
            if slot.aggregation == _state_of(name):
                yield slot, lift_slot(batches[group.stream], slot, LocalDictionary())


def _batches(plan: Plan, log: Sequence[Logged]) -> dict[str, Batch]:
    by_stream = {s: [r for r in log if r.stream == s.name] for s in plan.streams}
    return {s.name: batch_of(s, [r.row for r in rs], [r.offset for r in rs]) for s, rs in by_stream.items()}


def _columns(plan: Plan, requests: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    return {f.name: column_of([request[f.name] for request in requests], f.kind) for f in plan.request}
