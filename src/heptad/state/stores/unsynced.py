"""Whether a state on this machine may have lost writes: those of a process that was killed are safe, those before a
power failure are not.

A commit that does not wait for the disk leaves its pages with the system, which writes them when it likes. They outlive the
process, not the machine. So a file beside the state names the machine's boot while there are such pages; found after another
boot, it says that some may be missing, which nobody can tell from the pages themselves (decision record 43).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from heptad.durable import sync

#: What Linux draws anew whenever it boots.
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
#: The file, in the directory of the state.
NAME: Final = "unsynced"


class Unsynced:
    """The mark in one directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self.boot: str | None = None  #: None: nobody knows, so every commit must wait for the disk
        with suppress(OSError):
            self.boot = BOOT.read_text(encoding="ascii").strip()

    @property
    def lost(self) -> bool:
        """Whether the machine has gone down, or the directory came to another one, before all was on disk."""
        try:
            return self._path.read_text(encoding="ascii").strip() != self.boot
        except (FileNotFoundError, NotADirectoryError):
            return False

    def mark(self) -> None:
        """What is written from now on may be lost with the machine: to be called before each commit."""
        if self.boot is not None and not self._path.exists():
            with self._path.open("w", encoding="ascii") as file:
                file.write(self.boot)
                file.flush()
                os.fsync(file.fileno())
            sync(self._path.parent)

    def clear(self) -> None:
        """All is on disk."""
        self._path.unlink(missing_ok=True)
        if self._path.parent.exists():
            sync(self._path.parent)
