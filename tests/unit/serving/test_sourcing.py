"""Sources that fail, are slow or hang: the others answer within the budget, and what is missing is said."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.popular import PopularSource
from heptad.serving.sourcing import Sourcing
from heptad.state.breaker import FAILURES, LONGEST

ITEMS = [f"p{i}" for i in range(20)]
COUNTS = np.arange(20.0)


class Faulty(PopularSource):
    """A real source behind a fault: raises, advances the clock, or waits to be let go."""

    def __init__(self, index, now):
        super().__init__(index)
        self.now, self.fault, self.takes, self.asked = now, None, 0.0, 0
        self.go = threading.Event()

    def propose(self, asked, k):
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        if self.takes is None:
            self.go.wait()
        else:
            self.now[0] += self.takes
        return super().propose(asked, k)


@pytest.fixture
def world():
    now, index = [0.0], ItemIndex(ITEMS)
    sources = {name: Faulty(index, now) for name in ("first", "second")}
    retriever = Retriever({name: Quota(source, 5) for name, source in sources.items()}, index, 10)
    sourcing = Sourcing(retriever, 1.0, timer=lambda: now[0])
    yield sourcing, sources, now
    for source in sources.values():
        source.go.set()


def items(found):
    return found.candidates.items.tolist()


def test_while_all_is_well_it_is_the_retriever(world):
    sourcing, _, _ = world
    found = sourcing.ask((), ("p19",), COUNTS).found()
    expected = sourcing.retriever.retrieve([()], [("p19",)], COUNTS)
    assert items(found) == expected.items.tolist() == ["p18", "p17", "p16", "p15", "p14"]
    assert {name: s.tolist() for name, s in found.candidates.scores.items()} == {
        name: s.tolist() for name, s in expected.scores.items()
    }
    assert (found.left_out, found.error) == ((), None)


def test_a_source_that_fails_is_left_out_and_tried_again_later(world):
    sourcing, sources, now = world
    whole = items(sourcing.ask((), (), COUNTS).found())
    sources["first"].fault = ValueError("broken")
    for _ in range(10):
        found = sourcing.ask((), (), COUNTS).found()
        assert found.left_out == ("first",)
        assert found.error is sources["first"].fault
        assert items(found) == whole, "the other source proposes"
        assert found.candidates.scores["first"].tolist() == [0.0] * len(whole)
    assert sources["first"].asked == 1 + FAILURES, "it is left alone"
    sources["first"].fault = None
    now[0] += LONGEST
    assert sourcing.ask((), (), COUNTS).found().left_out == ()


def test_a_source_that_hangs_is_not_waited_for(world):
    sourcing, sources, now = world
    sources["second"].takes = 0.5  # slow, and in its budget: from now on it is asked on a thread
    assert sourcing.ask((), (), COUNTS).found().left_out == ()
    sources["second"].takes = None
    sourcing._budget = 0.0  # nothing more is waited for, however busy the machine is
    for _ in range(FAILURES):
        found = sourcing.ask((), (), COUNTS).found()
        assert found.left_out == ("second",)
        assert len(items(found)) == 5
    asked = sources["second"].asked
    assert sourcing.ask((), (), COUNTS).found().left_out == ("second",)
    assert sources["second"].asked <= max(asked, 1 + FAILURES)
    sources["second"].go.set()
    sources["second"].takes, sourcing._budget = 0.0, 60.0
    now[0] += LONGEST
    while sourcing.ask((), (), COUNTS).found().left_out:
        now[0] += LONGEST


def test_several_requests_ask_a_slow_source_before_one_waits_for_it(world):
    sourcing, sources, _ = world
    sources["second"].takes = 0.5
    sourcing.ask((), (), COUNTS).found()
    sources["second"].takes, sourcing._budget = None, 60.0
    under = [sourcing.ask((), (), COUNTS) for _ in range(5)]
    sources["second"].go.set()
    assert [one.found().left_out for one in under] == [()] * 5


def test_a_source_that_is_late_again_and_again_is_left_alone(world):
    sourcing, sources, _ = world
    sources["first"].takes = 2.0
    for _ in range(FAILURES):
        sourcing._guards["first"].slow = False  # as another thread may find it: it is asked in turn
        sourcing.ask((), (), COUNTS).found()
    assert sourcing.ask((), (), COUNTS).found().left_out == ("first",)


def test_without_any_source_there_is_an_error(world):
    sourcing, sources, _ = world
    for source in sources.values():
        source.fault = ValueError("broken")
    for _ in range(2 * FAILURES):
        with pytest.raises(ValueError, match="broken"):
            sourcing.ask((), (), COUNTS).found()
