"""The two halves of ingest wired together, as one process runs them."""

from __future__ import annotations

from typing import NamedTuple

from heptad.plan.nodes import Plan
from heptad.state.store import Store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import Clock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log


class Ingest(NamedTuple):
    """A deployment's way in: rows go to the appender, the applier brings the state up to them."""

    appender: Appender
    applier: Applier

    @classmethod
    def open(
        cls, plan: Plan, log: Log, store: Store, clock: Clock, dead_letters: DeadLetters | None = None
    ) -> Ingest:
        """Go on from what the log and the store hold.

        Arrivals go on from the state's frontier, though the clock was set back since; and the applier takes
        its time from the appender, which knows of records that are still being written.
        """
        with store.snapshot() as snapshot:
            appender = Appender(plan, log, clock, floor=snapshot.meta.frontier)
        return cls(appender, Applier(plan, log, store, appender, dead_letters))
