"""The labelled rows of a deployment: its event log joined with the decisions of all its processes."""

from __future__ import annotations

from collections.abc import Iterator

from heptad.lifecycle.feedback import Feedback, feedback
from heptad.lifecycle.history import History
from heptad.lifecycle.logged import history_of_log
from heptad.run.profile import Profile
from heptad.run.system import System
from heptad.run.why.search import logs_of
from heptad.serving.decision import Decision
from heptad.serving.prediction_log import PredictionLog
from heptad.streams.log import Log


def decisions_of(profile: Profile) -> Iterator[Decision]:
    """Every decision on disk, one log after the other; a server may be writing them."""
    for path in logs_of(profile):
        with PredictionLog.open(path, readonly=True) as log:
            yield from log.read()


def feedback_of(system: System, profile: Profile, now: int) -> tuple[History, Feedback]:
    """The history of the event log, and the rows whose label was settled by ``now`` (microseconds)."""
    with Log.open(profile.log, readonly=True) as log:
        history = history_of_log(system.plan, log)
    return history, feedback(history, system, decisions_of(profile), now)
