"""What happened to a system's versions, in order, and what follows from it: stages and champion."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from heptad.durable import replace
from heptad.errors import StateError

Action = Literal["registered", "promoted", "archived", "refused", "rolled back"]
Stage = Literal["challenger", "champion", "archived", "refused"]

_FILE: Final = "journal.json"
_VERSION: Final = re.compile(r"v\d{4,9}")  #: so that no name leads out of the registry


@dataclass(frozen=True)
class Event:
    """One decision: at ``time`` (microseconds), about ``version``, and why.

    For ``rolled back``, ``version`` is the champion that was withdrawn. ``manifest`` is the SHA-256 of the
    version's manifest, given when it is registered.
    """

    time: int
    action: Action
    version: str
    reason: str
    manifest: str = ""


@dataclass(frozen=True)
class Standing:
    """What the events add up to: each version's stage, and the champions so far, the present one last."""

    stages: dict[str, Stage]
    champions: tuple[str, ...]

    @property
    def champion(self) -> str | None:
        """The version that serves, if any."""
        return self.champions[-1] if self.champions else None


def standing(events: Sequence[Event]) -> Standing:
    """Replay the events. A roll-back makes the champion before the present one champion again."""
    stages: dict[str, Stage] = {}
    champions: list[str] = []
    for event in events:
        if event.action == "registered":
            stages[event.version] = "challenger"
        elif event.action == "promoted":
            if champions:
                stages[champions[-1]] = "archived"
            champions = [version for version in champions if version != event.version] + [event.version]
            stages[event.version] = "champion"
        elif event.action == "rolled back":
            champions.remove(event.version)
            stages[event.version] = "refused"
            if champions:
                stages[champions[-1]] = "champion"
        else:
            stages[event.version] = event.action
            champions = [version for version in champions if version != event.version]
    return Standing(stages, tuple(champions))


def read_events(directory: Path) -> list[Event]:
    """All events of a system; none where nothing was ever registered."""
    path = directory / _FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        events = [Event(**row) for row in rows]
        for event in events:
            if _VERSION.fullmatch(event.version) is None:
                raise ValueError(f"a version {event.version!r}")
        return events
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise StateError(
            f"registry journal {path}", "the JSON that heptad wrote", error, "restore it from a backup"
        ) from error


def write_events(directory: Path, events: Sequence[Event]) -> None:
    """Replace the journal at once; on disk when this returns."""
    text = json.dumps([asdict(event) for event in events], indent=1) + "\n"
    replace(directory / _FILE, text.encode())
