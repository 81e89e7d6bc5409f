"""The two halves of ingest wired together, as one process runs them."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from heptad.errors import StateError
from heptad.plan.nodes import Plan
from heptad.state.lifetimes import lifetimes_of
from heptad.state.open import discard_state, open_store
from heptad.state.store import OtherPlan, Store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier, check_covered
from heptad.streams.clock import Clock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.log import Log


def open_state(url: str, plan: Plan, log: Log, *, expires: bool = False) -> Store:
    """The store a URL names, as a state of this plan and this log; emptied first where it is another's.

    A state is a checkpoint of the log: one that another plan made, or that covers more records than the log
    holds (its disk came back from an older copy), is discarded, and the applier rebuilds it. ``expires``: events
    come by the wall clock, so a store at a server may forget records that no read can need. Raises StateError where that is needed and the log no longer begins at its beginning.
    """
    reason = _unfit(url, plan, log)
    lifetimes = lifetimes_of(plan) if expires else ()
    if reason is None:
        return open_store(url, plan.state_hash, lifetimes=lifetimes)
    if log.first > 0:
        raise StateError(
            f"the state at {url}", "a whole log to rebuild it from", f"a log from offset {log.first} ({reason})",
            "restore the log's older segments, or the state that fits it",
        ) from reason  # fmt: skip
    discard_state(url)
    return open_store(url, plan.state_hash, lifetimes=lifetimes)


def _unfit(url: str, plan: Plan, log: Log) -> StateError | None:
    """Why the state at a URL cannot be gone on from."""
    try:
        store = open_store(url, plan.state_hash)
    except OtherPlan as error:
        return error
    with closing(store):
        with store.snapshot() as snapshot:  # a server that does not answer is no reason to empty it
            meta = snapshot.meta
        try:
            check_covered(meta, log)
        except StateError as error:
            return error
    return None


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
