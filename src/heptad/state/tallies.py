"""Which code writes and reads a tally: one of all time, or one of a window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from numpy.typing import ArrayLike

from heptad.plan.nodes import TallyPlan, TrendPlan
from heptad.state.absorb import Known
from heptad.state.store import Snapshot
from heptad.state.tally import Counts, Tally, TallyReader
from heptad.state.trend import Trend, TrendReader


class TallyWriter(Protocol):
    """Counts the events of each commit."""

    def add(self, values: Iterable[Any], times: ArrayLike, frontier: int) -> dict[tuple[int, bytes], bytes]:
        """Count events by their values; the records that change. ``frontier`` is that after the commit."""
        ...


class CountsReader(Protocol):
    """Reads the counts of any commit."""

    @property
    def newest(self) -> Counts: ...
    def at(self, snapshot: Snapshot, t: int) -> Counts:
        """The counts as of a snapshot, at a t after its frontier; as last read where the store stopped answering."""
        ...


def writer_of(plan: TallyPlan, known: Known) -> TallyWriter:
    """The writer of a tally, going on from what is ``known``."""
    match plan:
        case TrendPlan():
            return Trend(plan, known)
        case _:
            return Tally(plan, known)


def reader_of(plan: TallyPlan) -> CountsReader:
    """A reader of a tally."""
    match plan:
        case TrendPlan():
            return TrendReader(plan)
        case _:
            return TallyReader(plan)
