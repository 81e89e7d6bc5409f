"""The one directory a build writes in, beside its output: locked while the build lives, removed when it ends.

The output is written there too and gets its name by one rename, so that nothing of an interrupted build is ever
seen under that name. What a killed build left behind is removed by the next one for the same output.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from heptad.errors import StateError
from heptad.offline.build.disk import Disk


class Workspace:
    """A context: a fresh directory ``.NAME.PID.building`` beside ``out``."""

    def __init__(self, out: Path, disk: Disk) -> None:
        self.out, self.disk = out, disk
        self.path = out.parent / f".{out.name}.{os.getpid()}.building"
        self._lock = -1

    def __enter__(self) -> Self:
        if self.out.is_dir():
            raise StateError(
                f"output {self.out}", "the name of a file", "a directory", "name a .parquet file in it"
            )
        self.out.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(self.out)
        shutil.rmtree(self.path, ignore_errors=True)  # of a process that had this number before
        self.path.mkdir()
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def file(self, name: str) -> Path:
        """The path of a file of the build."""
        return self.path / name

    def publish(self, made: Path) -> None:
        """Give the finished output its name."""
        self.disk.publish(made, self.out)


def remove_stale(out: Path) -> list[Path]:
    """Remove what builds of ``out`` left that are no longer alive; their directories."""
    removed = []
    for path in sorted(out.parent.glob(f".{out.name}.*.building")):
        if _abandoned(path / "lock"):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def _abandoned(lock: Path) -> bool:
    """Whether nobody holds the lock: it goes with its process, however that ended."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False
    finally:
        os.close(descriptor)
