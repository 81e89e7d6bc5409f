"""Finds a decision among all that a deployment's processes have logged."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from heptad.errors import DataError, HeptadError
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.serving.decision import Decision, decode
from heptad.streams.log import Log, Record


class Found(NamedTuple):
    """A decision, where it lies, and how often its id was met; ``damage`` is what stopped the search elsewhere."""

    decision: Decision
    log: Path
    offset: int
    times: int
    damage: tuple[str, ...]


def logs_of(profile: Profile) -> list[Path]:
    """The prediction logs of a deployment: one for each process that answers."""
    return sorted(path for path in profile.log.parent.glob("predictions*") if path.is_dir())


def find(profile: Profile, request_id: str, progress: Progress) -> Found:
    """The newest decision of this id; the logs are read from end to end.

    Raises DataError where there is none, StateError where damage may hide it or has changed it.
    """
    needle, newest, times = request_id.encode(), None, 0
    damage: list[HeptadError] = []
    with progress.stage("looking for the request") as stage:
        for path in _logs(profile):
            with Log.open(path, readonly=True) as log:
                try:
                    for record in log.read(log.first):
                        stage.advance()
                        if needle in record.payload and decode(record.payload).request_id == request_id:
                            times += 1
                            newest = _newer(newest, (path, record))
                except HeptadError as error:
                    damage.append(error)
    if newest is not None:
        return _found(newest, times, damage)
    if damage:
        raise damage[0]
    raise DataError(
        f"request {request_id!r}", f"one of the decisions beside {profile.log}", "none of this id",
        "check the id; a crash may lose the newest decisions, and heptad serve --keep-decisions forgets the oldest",
    )  # fmt: skip


def last(profile: Profile) -> Found:
    """The decision that was logged last. Raises DataError where there is none, StateError where it is damaged."""
    newest = None
    for path in _logs(profile):
        with Log.open(path, readonly=True) as log:
            for record in log.read(max(log.first, log.end - 1)):
                newest = _newer(newest, (path, record))
    if newest is None:
        raise DataError(
            "the newest decision", f"some beside {profile.log}", "none", "ask the running system for one"
        )
    return _found(newest, 1, [])


def _logs(profile: Profile) -> list[Path]:
    found = logs_of(profile)
    if not found:
        raise DataError(
            "decisions", f"a prediction log beside {profile.log}", "none",
            "name the profile the system is served with (--profile, --state)",
        )  # fmt: skip
    return found


def _newer(one: tuple[Path, Record] | None, other: tuple[Path, Record]) -> tuple[Path, Record]:
    return other if one is None or other[1].arrival >= one[1].arrival else one


def _found(newest: tuple[Path, Record], times: int, damage: list[HeptadError]) -> Found:
    path, record = newest
    return Found(decode(record.payload), path, record.offset, times, tuple(str(error) for error in damage))
