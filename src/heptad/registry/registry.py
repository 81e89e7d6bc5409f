"""Versions of every system on disk: register, promote, refuse, roll back; readable after kill -9 anywhere."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from heptad.durable import replace, sync, sync_tree
from heptad.errors import DataError, StateError
from heptad.registry.journal import Action, Event, read_events, standing, write_events
from heptad.registry.version import MANIFEST, Lineage, Version, manifest_of, open_version

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_UNFINISHED: Final = ".unfinished"


class Registry:
    """A directory ``root/<system>/`` with ``v0001``, ``v0002``, … and one journal of decisions.

    A version is written aside, synced, and renamed into place; it exists once the journal names it. So a
    process killed anywhere leaves either the whole version or none, and what it left aside is swept up by the
    next `register`. Writers take a lock; readers need none. Times are microseconds and come from the caller.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def systems(self) -> list[str]:
        """The systems that have a version, by name."""
        return sorted(path.parent.name for path in self.root.glob("*/journal.json"))

    def register(
        self,
        system: str,
        write: Callable[[Path], None],
        *,
        metrics: Mapping[str, float],
        lineage: Lineage,
        time: int,
        reason: str = "trained",
    ) -> Version:
        """Add the next version as a challenger; on disk when this returns.

        ``write`` is given an empty directory and puts the model's files there (see `copying`).
        """
        home = self._home(system)
        home.mkdir(parents=True, exist_ok=True)
        with _lock(home):
            events = read_events(home)
            known = [event.version for event in events if event.action == "registered"]
            _sweep(home, known)
            name = f"v{len(known) + 1:04d}"
            aside = home / _UNFINISHED
            aside.mkdir()
            write(aside)
            if (aside / MANIFEST).exists():
                raise DataError(
                    f"files of {system}", f"any name but {MANIFEST}", MANIFEST, "name that file otherwise"
                )
            manifest = manifest_of(
                aside, system=system, name=name, created=time, metrics=metrics, lineage=lineage
            )
            replace(aside / MANIFEST, manifest)
            sync_tree(aside)
            os.rename(aside, home / name)
            sync(home)
            sync(self.root)
            digest = hashlib.sha256(manifest).hexdigest()
            write_events(home, [*events, Event(time, "registered", name, reason, digest)])
        return self.get(system, name)

    def get(self, system: str, version: str) -> Version:
        """One version, every file checked; `StateError` if it was tampered with."""
        return self._open(system, version, read_events(self._home(system)))

    def versions(self, system: str) -> list[Version]:
        """All versions, oldest first; only manifests are checked, so `get` one before loading it."""
        events = read_events(self._home(system))
        names = [event.version for event in events if event.action == "registered"]
        return [self._open(system, name, events, check_files=False) for name in names]

    def champion(self, system: str) -> Version | None:
        """The version that serves, or None before the first promotion."""
        events = read_events(self._home(system))
        name = standing(events).champion
        return None if name is None else self._open(system, name, events)

    def champion_name(self, system: str) -> str | None:
        """The name alone of the version that serves: cheap enough to be asked every second."""
        return standing(read_events(self._home(system))).champion

    def history(self, system: str) -> list[Event]:
        """Every decision with its time and reason, oldest first."""
        return read_events(self._home(system))

    def promote(self, system: str, version: str, *, time: int, reason: str) -> Version:
        """Make a version the champion; the champion before it is archived. Its files are checked first."""
        return self._decide(system, "promoted", version, time, reason)

    def archive(self, system: str, version: str, *, time: int, reason: str) -> Version:
        """Put a version that does not serve aside; it can be promoted later, but is not rolled back to."""
        return self._decide(system, "archived", version, time, reason)

    def refuse(self, system: str, version: str, *, time: int, reason: str) -> Version:
        """Record that a challenger did not pass."""
        return self._decide(system, "refused", version, time, reason)

    def roll_back(self, system: str, *, time: int, reason: str) -> Version:
        """Withdraw the champion (it becomes refused) and give back the champion before it.

        A version rolled back once is not rolled back to; `StateError` where there is no earlier champion.
        """
        home = self._home(system)
        with _lock(home):
            events = read_events(home)
            champions = standing(events).champions
            if len(champions) < 2:
                raise StateError(
                    f"roll-back of {system}", "a champion before this one", ", ".join(champions) or "none",
                    "promote a version by name",
                )  # fmt: skip
            version = self._open(system, champions[-2], events)  # never serve a damaged one
            write_events(home, [*events, Event(time, "rolled back", champions[-1], reason)])
        return self.get(system, version.name)

    def _home(self, system: str) -> Path:
        """The directory of a system; DataError where the name could lead out of the registry."""
        if _NAME.fullmatch(system) is None:
            raise DataError(
                f"system name {system!r}", "letters, digits, '_', '.' and '-'", system, "rename it"
            )
        return self.root / system

    def _decide(self, system: str, action: Action, version: str, time: int, reason: str) -> Version:
        home = self._home(system)
        with _lock(home):
            events = read_events(home)
            if action == "promoted":
                self._open(system, version, events)
            else:
                _registered(system, version, events)
            if action != "promoted" and standing(events).champion == version:
                raise StateError(
                    f"version {version} of {system}", "a version that does not serve", "the champion",
                    "promote another, or roll it back",
                )  # fmt: skip
            write_events(home, [*events, Event(time, action, version, reason)])
        return self.get(system, version)

    def _open(self, system: str, version: str, events: list[Event], *, check_files: bool = True) -> Version:
        registered = _registered(system, version, events)
        stage = standing(events).stages[version]
        return open_version(self._home(system) / version, registered.manifest, stage, check_files=check_files)


def copying(directory: Path) -> Callable[[Path], None]:
    """A writer for `Registry.register` that copies a directory of model files."""

    def write(target: Path) -> None:
        shutil.copytree(directory, target, dirs_exist_ok=True)

    return write


def _registered(system: str, version: str, events: list[Event]) -> Event:
    found = [e for e in events if e.action == "registered"]
    for event in found:
        if event.version == version:
            return event
    raise StateError(
        f"version {version!r} of {system}",
        f"one of {', '.join(e.version for e in found) or 'none: nothing is registered'}",
        version,
        "list the versions",
    )


def _sweep(home: Path, known: list[str]) -> None:
    """Remove what a killed `register` left: it was never acknowledged."""
    for path in [home / _UNFINISHED, *home.glob("v[0-9]*")]:
        if path.name not in known:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """One writer at a time; the kernel lets go when the process dies."""
    if not home.is_dir():
        raise StateError(
            f"system {home.name!r}",
            "a registered version",
            f"nothing at {home}",
            "train and register one first",
        )
    with (home / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
