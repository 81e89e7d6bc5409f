"""The few file operations a build needs, behind a protocol so that tests can fill the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from heptad.errors import StateError


class Writing(Protocol):
    """A file open for writing. Every method raises OSError where the disk refuses."""

    def write(self, data: Any) -> int: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Disk(Protocol):
    """Where a build writes."""

    def create(self, path: Path) -> Writing:
        """A new file, or an existing one emptied."""

    def publish(self, made: Path, path: Path) -> None:
        """Give a synced file its final name, in one step that lasts."""

    def free(self, path: Path) -> int:
        """Bytes that may still be written below ``path``."""


class OsWriting:
    """A file of the operating system."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        size = rest.nbytes
        while rest.nbytes:
            rest = rest[os.write(self._descriptor, rest) :]
        return size

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class OsDisk:
    """The operating system's files (POSIX)."""

    def create(self, path: Path) -> Writing:
        return OsWriting(path)

    def publish(self, made: Path, path: Path) -> None:
        made.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)  # the name lasts
        finally:
            os.close(descriptor)

    def free(self, path: Path) -> int:
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what a disk refuses into an error a person can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StateError(
                f"build of {path.name}", f"space for the build's temporary files in {path.parent}", error.strerror,
                "free some space, or put the output on a larger disk",
            ) from error  # fmt: skip
        if error.errno is None:
            raise
        raise StateError(
            f"build of {path.name}", f"files that can be written in {path.parent}", error,
            "check the disk and its permissions",
        ) from error  # fmt: skip


Explained = AbstractContextManager[None]
